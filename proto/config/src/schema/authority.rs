//! `authority`: what holds for all routers.

use super::router::ROUTER;
use super::{Branch, Disturbs, Item, Kind, Leaf};
use crate::keyword::words;
use crate::valid::{Permission, Scope, SourceNat, TransportProtocol, TransportStateEnforcement};

/// Key of a tenant.
pub static TENANT_NAME: Leaf = Leaf::new(
    "name",
    Kind::DottedName,
    "Name of the tenant; staff.corp is a child of corp, and what corp may do it may do too.",
);

/// Key of a tenant's member.
pub static MEMBER_NEIGHBORHOOD: Leaf = Leaf::new(
    "neighborhood",
    Kind::Reference("neighborhood"),
    "The neighborhood in which the senders are: the network-interfaces that list it.",
)
.disturbs(Disturbs::Flow);

/// Senders of a tenant.
pub static MEMBER_ADDRESS: Leaf = Leaf::new(
    "address",
    Kind::Prefix,
    "Prefix of the senders; repeat the line for several. The longest prefix decides among tenants.",
)
.at_least_one()
.disturbs(Disturbs::Flow);

/// Senders that belong to a tenant.
pub static TENANT_MEMBER: Branch = Branch {
    name: "member",
    keys: &[&MEMBER_NEIGHBORHOOD],
    items: &[Item::Leaf(&MEMBER_ADDRESS)],
    since: "0.1",
    help: "Senders that belong to the tenant where the network-interface itself names no tenant.",
};

/// A population of users.
pub static TENANT: Branch = Branch {
    name: "tenant",
    keys: &[&TENANT_NAME],
    items: &[Item::Branch(&TENANT_MEMBER)],
    since: "0.1",
    help: "A population of users; network-interfaces say whose traffic they receive.",
};

/// Key of most lists.
pub static NAME: Leaf = Leaf::new("name", Kind::Name, "Name of the entry, unique in its list.");

/// The authority's own name.
pub static AUTHORITY_NAME: Leaf =
    Leaf::new("name", Kind::Name, "Name of the administrative domain.").required();

/// Key of a transport.
pub static PROTOCOL: Leaf = Leaf::new(
    "protocol",
    Kind::Choice(words::<TransportProtocol>),
    "The protocol; icmp means ICMPv6 too where addresses are IPv6.",
)
.disturbs(Disturbs::Flow);

/// Key of a port-range.
pub static START_PORT: Leaf = Leaf::new(
    "start-port",
    Kind::number(1, 65535),
    "First destination port of the range.",
)
.disturbs(Disturbs::Flow);

/// End of a port-range.
pub static END_PORT: Leaf = Leaf::new(
    "end-port",
    Kind::number(1, 65535),
    "Last destination port of the range; left out, the range is one port.",
)
.disturbs(Disturbs::Flow);

/// Ports of a transport.
pub static PORT_RANGE: Branch = Branch {
    name: "port-range",
    keys: &[&START_PORT],
    items: &[Item::Leaf(&END_PORT)],
    since: "0.1",
    help: "Destination ports; without any, all ports. ICMP has none.",
};

/// A protocol with ports.
pub static TRANSPORT: Branch = Branch {
    name: "transport",
    keys: &[&PROTOCOL],
    items: &[Item::Branch(&PORT_RANGE)],
    since: "0.1",
    help: "A protocol with its ports; a service without any takes all traffic to its addresses.",
};

/// How long established sessions stay.
pub static TIMEOUT: Leaf = Leaf::new(
    "timeout",
    Kind::number(1_000, 604_800_000),
    "How long an established session may be idle.",
)
.default("180000")
.unit("ms");

/// How long sessions stay until they are established.
pub static INITIAL_TIMEOUT: Leaf = Leaf::new(
    "initial-timeout",
    Kind::number(1_000, 604_800_000),
    "How long a session may be idle until it is established.",
)
.default("10000")
.unit("ms");

/// Idle timeouts of chosen traffic.
pub static SESSION_TYPE: Branch = Branch {
    name: "session-type",
    keys: &[&NAME],
    items: &[
        Item::Leaf(&TIMEOUT),
        Item::Leaf(&INITIAL_TIMEOUT),
        Item::Branch(&TRANSPORT),
    ],
    since: "0.1",
    help: "Idle timeouts for the transports it lists, instead of the protocol's own.",
};

/// Whether a service is offered.
pub static SERVICE_ENABLED: Leaf = Leaf::new(
    "enabled",
    Kind::Flag,
    "Whether the service is offered; new sessions see the change at once.",
)
.default("true")
.disturbs(Disturbs::Flow);

/// Who may use a service without being named.
pub static SCOPE: Leaf = Leaf::new(
    "scope",
    Kind::Choice(words::<Scope>),
    "Who may use the service when no access-policy speaks of them: nobody (private) or all (public).",
)
.default("private")
.disturbs(Disturbs::Flow);

/// Where a service is.
pub static SERVICE_ADDRESS: Leaf = Leaf::new(
    "address",
    Kind::Prefix,
    "Destination prefix of the service; repeat the line for several.",
)
.at_least_one()
.disturbs(Disturbs::Flow);

/// Key of an access-policy.
pub static SOURCE: Leaf = Leaf::new(
    "source",
    Kind::Source,
    "Whom the entry is about: a tenant with its children, a prefix, or tenant@prefix.",
)
.disturbs(Disturbs::Flow);

/// What an access-policy grants.
pub static PERMISSION: Leaf = Leaf::new(
    "permission",
    Kind::Choice(words::<Permission>),
    "Whether the source may use the service.",
)
.default("allow")
.disturbs(Disturbs::Flow);

/// One line of a service's access list.
pub static ACCESS_POLICY: Branch = Branch {
    name: "access-policy",
    keys: &[&SOURCE],
    items: &[Item::Leaf(&PERMISSION)],
    since: "0.1",
    help: "Who may use the service; the entry with the most specific source decides.",
};

/// Whether a service's sessions may be translated.
pub static SERVICE_SOURCE_NAT: Leaf = Leaf::new(
    "source-nat",
    Kind::Choice(words::<SourceNat>),
    "Whether its sessions get the egress network-interface's address, if that has source-nat, or never.",
)
.default("network-interface")
.disturbs(Disturbs::Flow);

/// The policy of a service.
pub static SERVICE_POLICY_REF: Leaf = Leaf::new(
    "service-policy",
    Kind::Reference("service-policy"),
    "The service-policy that its sessions follow; left out, that policy's defaults.",
)
.disturbs(Disturbs::Flow);

/// A destination on offer.
pub static SERVICE: Branch = Branch {
    name: "service",
    keys: &[&NAME],
    items: &[
        Item::Leaf(&SERVICE_ENABLED),
        Item::Leaf(&SCOPE),
        Item::Leaf(&SERVICE_ADDRESS),
        Item::Branch(&TRANSPORT),
        Item::Branch(&ACCESS_POLICY),
        Item::Leaf(&SERVICE_SOURCE_NAT),
        Item::Leaf(&SERVICE_POLICY_REF),
    ],
    since: "0.1",
    help: "A destination that tenants may reach; the longest prefix decides among services.",
};

/// TCP in mid-flow.
pub static TRANSPORT_STATE_ENFORCEMENT: Leaf = Leaf::new(
    "transport-state-enforcement",
    Kind::Choice(words::<TransportStateEnforcement>),
    "TCP in mid-flow without a session: answer with RST (reset), drop (block), or take it up (allow).",
)
.default("reset")
.disturbs(Disturbs::Flow);

/// A named behaviour of services.
pub static SERVICE_POLICY: Branch = Branch {
    name: "service-policy",
    keys: &[&NAME],
    items: &[Item::Leaf(&TRANSPORT_STATE_ENFORCEMENT)],
    since: "0.1",
    help: "A behaviour that services refer to by name.",
};

/// The administrative domain.
pub static AUTHORITY: Branch = Branch {
    name: "authority",
    keys: &[],
    items: &[
        Item::Leaf(&AUTHORITY_NAME),
        Item::Branch(&TENANT),
        Item::Branch(&SESSION_TYPE),
        Item::Branch(&SERVICE),
        Item::Branch(&SERVICE_POLICY),
        Item::Branch(&ROUTER),
    ],
    since: "0.1",
    help: "One administrative domain: its tenants, its services and its routers.",
};
