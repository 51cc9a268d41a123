//! What holds on every router: who may reach what, and how long idle sessions live.

use core::time::Duration;

use ipnet::IpNet;
use types::Name;

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
    /// Senders that belong to it where the network-interface names no tenant.
    pub members: Vec<TenantMember>,
}

/// Senders of a neighborhood that belong to a tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TenantMember {
    /// The network-interfaces it is about: those that are in this neighborhood.
    pub neighborhood: Name,
    /// The senders; at least one prefix.
    pub prefixes: Vec<IpNet>,
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

/// Ports from `first` to `last`, both included; never empty.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct PortRange {
    /// Lowest port.
    pub first: u16,
    /// Highest port.
    pub last: u16,
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
    /// The operator's exceptions; of two that cover a port the one with the narrower range counts.
    pub overrides: Vec<SessionType>,
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
