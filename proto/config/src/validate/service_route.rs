//! Service-routes: one way of delivery each, over interfaces that can do it on both nodes.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::view::{Interface, Router};
use crate::candidate::Block;
use crate::findings::Findings;
use crate::schema::authority::{SERVICE, SERVICE_ADDRESS, SERVICE_ENABLED};
use crate::schema::interface::GATEWAY;
use crate::schema::router::{
    GATEWAY_IP, HOP_INTERFACE, HOP_NODE, NEXT_HOP, SERVICE_NAME, SERVICE_ROUTE, USE_LEARNED_ROUTES,
};

pub(super) fn check(authority: &Block, router: &Router<'_>, findings: &mut Findings) {
    let services: BTreeMap<&str, &Block> = authority
        .blocks(&SERVICE)
        .map(|service| (service.key(), service))
        .collect();
    let mut delivered: BTreeMap<&str, &str> = BTreeMap::new();
    let mut left_by: Vec<&Block> = Vec::new();
    for route in router.block.blocks(&SERVICE_ROUTE) {
        check_delivery(route, findings);
        let mut service = None;
        if let Some(word) = route.words(&SERVICE_NAME).next() {
            service = services.get(word.text.as_str()).copied();
            if service.is_none() {
                findings.error_with(|| {
                    let known = services.keys().copied();
                    route.unknown(&SERVICE_NAME, "service", known)
                });
            }
            if let Some(first) = delivered.insert(&word.text, route.key()) {
                findings.error(route.blame(
                    &SERVICE_NAME,
                    format!("service-route {first} delivers this service already"),
                    "put all next-hops into one service-route",
                ));
            }
        }
        left_by.extend(check_hops(router, route, service, findings));
    }
    for (name, service) in services {
        let enabled = service.peek(&SERVICE_ENABLED) == Some(true);
        if enabled && !delivered.contains_key(name) {
            findings.warning(router.block.complain(
                format!(
                    "no service-route delivers service {name}, so its packets are dropped here"
                ),
                "add a service-route with this service-name",
            ));
        }
    }
    warn_of_idle_gateways(router, &left_by, findings);
}

fn check_delivery(route: &Block, findings: &mut Findings) {
    let learned = route.peek(&USE_LEARNED_ROUTES) == Some(true);
    let hops = route.block(&NEXT_HOP).is_some();
    if learned && hops {
        findings.error(route.complain(
            "it has two ways of delivery: use-learned-routes and next-hop",
            "keep one of the two",
        ));
    }
    if !learned && !hops {
        findings.error(route.complain(
            "it has no way of delivery",
            "add next-hop with a node and an interface, or set use-learned-routes true",
        ));
    }
}

/// Checks each next-hop; returns the interfaces whose own gateway counts.
fn check_hops<'a>(
    router: &Router<'a>,
    route: &Block,
    service: Option<&Block>,
    findings: &mut Findings,
) -> Vec<&'a Block> {
    let mut left_by = Vec::new();
    let hops: Vec<&Block> = route.blocks(&NEXT_HOP).collect();
    for hop in &hops {
        let interface = match router.named_interface(hop, &HOP_NODE, &HOP_INTERFACE) {
            Ok(interface) => interface,
            Err(problem) => {
                findings.error(problem);
                continue;
            }
        };
        check_gateway(hop, interface, findings);
        if let Some(service) = service {
            check_families(hop, interface, service, findings);
        }
        if let Some(half) = router.other_half_of(interface) {
            check_other_half(hop, half, &hops, findings);
        }
        left_by.push(interface.block);
    }
    left_by
}

fn check_gateway(hop: &Block, interface: &Interface<'_>, findings: &mut Findings) {
    let Some(gateway) = hop.peek(&GATEWAY_IP) else {
        return;
    };
    if interface.owns(gateway) {
        findings.error(hop.blame(
            &GATEWAY_IP,
            "it is an address of the interface itself",
            "type the neighbour's address",
        ));
    } else if interface.subnet_of(gateway).is_none() {
        findings.error(hop.blame(
            &GATEWAY_IP,
            format!("it is in no subnet of {}", interface.name),
            "type the address of a neighbour on this interface's link",
        ));
    }
}

/// What the service offers, the interface must be able to send.
fn check_families(
    hop: &Block,
    interface: &Interface<'_>,
    service: &Block,
    findings: &mut Findings,
) {
    let prefixes: Vec<IpNet> = service.all(&SERVICE_ADDRESS).unwrap_or_default();
    for (v4, family) in [(true, "IPv4"), (false, "IPv6")] {
        let offered = prefixes.iter().any(|prefix| prefix.addr().is_ipv4() == v4);
        let mut addresses = interface.addresses.iter().filter_map(|address| address.ip);
        let able = addresses.any(|ip| ip.is_ipv4() == v4);
        if offered && !able {
            findings.error(hop.complain(
                format!(
                    "service {} offers {family}, and {} has no {family} address",
                    service.key(),
                    interface.name
                ),
                format!("add an {family} address to the interface, or take another interface"),
            ));
        }
        let gateway = hop.peek::<std::net::IpAddr>(&GATEWAY_IP);
        let idle = gateway.is_some_and(|gateway| gateway.is_ipv4() == v4);
        if idle && !offered && !prefixes.is_empty() {
            findings.error(hop.blame(
                &GATEWAY_IP,
                format!("service {} offers no {family}", service.key()),
                "type a gateway of the service's family, or leave it out",
            ));
        }
    }
}

/// After a failover the other node needs the same way out.
fn check_other_half(hop: &Block, half: &Interface<'_>, hops: &[&Block], findings: &mut Findings) {
    let names_half = |other: &&&Block| {
        let is = |leaf, name: &str| other.words(leaf).any(|word| word.text == name);
        is(&HOP_NODE, half.node) && is(&HOP_INTERFACE, half.name)
    };
    match hops.iter().find(names_half) {
        None => findings.error(hop.complain(
            format!("after a failover node {} would have no next-hop", half.node),
            format!("add next-hop {} {}", half.node, half.name),
        )),
        Some(other) if !crate::value::same(hop, other, &GATEWAY_IP) => {
            findings.error(hop.blame(
                &GATEWAY_IP,
                format!("the next-hop of node {} has another", half.node),
                "type the same for both halves of a shared interface",
            ));
        }
        Some(_) => {}
    }
}

fn warn_of_idle_gateways(router: &Router<'_>, left_by: &[&Block], findings: &mut Findings) {
    for interface in router.interfaces() {
        let used = left_by
            .iter()
            .any(|block| core::ptr::eq(*block, interface.block));
        for address in interface
            .addresses
            .iter()
            .filter(|address| address.gateway.is_some())
        {
            if !used {
                findings.warning(address.block.blame(
                    &GATEWAY,
                    "it has no effect: no service-route has a next-hop through this interface",
                    "add a next-hop or a static-route, or take the gateway away",
                ));
            }
        }
    }
}
