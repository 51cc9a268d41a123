//! What this node's redundancy group is made of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use config::bootstrap::Bootstrap;
use config::valid::{DeviceInterface, NetworkInterface, Node, Router, Vrrp};
use types::{Epoch, Name, NodeId};
use vrrp::{Addresses, GroupPlan, LinkPlan, MemberPlan};
use wire::vrrp::ChecksumForm;

/// A process that has just started leaves the role to others for at least this long: its sockets
/// are younger than its peer's adverts.
const SHORTEST_START_HOLD: Duration = Duration::from_millis(200);

/// The group's plan; `None` on a router whose interfaces are not shared.
pub(crate) fn compile(
    bootstrap: &Bootstrap,
    router: &Router,
    node: &Node,
    initial_epoch: Epoch,
    (peer, heartbeat_key): (Option<NodeId>, Option<[u8; 32]>),
) -> Option<GroupPlan> {
    let group = router.redundancy_groups.first()?;
    let shared: Vec<(&DeviceInterface, Vrrp)> = node
        .device_interfaces
        .iter()
        .filter_map(|device| Some((device, device.vrrp?)))
        .collect();
    // Validation made these equal for all members of the group on one node.
    let (_, vrrp) = shared.first()?;
    Some(GroupPlan {
        node: bootstrap.local,
        group: group.name.clone(),
        priority: vrrp.priority,
        preempt: vrrp.preempt,
        interval: vrrp.interval,
        members: shared
            .iter()
            .flat_map(|(device, vrrp)| members(device, *vrrp))
            .collect(),
        peer_sources: peer_sources(router, &node.name),
        peer,
        links: links(bootstrap),
        heartbeat_interval: None,
        heartbeat_key,
        cluster: bootstrap.cluster.to_string(),
        initial_epoch,
        start_hold: (vrrp.interval * 4).max(SHORTEST_START_HOLD),
        // keepalived and FRR refuse the other form, and a pair may have such a neighbour (ADR 7).
        checksum: ChecksumForm::PseudoHeader,
    })
}

/// One virtual router for each family that the device has addresses of.
fn members(device: &DeviceInterface, vrrp: Vrrp) -> Vec<MemberPlan> {
    let member = |interface: &NetworkInterface, addresses| MemberPlan {
        giid: interface.giid,
        device: device.interface_name.clone(),
        vrid: vrrp.vrid,
        addresses,
    };
    let mut members = Vec::new();
    for interface in &device.network_interfaces {
        if let (Some(source), addresses @ [_, ..]) = (source_v4(interface), &*virtual_v4(interface))
        {
            let addresses = Addresses::V4 {
                source,
                addresses: addresses.to_vec(),
            };
            members.push(member(interface, addresses));
        }
        let addresses = virtual_v6(interface);
        if !addresses.is_empty() {
            members.push(member(interface, Addresses::V6 { addresses }));
        }
    }
    members
}

fn virtual_v4(interface: &NetworkInterface) -> Vec<Ipv4Addr> {
    let addresses = interface.addresses.iter();
    addresses
        .filter_map(|address| v4(address.interface.ip))
        .collect()
}

fn virtual_v6(interface: &NetworkInterface) -> Vec<Ipv6Addr> {
    let addresses = interface.addresses.iter();
    addresses
        .filter_map(|address| match address.interface.ip {
            IpAddr::V6(ip) => Some(ip),
            IpAddr::V4(_) => None,
        })
        .collect()
}

/// The first utility address: advertisements come from this node, not from the virtual router.
fn source_v4(interface: &NetworkInterface) -> Option<Ipv4Addr> {
    interface
        .addresses
        .iter()
        .find_map(|address| v4(address.interface.utility?))
}

fn v4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}

fn peer_sources(router: &Router, local: &Name) -> Vec<IpAddr> {
    let peers = router.nodes.iter().filter(|node| node.name != *local);
    peers
        .flat_map(|node| &node.device_interfaces)
        .filter(|device| device.is_shared())
        .flat_map(|device| &device.network_interfaces)
        .filter_map(source_v4)
        .map(IpAddr::V4)
        .collect()
}

fn links(bootstrap: &Bootstrap) -> Vec<LinkPlan> {
    let links = bootstrap.ha_links.iter();
    links
        .map(|link| LinkPlan {
            name: link.name.clone(),
            local: link.local,
            remote: link.remote,
            device: link.device.clone(),
        })
        .collect()
}
