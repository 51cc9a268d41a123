//! A configuration that has passed every rule: typed, complete, with all defaults resolved.
//!
//! Only `Candidate::validate` makes a [`Valid`], so nobody downstream
//! checks again. The structs below are for reading: fields are public, literals are not possible
//! outside this crate.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use types::{Giid, InterfaceAddress, MacAddr, Name, Protocol, Vrid};

use crate::problem::Problem;

/// The whole tree, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Valid {
    pub(crate) authority: Authority,
    pub(crate) routers: Vec<Router>,
    pub(crate) warnings: Vec<Problem>,
}

impl Valid {
    /// What all routers share.
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Every router of the authority, in the order it was typed.
    pub fn routers(&self) -> &[Router] {
        &self.routers
    }

    /// The router that `node.toml` names.
    pub fn router(&self, name: &str) -> Option<&Router> {
        self.routers
            .iter()
            .find(|router| router.name.as_str() == name)
    }

    /// What is allowed but probably not meant; never an error.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

/// What holds on every router: who may reach what, and how long idle sessions live.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Authority {
    /// Name of the administrative domain.
    pub name: Name,
    /// Populations of users, by name.
    pub tenants: Vec<Tenant>,
    /// Destinations on offer; those with `enabled false` are left out.
    pub services: Vec<Service>,
    /// Idle timeouts.
    pub session_types: SessionTypes,
    /// Named behaviours that services refer to.
    pub service_policies: Vec<ServicePolicy>,
}

/// A population of users. `staff.corp` is a child of `corp`: a policy on the parent covers it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tenant {
    /// The tenant's name; dots separate the levels, the parent stands last.
    pub name: Name,
}

/// A destination that tenants may reach.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Service {
    /// The service's name.
    pub name: Name,
    /// Who may use it when no access-policy speaks of them.
    pub scope: Scope,
    /// Destination prefixes; at least one.
    pub addresses: Vec<IpNet>,
    /// Protocols and ports; empty means all of them.
    pub transports: Vec<Transport>,
    /// Who is let in and who is not. The entry with the most specific source decides.
    pub access: Vec<AccessPolicy>,
    /// Whether sessions of this service may be translated.
    pub source_nat: SourceNat,
    /// The service-policy it names.
    pub policy: Option<Name>,
    /// What to do with TCP that belongs to no session: the policy's answer, resolved.
    pub transport_state_enforcement: TransportStateEnforcement,
}

/// Who may use a service when no access-policy speaks of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Nobody.
    Private,
    /// Everybody.
    Public,
}

/// A protocol with its ports.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Transport {
    /// The protocol.
    pub protocol: TransportProtocol,
    /// Destination ports; empty means all of them. Always empty for ICMP.
    pub ports: Vec<PortRange>,
}

impl Transport {
    /// Whether a packet to `port` belongs here.
    pub fn covers(&self, protocol: Protocol, port: u16) -> bool {
        self.protocol.covers(protocol)
            && (self.ports.is_empty() || self.ports.iter().any(|range| range.contains(port)))
    }
}

/// The protocols that sessions carry.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TransportProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP and, for IPv6 destinations, ICMPv6.
    Icmp,
}

impl TransportProtocol {
    /// Whether the number on the wire means this protocol.
    pub const fn covers(self, protocol: Protocol) -> bool {
        match self {
            Self::Tcp => protocol.0 == Protocol::TCP.0,
            Self::Udp => protocol.0 == Protocol::UDP.0,
            Self::Icmp => protocol.0 == Protocol::ICMP.0 || protocol.0 == Protocol::ICMPV6.0,
        }
    }
}

/// Ports from `first` to `last`, both included; never empty.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct PortRange {
    /// Lowest port.
    pub first: u16,
    /// Highest port.
    pub last: u16,
}

impl PortRange {
    /// Whether `port` lies in the range.
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

/// One line of a service's access list.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AccessPolicy {
    /// Whom it is about.
    pub source: Source,
    /// Let in or kept out.
    pub permission: Permission,
}

/// Whom an access-policy is about: a tenant (with its children), a prefix, or both at once.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Source {
    /// The tenant; `None` means any, with or without tenant.
    pub tenant: Option<Name>,
    /// The sender's prefix; `None` means any.
    pub prefix: Option<IpNet>,
}

/// What an access-policy grants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Permission {
    /// The source may use the service.
    Allow,
    /// The source may not.
    Deny,
}

/// Whether a service's sessions are translated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SourceNat {
    /// As the egress network-interface says.
    NetworkInterface,
    /// Never, whatever the interface says.
    Disabled,
}

/// A named behaviour of services.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServicePolicy {
    /// The policy's name.
    pub name: Name,
    /// What to do with TCP that belongs to no session.
    pub transport_state_enforcement: TransportStateEnforcement,
}

/// What happens to a TCP packet in mid-flow whose session nobody knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TransportStateEnforcement {
    /// Answer with RST, so that the sender starts again.
    Reset,
    /// Drop silently.
    Block,
    /// Build a session from it.
    Allow,
}

/// Idle timeouts of every session: what the protocol says, unless a session-type matches.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SessionTypes {
    /// TCP that no session-type matches.
    pub tcp: Timeouts,
    /// UDP that no session-type matches.
    pub udp: Timeouts,
    /// ICMP and ICMPv6 that no session-type matches.
    pub icmp: Timeouts,
    /// The operator's exceptions; no two of them cover the same protocol and port.
    pub overrides: Vec<SessionType>,
}

impl SessionTypes {
    /// The timeouts of a session to `port`; `None` for a protocol that sessions do not carry.
    pub fn timeouts(&self, protocol: Protocol, port: u16) -> Option<Timeouts> {
        let matching = |kind: &&SessionType| {
            kind.transports
                .iter()
                .any(|transport| transport.covers(protocol, port))
        };
        let by_protocol = match protocol {
            Protocol::TCP => Some(self.tcp),
            Protocol::UDP => Some(self.udp),
            Protocol::ICMP | Protocol::ICMPV6 => Some(self.icmp),
            Protocol(_) => None,
        };
        self.overrides
            .iter()
            .find(matching)
            .map(|kind| kind.timeouts)
            .or(by_protocol)
    }
}

/// An exception to the protocol's idle timeouts.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SessionType {
    /// The session-type's name.
    pub name: Name,
    /// How long its sessions live without a packet.
    pub timeouts: Timeouts,
    /// The traffic it is about; at least one.
    pub transports: Vec<Transport>,
}

/// How long a session lives without a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Once it is established.
    pub idle: Duration,
    /// Until it is established.
    pub initial: Duration,
}

/// One logical router: one node, or two of them acting as one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Router {
    /// The router's name.
    pub name: Name,
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

/// A port of one node.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeviceInterface {
    /// The device-interface's name.
    pub name: Name,
    /// The Linux network device behind it.
    pub interface_name: String,
    /// The virtual MAC that replaces VRRP's own; the same on both nodes.
    pub shared_phys_address: Option<MacAddr>,
    /// The virtual router that answers for its addresses; `None` when it is not shared.
    pub vrrp: Option<Vrrp>,
    /// Its logical interfaces.
    pub network_interfaces: Vec<NetworkInterface>,
}

impl DeviceInterface {
    /// Whether its addresses move between two machines.
    pub const fn is_shared(&self) -> bool {
        self.vrrp.is_some()
    }

    /// The MAC address that IPv4 neighbours learn; `None` means the device's own.
    pub fn virtual_mac_v4(&self) -> Option<MacAddr> {
        let vrrp = self.vrrp?;
        Some(
            self.shared_phys_address
                .unwrap_or(MacAddr::virtual_v4(vrrp.vrid)),
        )
    }

    /// The MAC address that IPv6 neighbours learn; `None` means the device's own.
    pub fn virtual_mac_v6(&self) -> Option<MacAddr> {
        let vrrp = self.vrrp?;
        Some(
            self.shared_phys_address
                .unwrap_or(MacAddr::virtual_v6(vrrp.vrid)),
        )
    }
}

/// A virtual router (RFC 9568) on a device-interface, for IPv4 and IPv6 alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Vrrp {
    /// Its identifier on the link.
    pub vrid: Vrid,
    /// Election weight, 1 to 254; the higher one wins.
    pub priority: u8,
    /// Time between two advertisements, 10 ms to 40.95 s in steps of 10 ms.
    pub interval: Duration,
    /// Whether a better node takes over from a healthy one.
    pub preempt: bool,
}

/// A logical interface.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NetworkInterface {
    /// The network-interface's name, unique on its node.
    pub name: Name,
    /// Its global id: the same on both halves of a shared interface, unique otherwise.
    pub giid: Giid,
    /// What it is for.
    pub kind: InterfaceKind,
    /// Largest IP packet that leaves in one piece.
    pub mtu: u16,
    /// Whose traffic arrives here; `None` is the global tenant.
    pub tenant: Option<Name>,
    /// Whether sessions that leave here get this interface's address.
    pub source_nat: bool,
    /// Its addresses; at least one.
    pub addresses: Vec<Address>,
}

/// What a network-interface is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InterfaceKind {
    /// It carries sessions to and from others.
    External,
}

/// An address of a network-interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Address {
    /// Address, subnet and, on a shared interface, this node's own address.
    pub interface: InterfaceAddress,
    /// The neighbour for sessions that leave here without a route of their own.
    pub gateway: Option<IpAddr>,
}
