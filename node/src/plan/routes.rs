//! Connected and static routes of one node.

use config::valid::{Node, NodeInterface, Router, StaticRoute, StaticTarget};
use routing::{Computed, ConnectedInterface};
use types::{Giid, Name};

/// The FIB of `node`, and the static routes that lead nowhere from it.
pub(super) fn compile(router: &Router, node: &Node) -> Computed {
    let interfaces: Vec<_> = node
        .device_interfaces
        .iter()
        .flat_map(|device| &device.network_interfaces)
        .map(|interface| ConnectedInterface {
            interface: interface.giid,
            subnets: interface
                .addresses
                .iter()
                .filter_map(|address| address.interface.subnet())
                .collect(),
        })
        .collect();
    let statics: Vec<_> = router
        .static_routes
        .iter()
        .filter_map(|route| static_route(route, &node.name))
        .collect();
    routing::compute(&interfaces, &statics)
}

/// `None` for a route whose interfaces are all on the other node.
fn static_route(from: &StaticRoute, node: &Name) -> Option<routing::StaticRoute> {
    let target = match &from.target {
        StaticTarget::Gateway { gateway, via } => routing::StaticTarget::Gateway {
            gateway: *gateway,
            via: local(via, node),
        },
        StaticTarget::OnLink(via) => routing::StaticTarget::OnLink(local(via, node)?),
        StaticTarget::Blackhole => routing::StaticTarget::Blackhole,
    };
    Some(routing::StaticRoute {
        prefix: from.prefix,
        distance: from.distance,
        target,
    })
}

fn local(via: &[NodeInterface], node: &Name) -> Option<Giid> {
    via.iter()
        .find(|interface| interface.node == *node)
        .map(|interface| interface.giid)
}
