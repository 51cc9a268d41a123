//! What a policy is compiled from: plain values, resolved for this node.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;
use types::{Giid, Name, Protocol};

/// Everything that decides about first packets.
#[derive(Clone, Debug, Default)]
pub struct PolicyInput {
    /// Destinations on offer.
    pub services: Vec<ServiceInput>,
    /// Populations of users that are known by their addresses.
    pub tenants: Vec<TenantInput>,
    /// Idle timeouts that differ from the protocol's.
    pub session_types: Vec<SessionTypeInput>,
    /// Idle timeouts of what no session-type covers.
    pub default_timeouts: DefaultTimeouts,
}

/// One service of the configuration, with the way this router delivers it.
#[derive(Clone, Debug)]
pub struct ServiceInput {
    /// The service's name.
    pub name: Name,
    /// Who may use it when no access rule speaks of them.
    pub scope: Scope,
    /// Destination prefixes.
    pub prefixes: Vec<IpNet>,
    /// Protocols and ports; empty means all.
    pub transports: Vec<Transport>,
    /// Who is let in or kept out; the most specific source decides.
    pub access: Vec<AccessRule>,
    /// Whether its sessions may be translated at an egress interface that asks for it.
    pub source_nat: bool,
    /// How its sessions leave.
    pub route: Route,
    /// What happens to TCP in mid-flow that belongs to no session.
    pub enforcement: TransportEnforcement,
}

/// Who may use a service when no access rule speaks of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Nobody.
    Private,
    /// Everybody.
    Public,
}

/// A protocol with a range of destination ports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transport {
    /// TCP, UDP or ICMP; ICMP covers ICMPv6 too.
    pub protocol: Protocol,
    /// Destination ports; ignored for ICMP.
    pub ports: RangeInclusive<u16>,
}

impl Transport {
    /// A protocol with all its ports.
    pub const fn all_ports(protocol: Protocol) -> Self {
        Self {
            protocol,
            ports: 0..=u16::MAX,
        }
    }

    /// Whether a packet to `port` belongs here.
    pub fn covers(&self, protocol: Protocol, port: u16) -> bool {
        match protocol {
            Protocol::ICMP | Protocol::ICMPV6 => {
                matches!(self.protocol, Protocol::ICMP | Protocol::ICMPV6)
            }
            other => self.protocol == other && self.ports.contains(&port),
        }
    }

    /// How many ports it covers beyond the first: the smaller, the more specific.
    pub(crate) fn width(&self) -> u16 {
        self.ports.end().saturating_sub(*self.ports.start())
    }
}

/// One line of a service's access list. Tenant and prefix together must both fit; with neither it
/// speaks of everybody.
#[derive(Clone, Debug)]
pub struct AccessRule {
    /// The tenant with its children; `None` means any, also the global tenant.
    pub tenant: Option<Name>,
    /// Where the sender is; `None` means anywhere.
    pub prefix: Option<IpNet>,
    /// Let in or kept out.
    pub allow: bool,
}

/// How a service's sessions leave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Route {
    /// By these next hops, in order of preference. None at all: the service is not delivered here.
    Hops(Vec<NextHop>),
    /// Where the FIB says.
    Learned,
}

/// One way out for a service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NextHop {
    /// Egress network-interface.
    pub interface: Giid,
    /// Who gets IPv4 packets; `None` means the destination itself is on link.
    pub gateway_v4: Option<Ipv4Addr>,
    /// Who gets IPv6 packets; `None` means the destination itself is on link.
    pub gateway_v6: Option<Ipv6Addr>,
}

impl NextHop {
    /// The neighbour that gets packets to `destination`.
    pub fn neighbor(&self, destination: IpAddr) -> IpAddr {
        match destination {
            IpAddr::V4(_) => self.gateway_v4.map_or(destination, IpAddr::V4),
            IpAddr::V6(_) => self.gateway_v6.map_or(destination, IpAddr::V6),
        }
    }
}

/// What happens to TCP in mid-flow whose session nobody knows (`transport-state-enforcement`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TransportEnforcement {
    /// It is answered with RST, so that the sender starts again.
    #[default]
    Reset,
    /// It is dropped.
    Block,
    /// A session is built from it.
    Allow,
}

/// A population of users.
#[derive(Clone, Debug)]
pub struct TenantInput {
    /// The tenant's name. Dots separate the levels and the parent stands last: `staff.corp` is a child
    /// of `corp`.
    pub name: Name,
    /// Senders that belong to it, where the interface names no tenant.
    pub members: Vec<MemberInput>,
}

/// Addresses of a tenant.
#[derive(Clone, Debug)]
pub struct MemberInput {
    /// The interface they arrive on; `None` means any.
    pub interface: Option<Giid>,
    /// The senders.
    pub prefix: IpNet,
}

/// Idle timeouts for some transports.
#[derive(Clone, Debug)]
pub struct SessionTypeInput {
    /// The session-type's name.
    pub name: Name,
    /// What it is about.
    pub transports: Vec<Transport>,
    /// Its timeouts.
    pub timeouts: Timeouts,
}

/// How long a session lives without a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// Until it is established, in milliseconds.
    pub initial_ms: u32,
    /// Once it is established, in milliseconds.
    pub established_ms: u32,
}

/// Idle timeouts by protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DefaultTimeouts {
    /// TCP.
    pub tcp: Timeouts,
    /// UDP.
    pub udp: Timeouts,
    /// ICMP, ICMPv6 and everything else.
    pub icmp: Timeouts,
}

/// Ten seconds until established; then 1900 s for TCP, 180 s for UDP, 10 s for ICMP. For TCP that is
/// shorter than RFC 5382 REQ-5 asks for (2 h 4 min): it is what operators of session-smart routers
/// know, and a session-type raises it where connections idle longer.
impl Default for DefaultTimeouts {
    fn default() -> Self {
        let established = |established_ms| Timeouts {
            initial_ms: 10_000,
            established_ms,
        };
        Self {
            tcp: established(1_900_000),
            udp: established(180_000),
            icmp: established(10_000),
        }
    }
}
