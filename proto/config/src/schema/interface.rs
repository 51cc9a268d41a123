//! `authority router node device-interface`: ports, virtual routers, addresses.

use super::authority::NAME;
use super::{Branch, Disturbs, Item, Kind, Leaf};
use crate::keyword::words;
use crate::valid::InterfaceKind;

/// What the port is.
pub static DEVICE_TYPE: Leaf = Leaf::new("type", Kind::Only("ethernet"), "What the port is.")
    .default("ethernet")
    .disturbs(Disturbs::Interface);

/// Where the port is.
pub static INTERFACE_NAME: Leaf = Leaf::new(
    "interface-name",
    Kind::Device,
    "The Linux network device behind the port; it may differ between the nodes.",
)
.required()
.disturbs(Disturbs::Interface);

/// Whether the port is used.
pub static DEVICE_ENABLED: Leaf = Leaf::new(
    "enabled",
    Kind::Flag,
    "Whether the port is used; of a shared one, switch off both halves.",
)
.default("true")
.disturbs(Disturbs::Interface);

/// Whether the port carries sessions.
pub static FORWARDING: Leaf = Leaf::new(
    "forwarding",
    Kind::Only("true"),
    "Whether the port carries sessions.",
)
.default("true")
.disturbs(Disturbs::Restart);

/// The virtual MAC.
pub static SHARED_PHYS_ADDRESS: Leaf = Leaf::new(
    "shared-phys-address",
    Kind::Mac,
    "Virtual MAC in place of VRRP's own 00:00:5e:00:01:<vrid>; same on both nodes, unique otherwise.",
)
.disturbs(Disturbs::Interface);

/// Whether a virtual router speaks here.
pub static VRRP_ENABLED: Leaf = Leaf::new(
    "enabled",
    Kind::Flag,
    "Whether the port's addresses are virtual: owned by the active node only.",
)
.default("false")
.disturbs(Disturbs::Failover);

/// The virtual router's identifier.
pub static VRID: Leaf = Leaf::new(
    "vrid",
    Kind::number(1, 255),
    "Virtual router identifier; required when enabled, same on both nodes, unique on each.",
)
.disturbs(Disturbs::Failover);

/// Election weight.
pub static PRIORITY: Leaf = Leaf::new(
    "priority",
    Kind::number(1, 254),
    "Election weight, the higher one wins; same for all members of a group on one node.",
)
.default("100")
.disturbs(Disturbs::Failover);

/// Time between advertisements.
pub static ADVERTISEMENT_INTERVAL: Leaf = Leaf::new(
    "advertisement-interval",
    Kind::Number {
        min: 10,
        max: 40_950,
        step: 10,
    },
    "Time between two advertisements; a silent node is replaced after about three. Same on both nodes.",
)
.default("1000")
.unit("ms")
.disturbs(Disturbs::Failover);

/// Whether the better node takes over.
pub static PREEMPT: Leaf = Leaf::new(
    "preempt",
    Kind::Flag,
    "Whether a node of higher priority takes over from a healthy one. Same on both nodes.",
)
.default("false")
.disturbs(Disturbs::Failover);

/// The virtual router.
pub static VRRP: Branch = Branch {
    name: "vrrp",
    keys: &[],
    items: &[
        Item::Leaf(&VRRP_ENABLED),
        Item::Leaf(&VRID),
        Item::Leaf(&PRIORITY),
        Item::Leaf(&ADVERTISEMENT_INTERVAL),
        Item::Leaf(&PREEMPT),
    ],
    since: "0.1",
    help: "The virtual router (RFC 9568) that owns the port's addresses, IPv4 and IPv6 alike.",
};

/// Key of an address.
pub static IP_ADDRESS: Leaf = Leaf::new(
    "ip-address",
    Kind::Address,
    "The address that neighbours know; on a shared interface it moves with the active role.",
)
.disturbs(Disturbs::Interface);

/// Size of the subnet.
pub static PREFIX_LENGTH: Leaf = Leaf::new(
    "prefix-length",
    Kind::number(1, 128),
    "Length of the subnet's prefix: 1–32 for IPv4, 1–128 for IPv6.",
)
.required()
.unit("bits")
.disturbs(Disturbs::Interface);

/// The way out of the subnet.
pub static GATEWAY: Leaf = Leaf::new(
    "gateway",
    Kind::Address,
    "The neighbour for service-routes that leave here without a gateway-ip.",
)
.disturbs(Disturbs::Flow);

/// The node's own address.
pub static UTILITY_IP_ADDRESS: Leaf = Leaf::new(
    "utility-ip-address",
    Kind::Address,
    "This node's own address in the subnet of a shared interface; each IPv4 subnet needs one.",
)
.disturbs(Disturbs::Interface);

/// An address of a network-interface.
pub static ADDRESS: Branch = Branch {
    name: "address",
    keys: &[&IP_ADDRESS],
    items: &[
        Item::Leaf(&PREFIX_LENGTH),
        Item::Leaf(&GATEWAY),
        Item::Leaf(&UTILITY_IP_ADDRESS),
    ],
    since: "0.1",
    help: "An address with its subnet; a network-interface needs at least one.",
};

/// The interface's number.
pub static GLOBAL_ID: Leaf = Leaf::new(
    "global-id",
    Kind::number(1, 65_535),
    "Number of the interface (GIID): same on both halves of a shared one, unique otherwise.",
)
.required()
.disturbs(Disturbs::Interface);

/// What the interface is for.
pub static NETWORK_TYPE: Leaf = Leaf::new(
    "type",
    Kind::Choice(words::<InterfaceKind>),
    "What the interface is for; links between the nodes stand in node.toml.",
)
.default("external")
.disturbs(Disturbs::Interface);

/// The VLAN.
pub static VLAN: Leaf = Leaf::new("vlan", Kind::Only("0"), "VLAN tag; 0 is untagged.")
    .default("0")
    .disturbs(Disturbs::Interface);

/// Largest packet.
pub static MTU: Leaf = Leaf::new(
    "mtu",
    Kind::number(1_280, 9_216),
    "Largest IP packet that leaves in one piece.",
)
.default("1500")
.unit("bytes")
.disturbs(Disturbs::Interface);

/// Whose traffic arrives.
pub static INTERFACE_TENANT: Leaf = Leaf::new(
    "tenant",
    Kind::Reference("tenant"),
    "Whose traffic arrives here; left out, nobody's in particular (the global tenant).",
)
.disturbs(Disturbs::Flow);

/// Whether sessions are translated.
pub static SOURCE_NAT: Leaf = Leaf::new(
    "source-nat",
    Kind::Flag,
    "Whether sessions that leave here get this interface's address as their source.",
)
.default("false")
.disturbs(Disturbs::Flow);

/// A part of the network in which the interface is.
pub static NEIGHBORHOOD: Branch = Branch {
    name: "neighborhood",
    keys: &[&NAME],
    items: &[],
    since: "0.1",
    help: "A part of the network in which the interface is; tenants name it for their members.",
};

/// A logical interface.
pub static NETWORK_INTERFACE: Branch = Branch {
    name: "network-interface",
    keys: &[&NAME],
    items: &[
        Item::Leaf(&GLOBAL_ID),
        Item::Leaf(&NETWORK_TYPE),
        Item::Leaf(&VLAN),
        Item::Leaf(&MTU),
        Item::Leaf(&INTERFACE_TENANT),
        Item::Leaf(&SOURCE_NAT),
        Item::Branch(&NEIGHBORHOOD),
        Item::Branch(&ADDRESS),
    ],
    since: "0.1",
    help: "A logical interface on the port; both halves of a shared one are typed alike.",
};

/// A port.
pub static DEVICE_INTERFACE: Branch = Branch {
    name: "device-interface",
    keys: &[&NAME],
    items: &[
        Item::Leaf(&DEVICE_TYPE),
        Item::Leaf(&INTERFACE_NAME),
        Item::Leaf(&DEVICE_ENABLED),
        Item::Leaf(&FORWARDING),
        Item::Leaf(&SHARED_PHYS_ADDRESS),
        Item::Branch(&VRRP),
        Item::Branch(&NETWORK_INTERFACE),
    ],
    since: "0.1",
    help: "A port of the node.",
};
