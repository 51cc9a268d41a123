//! `authority router`: redundancy, delivery of services, routes by hand.

use super::authority::NAME;
use super::node::NODE;
use super::{Branch, Disturbs, Item, Kind, Leaf};

/// Key of a group's member: the node.
pub static MEMBER_NODE: Leaf = Leaf::new(
    "node",
    Kind::Reference("node"),
    "The node that has the device-interface.",
)
.disturbs(Disturbs::Failover);

/// Key of a group's member: the device-interface.
pub static MEMBER_DEVICE: Leaf = Leaf::new(
    "device-id",
    Kind::Reference("device-interface"),
    "The device-interface on that node; vrrp must be enabled on it.",
)
.disturbs(Disturbs::Failover);

/// A device-interface in a group.
pub static MEMBER: Branch = Branch {
    name: "member",
    keys: &[&MEMBER_NODE, &MEMBER_DEVICE],
    items: &[],
    since: "0.1",
    help: "A device-interface in the group; its half on the other node must be a member as well.",
};

/// What shares fate.
pub static REDUNDANCY_GROUP: Branch = Branch {
    name: "redundancy-group",
    keys: &[&NAME],
    items: &[Item::Branch(&MEMBER)],
    since: "0.1",
    help: "Shared device-interfaces that move together: one node is active for all of them.",
};

/// The service that a route delivers.
pub static SERVICE_NAME: Leaf = Leaf::new(
    "service-name",
    Kind::Reference("service"),
    "The service that the route delivers.",
)
.required()
.disturbs(Disturbs::Flow);

/// Delivery by the FIB.
pub static USE_LEARNED_ROUTES: Leaf = Leaf::new(
    "use-learned-routes",
    Kind::Flag,
    "Deliver as the FIB says: connected and static routes.",
)
.default("false")
.disturbs(Disturbs::Flow);

/// Key of a next-hop: the node.
pub static HOP_NODE: Leaf = Leaf::new(
    "node-name",
    Kind::Reference("node"),
    "The node that has the network-interface.",
)
.disturbs(Disturbs::Flow);

/// Key of a next-hop: the network-interface.
pub static HOP_INTERFACE: Leaf = Leaf::new(
    "interface",
    Kind::Reference("network-interface"),
    "The network-interface to leave by.",
)
.disturbs(Disturbs::Flow);

/// The neighbour of a next-hop.
pub static GATEWAY_IP: Leaf = Leaf::new(
    "gateway-ip",
    Kind::Address,
    "The neighbour that gets the packets; left out, the interface's gateway or the destination itself.",
)
.disturbs(Disturbs::Flow);

/// One way out for a service.
pub static NEXT_HOP: Branch = Branch {
    name: "next-hop",
    keys: &[&HOP_NODE, &HOP_INTERFACE],
    items: &[Item::Leaf(&GATEWAY_IP)],
    since: "0.1",
    help: "Deliver through a network-interface; of a shared one, name both halves.",
};

/// How a service is delivered.
pub static SERVICE_ROUTE: Branch = Branch {
    name: "service-route",
    keys: &[&NAME],
    items: &[
        Item::Leaf(&SERVICE_NAME),
        Item::Leaf(&USE_LEARNED_ROUTES),
        Item::Branch(&NEXT_HOP),
    ],
    since: "0.1",
    help: "How this router delivers a service: by next-hops or by the FIB, never both.",
};

/// Key of a static route: the destination.
pub static DESTINATION_PREFIX: Leaf =
    Leaf::new("destination-prefix", Kind::Prefix, "Where the packets go.").disturbs(Disturbs::Flow);

/// Key of a static route: the distance.
pub static DISTANCE: Leaf = Leaf::new(
    "distance",
    Kind::number(1, 255),
    "Administrative distance; of several routes to one prefix the lowest wins.",
)
.disturbs(Disturbs::Flow);

/// The neighbour of a static route.
pub static STATIC_NEXT_HOP: Leaf = Leaf::new(
    "next-hop",
    Kind::Address,
    "The neighbour that gets the packets; it must be in the subnet of an interface.",
)
.disturbs(Disturbs::Flow);

/// A static route that ends here.
pub static BLACKHOLE: Leaf = Leaf::new("blackhole", Kind::Flag, "Drop the packets and count them.")
    .default("false")
    .disturbs(Disturbs::Flow);

/// Key of a next-hop-interface: the node.
pub static HOP_INTERFACE_NODE: Leaf = Leaf::new(
    "node",
    Kind::Reference("node"),
    "The node that has the network-interface.",
)
.disturbs(Disturbs::Flow);

/// A static route onto a link.
pub static NEXT_HOP_INTERFACE: Branch = Branch {
    name: "next-hop-interface",
    keys: &[&HOP_INTERFACE_NODE, &HOP_INTERFACE],
    items: &[],
    since: "0.1",
    help: "The destinations are neighbours on this interface's link; one entry for each node.",
};

/// A route typed by hand.
pub static STATIC_ROUTE: Branch = Branch {
    name: "static-route",
    keys: &[&DESTINATION_PREFIX, &DISTANCE],
    items: &[
        Item::Leaf(&STATIC_NEXT_HOP),
        Item::Branch(&NEXT_HOP_INTERFACE),
        Item::Leaf(&BLACKHOLE),
    ],
    since: "0.1",
    help: "A route typed by hand: next-hop, next-hop-interface or blackhole, exactly one of them.",
};

/// Key of the routing instance.
pub static ROUTING_TYPE: Leaf = Leaf::new(
    "type",
    Kind::Only("default-instance"),
    "The routing instance; there is one.",
)
.disturbs(Disturbs::Flow);

/// The routing instance.
pub static ROUTING: Branch = Branch {
    name: "routing",
    keys: &[&ROUTING_TYPE],
    items: &[Item::Branch(&STATIC_ROUTE)],
    since: "0.1",
    help: "Routes beside those of the connected subnets.",
};

/// Somebody works on the router.
pub static MAINTENANCE_MODE: Leaf = Leaf::new(
    "maintenance-mode",
    Kind::Flag,
    "Somebody works on this router: its verdict is maintenance, whatever is missing. Moves no traffic.",
)
.default("false");

/// A logical router.
pub static ROUTER: Branch = Branch {
    name: "router",
    keys: &[&NAME],
    items: &[
        Item::Leaf(&MAINTENANCE_MODE),
        Item::Branch(&REDUNDANCY_GROUP),
        Item::Branch(&SERVICE_ROUTE),
        Item::Branch(&ROUTING),
        Item::Branch(&NODE),
    ],
    since: "0.1",
    help: "One logical router: one node, or two that act as one.",
};
