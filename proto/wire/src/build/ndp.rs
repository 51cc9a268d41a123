//! Neighbor Discovery for a router's own and virtual addresses.

use std::net::{IpAddr, Ipv6Addr};

use types::net::solicited_node;
use types::{MacAddr, Protocol};

use super::{Covers, Envelope, TOS_CONTROL};
use crate::icmp;
use crate::ndp::{
    FLAG_OVERRIDE, FLAG_ROUTER, FLAG_SOLICITED, NEIGHBOR_ADVERTISEMENT, NEIGHBOR_SOLICITATION,
    SOURCE_LINK_LAYER, Station, TARGET_LINK_LAYER,
};

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Asks the group of `target` who has it. With an unspecified sender address it is a probe for
/// duplicates and carries no MAC address (RFC 4861 §4.3).
pub fn neighbor_solicitation(out: &mut Vec<u8>, sender: Station, target: Ipv6Addr) {
    let ip = solicited_node(target);
    solicit(
        out,
        sender,
        Station {
            mac: MacAddr::multicast_v6(ip),
            ip,
        },
        target,
    );
}

/// Asks a known neighbour whether it is still there (RFC 4861 §7.3.3).
pub fn neighbor_solicitation_to(out: &mut Vec<u8>, sender: Station, neighbor: Station) {
    solicit(out, sender, neighbor, neighbor.ip);
}

/// Answers `asker`: `owner`, a router, has its address.
///
/// A probe for duplicates has no asker to answer: its answer is [`unsolicited_na`] (RFC 4861
/// §7.2.4).
pub fn neighbor_advertisement(out: &mut Vec<u8>, owner: Station, asker: Station) {
    advertise(
        out,
        owner,
        asker,
        FLAG_ROUTER | FLAG_SOLICITED | FLAG_OVERRIDE,
    );
}

/// Announces a virtual address to the link (RFC 9568 §6.4.1): router and override, not solicited.
pub fn unsolicited_na(out: &mut Vec<u8>, owner: Station) {
    let everybody = Station {
        mac: MacAddr::multicast_v6(ALL_NODES),
        ip: ALL_NODES,
    };
    advertise(out, owner, everybody, FLAG_ROUTER | FLAG_OVERRIDE);
}

fn solicit(out: &mut Vec<u8>, sender: Station, to: Station, target: Ipv6Addr) {
    let option = (!sender.ip.is_unspecified()).then_some((SOURCE_LINK_LAYER, sender.mac));
    message(
        out,
        sender,
        to,
        &Message {
            kind: NEIGHBOR_SOLICITATION,
            flags: 0,
            target,
            option,
        },
    );
}

fn advertise(out: &mut Vec<u8>, owner: Station, to: Station, flags: u8) {
    let option = Some((TARGET_LINK_LAYER, owner.mac));
    let kind = NEIGHBOR_ADVERTISEMENT;
    message(
        out,
        owner,
        to,
        &Message {
            kind,
            flags,
            target: owner.ip,
            option,
        },
    );
}

struct Message {
    kind: u8,
    flags: u8,
    target: Ipv6Addr,
    option: Option<(u8, MacAddr)>,
}

fn message(out: &mut Vec<u8>, from: Station, to: Station, message: &Message) {
    let envelope = Envelope {
        dst_mac: to.mac,
        src_mac: from.mac,
        src: IpAddr::V6(from.ip),
        dst: IpAddr::V6(to.ip),
        protocol: Protocol::ICMPV6,
        tos: TOS_CONTROL,
        // Proof that no router passed it on (RFC 4861 §7.1).
        ttl: 255,
    };
    let length = if message.option.is_some() { 32 } else { 24 };
    // Both addresses are IPv6 and the message is as long as its checksum's place: neither fails.
    let written = envelope.write(length, out).and_then(|()| {
        out.extend_from_slice(&[message.kind, 0, 0, 0, message.flags, 0, 0, 0]);
        out.extend_from_slice(&message.target.octets());
        if let Some((kind, mac)) = message.option {
            out.extend_from_slice(&[kind, 1]);
            out.extend_from_slice(&mac.0);
        }
        envelope.seal(icmp::CHECKSUM, Covers::PseudoHeader, out)
    });
    debug_assert!(written.is_some());
}
