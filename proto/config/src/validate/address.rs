//! Addresses: each usable in its subnet, each used once, and subnets that do not overlap.

use core::ops::Bound;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::view::{Address, Interface, Node, Router};
use crate::candidate::Block;
use crate::findings::Findings;
use crate::schema::Leaf;
use crate::schema::interface::{GATEWAY, IP_ADDRESS, PREFIX_LENGTH, UTILITY_IP_ADDRESS};

pub(super) fn check(router: &Router<'_>, findings: &mut Findings) {
    for interface in router.interfaces() {
        if interface.addresses.is_empty() {
            findings.error(
                interface
                    .block
                    .complain("it has no address", "add an address with its prefix-length"),
            );
        }
        for address in &interface.addresses {
            check_address(interface, address, findings);
        }
        check_advertisement_sources(interface, findings);
    }
    for node in &router.nodes {
        check_overlaps(node, findings);
    }
    check_used_once(router, findings);
}

fn check_address(interface: &Interface<'_>, address: &Address<'_>, findings: &mut Findings) {
    let block = address.block;
    let Some(ip) = address.ip else { return };
    if ip.is_ipv4()
        && block
            .peek::<u8>(&PREFIX_LENGTH)
            .is_some_and(|length| length > 32)
    {
        findings.error(block.blame(
            &PREFIX_LENGTH,
            "an IPv4 prefix has 32 bits at most",
            "type a number from 1 to 32",
        ));
    }
    if let Some(reason) = unusable(ip) {
        findings.error(block.blame(&IP_ADDRESS, reason, "type a unicast address"));
        return;
    }
    let Some(subnet) = address.subnet else { return };
    check_host(block, &IP_ADDRESS, ip, subnet, findings);
    if let Some(gateway) = address.gateway {
        check_host(block, &GATEWAY, gateway, subnet, findings);
        if interface.owns(gateway) {
            findings.error(block.blame(
                &GATEWAY,
                "it is an address of this interface itself",
                "type the neighbour's address",
            ));
        }
    }
    if let Some(utility) = address.utility {
        if interface.shared {
            check_host(block, &UTILITY_IP_ADDRESS, utility, subnet, findings);
        } else {
            findings.error(block.blame(
                &UTILITY_IP_ADDRESS,
                "the interface is not shared, so its address never leaves the node",
                "enable vrrp on the device-interface, or leave the utility address out",
            ));
        }
    }
}

/// `ip` must be a host's address of `subnet`.
fn check_host(
    block: &Block,
    leaf: &'static Leaf,
    ip: IpAddr,
    subnet: IpNet,
    findings: &mut Findings,
) {
    let next_step = format!("type a host's address of {subnet}");
    // Point-to-point subnets (RFC 3021, RFC 6164) and single hosts have neither of the two.
    let small = subnet.max_prefix_len() - subnet.prefix_len() <= 1;
    if ip.is_ipv4() != subnet.addr().is_ipv4() || !subnet.contains(&ip) {
        findings.error(block.blame(leaf, format!("it is not in {subnet}"), next_step));
    } else if !small && ip == subnet.network() {
        let reason = match ip {
            IpAddr::V4(_) => format!("it is the network address of {subnet}"),
            IpAddr::V6(_) => format!("it is the anycast address of all routers in {subnet}"),
        };
        findings.error(block.blame(leaf, reason, next_step));
    } else if !small && ip.is_ipv4() && ip == subnet.broadcast() {
        let reason = format!("it is the broadcast address of {subnet}");
        findings.error(block.blame(leaf, reason, next_step));
    }
}

/// Why an interface cannot have this address.
fn unusable(ip: IpAddr) -> Option<&'static str> {
    if ip.is_unspecified() {
        Some("it is the unspecified address")
    } else if ip.is_loopback() {
        Some("it is a loopback address")
    } else if ip.is_multicast() {
        Some("it is a multicast address")
    } else {
        match ip {
            IpAddr::V4(v4) if v4.is_broadcast() => Some("it is the limited broadcast address"),
            IpAddr::V4(v4) if v4.octets().starts_with(&[0]) => Some("0.0.0.0/8 has no hosts"),
            IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                Some("link-local addresses are derived from the MAC address, never typed")
            }
            IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
                Some("an IPv4-mapped address never stands on a wire")
            }
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }
}

/// VRRP for IPv4 sends from an address that stays on the node (RFC 9568 §5.1.1.1), so each shared
/// IPv4 subnet needs one. IPv6 sends from the link-local address.
fn check_advertisement_sources(interface: &Interface<'_>, findings: &mut Findings) {
    if !interface.shared {
        return;
    }
    let typed = |address: &&Address<'_>| address.block.words(&UTILITY_IP_ADDRESS).next().is_some();
    let with_source = interface.addresses.iter().filter(typed);
    let mut done: BTreeSet<IpNet> = with_source.filter_map(|address| address.subnet).collect();
    for address in &interface.addresses {
        let Some(subnet) = address.subnet.filter(|subnet| subnet.addr().is_ipv4()) else {
            continue;
        };
        // Once for each subnet, at its first address.
        if done.insert(subnet) {
            findings.error(address.block.blame(
                &UTILITY_IP_ADDRESS,
                format!("vrrp needs an address of this node in {subnet} to send from"),
                "type an address that stays on this node",
            ));
        }
    }
}

/// One subnet of a node is on one interface, and no subnet is inside another.
fn check_overlaps(node: &Node<'_>, findings: &mut Findings) {
    let mut earlier: BTreeMap<IpNet, &Interface<'_>> = BTreeMap::new();
    for interface in node.interfaces() {
        for address in &interface.addresses {
            let Some(subnet) = address.subnet else {
                continue;
            };
            if let Some((other, holder)) = overlapping(&earlier, subnet, interface) {
                findings.error(address.block.complain(
                    format!(
                        "{subnet} overlaps {other} of network-interface {}",
                        holder.name
                    ),
                    "give each network-interface subnets of its own",
                ));
            }
            earlier.entry(subnet).or_insert(interface);
        }
    }
}

/// A subnet that lies around `subnet` or inside it. The same one on the same interface is none: it has
/// several addresses there.
fn overlapping<'a, 'b>(
    earlier: &BTreeMap<IpNet, &'b Interface<'a>>,
    subnet: IpNet,
    interface: &Interface<'_>,
) -> Option<(IpNet, &'b Interface<'a>)> {
    let same = earlier
        .get_key_value(&subnet)
        .filter(|(_, holder)| !core::ptr::eq(holder.block, interface.block));
    let around = || {
        let wider = core::iter::successors(subnet.supernet(), IpNet::supernet);
        wider
            .filter_map(|wider| earlier.get_key_value(&wider))
            .last()
    };
    // Subnets are ordered by their first address, and of one address the wider comes first: what lies
    // inside this one follows it.
    let inside = || {
        let mut after = earlier.range((Bound::Excluded(subnet), Bound::Unbounded));
        after.next().filter(|(other, _)| subnet.contains(*other))
    };
    let found = same.or_else(around).or_else(inside);
    found.map(|(other, holder)| (*other, *holder))
}

/// An address is one node's, or the virtual address of both halves of a shared interface.
fn check_used_once(router: &Router<'_>, findings: &mut Findings) {
    let mut seen: BTreeMap<IpAddr, Use<'_>> = BTreeMap::new();
    for interface in router.interfaces() {
        for address in &interface.addresses {
            let virtual_ip = address.ip.map(|ip| (ip, &IP_ADDRESS));
            let utility = address.utility.map(|ip| (ip, &UTILITY_IP_ADDRESS));
            for (ip, leaf) in virtual_ip.into_iter().chain(utility) {
                let this = Use { interface, leaf };
                let Some(first) = seen.get(&ip) else {
                    seen.insert(ip, this);
                    continue;
                };
                if !first.is_other_half_of(&this) {
                    let reason = format!(
                        "network-interface {} of node {} has it as {}",
                        first.interface.name, first.interface.node, first.leaf.name
                    );
                    let next_step = "give each an address of its own; only vrrp shares addresses";
                    findings.error(address.block.blame(leaf, reason, next_step));
                }
            }
        }
    }
}

struct Use<'a> {
    interface: &'a Interface<'a>,
    leaf: &'static Leaf,
}

impl Use<'_> {
    fn is_other_half_of(&self, other: &Self) -> bool {
        let both_virtual = core::ptr::eq(self.leaf, &raw const IP_ADDRESS)
            && core::ptr::eq(other.leaf, &raw const IP_ADDRESS);
        both_virtual
            && self.interface.shared
            && other.interface.shared
            && self.interface.node != other.interface.node
    }
}
