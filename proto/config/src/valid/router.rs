//! A logical router: redundancy, routes, nodes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use types::{Giid, Name};

use super::interface::DeviceInterface;

/// One logical router: one node, or two of them acting as one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Router {
    /// The router's name.
    pub name: Name,
    /// Somebody works on it.
    pub maintenance_mode: bool,
    /// What shares fate; at most one in this release, and every shared device-interface is in it.
    pub redundancy_groups: Vec<RedundancyGroup>,
    /// How services are delivered; those of disabled services are left out.
    pub service_routes: Vec<ServiceRoute>,
    /// Routes typed by hand.
    pub static_routes: Vec<StaticRoute>,
    /// One or two nodes.
    pub nodes: Vec<Node>,
}

impl Router {
    /// The node that `node.toml` names.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name.as_str() == name)
    }
}

/// Device-interfaces of both nodes that move together.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RedundancyGroup {
    /// The group's name.
    pub name: Name,
    /// Its device-interfaces, each with its half on the other node.
    pub members: Vec<Member>,
}

/// A device-interface in a redundancy-group.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Member {
    /// The node.
    pub node: Name,
    /// The device-interface on it.
    pub device_interface: Name,
}

/// How this router delivers a service.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServiceRoute {
    /// The service-route's name.
    pub name: Name,
    /// The service it delivers.
    pub service: Name,
    /// Where its sessions go.
    pub delivery: Delivery,
}

/// The one way in which a service-route delivers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// Where the FIB says.
    LearnedRoutes,
    /// Through these interfaces; each node uses the entries that carry its name, in order.
    NextHops(Vec<NextHop>),
}

/// One way out for a service.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NextHop {
    /// The interface to leave by.
    pub via: NodeInterface,
    /// Who gets IPv4 packets: `gateway-ip`, else the interface's gateway; `None` means the
    /// destination itself is on link.
    pub gateway_v4: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub gateway_v6: Option<Ipv6Addr>,
}

/// A network-interface of one node.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NodeInterface {
    /// The node.
    pub node: Name,
    /// The network-interface on it.
    pub interface: Name,
    /// Its global id.
    pub giid: Giid,
}

/// A route typed by hand.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StaticRoute {
    /// The destination; host bits are zero.
    pub prefix: IpNet,
    /// Administrative distance, 1 to 255; the lowest wins.
    pub distance: u8,
    /// Where its packets go.
    pub target: StaticTarget,
}

/// Where a static route's packets go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StaticTarget {
    /// To a neighbour on link.
    Gateway {
        /// The neighbour.
        gateway: IpAddr,
        /// The interface whose subnet it is in, one for each node that has one.
        via: Vec<NodeInterface>,
    },
    /// To the destination itself, on this interface's link, one for each node.
    OnLink(Vec<NodeInterface>),
    /// Nowhere.
    Blackhole,
}

/// One machine of a router.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Node {
    /// The node's name.
    pub name: Name,
    /// How many session processors it runs.
    pub session_processors: SessionProcessors,
    /// Its ports; those with `enabled false` are left out.
    pub device_interfaces: Vec<DeviceInterface>,
}

/// How many session processors a node runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SessionProcessors {
    /// As many as the machine's cores allow.
    Automatic,
    /// This many; at least one.
    Manual(u8),
}
