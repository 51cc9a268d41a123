//! Static routes: one target each, and one that the nodes can reach.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::view::Router;
use crate::candidate::Block;
use crate::findings::Findings;
use crate::schema::router::{
    BLACKHOLE, DESTINATION_PREFIX, HOP_INTERFACE, HOP_INTERFACE_NODE, NEXT_HOP_INTERFACE, ROUTING,
    STATIC_NEXT_HOP, STATIC_ROUTE,
};
use crate::value::canonical_keys;

pub(super) fn check(router: &Router<'_>, findings: &mut Findings) {
    for routing in router.block.blocks(&ROUTING) {
        let mut seen: BTreeSet<Vec<String>> = BTreeSet::new();
        for route in routing.blocks(&STATIC_ROUTE) {
            if !seen.insert(canonical_keys(route)) {
                findings.error(route.complain(
                    "another static-route has the same prefix and distance",
                    "keep one of the two, or give them different distances",
                ));
            }
            check_route(router, route, findings);
        }
    }
}

fn check_route(router: &Router<'_>, route: &Block, findings: &mut Findings) {
    let gateway = route.words(&STATIC_NEXT_HOP).next().is_some();
    let on_link = route.block(&NEXT_HOP_INTERFACE).is_some();
    let blackhole = route.peek(&BLACKHOLE) == Some(true);
    match [gateway, on_link, blackhole]
        .iter()
        .filter(|given| **given)
        .count()
    {
        0 => findings.error(route.complain(
            "it leads nowhere",
            "add next-hop, next-hop-interface or blackhole true",
        )),
        1 => {}
        _ => findings.error(route.complain(
            "it has more than one target",
            "keep one of next-hop, next-hop-interface and blackhole",
        )),
    }
    if let Some(next_hop) = route.peek(&STATIC_NEXT_HOP) {
        check_gateway(router, route, next_hop, findings);
    }
    check_on_link(router, route, findings);
}

fn check_gateway(router: &Router<'_>, route: &Block, next_hop: IpAddr, findings: &mut Findings) {
    let prefix: Option<IpNet> = route.peek(&DESTINATION_PREFIX);
    if prefix.is_some_and(|prefix| prefix.addr().is_ipv4() != next_hop.is_ipv4()) {
        findings.error(route.blame(
            &STATIC_NEXT_HOP,
            "prefix and next-hop are of different IP versions",
            "type a next-hop of the prefix's version",
        ));
        return;
    }
    if let Some(owner) = router
        .interfaces()
        .find(|interface| interface.owns(next_hop))
    {
        findings.error(route.blame(
            &STATIC_NEXT_HOP,
            format!("it is an address of {} on node {}", owner.name, owner.node),
            "type the neighbour's address",
        ));
        return;
    }
    let (able, unable): (Vec<_>, Vec<_>) = router.nodes.iter().partition(|node| {
        let mut interfaces = node.interfaces();
        interfaces.any(|interface| interface.subnet_of(next_hop).is_some())
    });
    if able.is_empty() {
        findings.error(route.blame(
            &STATIC_NEXT_HOP,
            "it is in no subnet of any interface",
            "type the address of a neighbour on a connected subnet",
        ));
        return;
    }
    for node in unable {
        findings.warning(route.blame(
            &STATIC_NEXT_HOP,
            format!(
                "node {} has no interface in its subnet, so not this route",
                node.name
            ),
            "give both nodes an interface there, if both are to have the route",
        ));
    }
}

fn check_on_link(router: &Router<'_>, route: &Block, findings: &mut Findings) {
    let mut nodes: Vec<&str> = Vec::new();
    for hop in route.blocks(&NEXT_HOP_INTERFACE) {
        let found = router.named_interface(hop, &HOP_INTERFACE_NODE, &HOP_INTERFACE);
        match found {
            Ok(interface) if nodes.contains(&interface.node) => findings.error(hop.complain(
                format!(
                    "node {} has an interface for this route already",
                    interface.node
                ),
                "keep one for each node",
            )),
            Ok(interface) => nodes.push(interface.node),
            Err(problem) => findings.error(problem),
        }
    }
    if nodes.is_empty() {
        return;
    }
    for node in router
        .nodes
        .iter()
        .filter(|node| !nodes.contains(&node.name))
    {
        findings.warning(route.complain(
            format!(
                "node {} has no interface for it, so not this route",
                node.name
            ),
            format!("add next-hop-interface {} with an interface", node.name),
        ));
    }
}
