//! Routers: redundancy, routes, nodes.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::authority::each;
use super::interface;
use crate::candidate::Block;
use crate::keyword::ProcessorMode;
use crate::problem::Problem;
use crate::schema::authority::{NAME, SERVICE, SERVICE_ENABLED};
use crate::schema::interface::GLOBAL_ID;
use crate::schema::node::{SESSION_PROCESSOR_COUNT, SESSION_PROCESSOR_MODE, SESSION_SETUP_SCALING};
use crate::schema::router::{
    BLACKHOLE, DESTINATION_PREFIX, DISTANCE, GATEWAY_IP, HOP_INTERFACE, HOP_INTERFACE_NODE,
    HOP_NODE, MAINTENANCE_MODE, MEMBER, MEMBER_DEVICE, MEMBER_NODE, NEXT_HOP, NEXT_HOP_INTERFACE,
    REDUNDANCY_GROUP, ROUTING, SERVICE_NAME, SERVICE_ROUTE, STATIC_NEXT_HOP, STATIC_ROUTE,
    USE_LEARNED_ROUTES,
};
use crate::valid::{
    Delivery, Member, NextHop, Node, NodeInterface, RedundancyGroup, Router, ServiceRoute,
    SessionProcessors, StaticRoute, StaticTarget,
};
use crate::validate::view;

pub(super) fn router(authority: &Block, view: &view::Router<'_>) -> Result<Router, Problem> {
    let block = view.block;
    let mut offered = BTreeSet::new();
    for service in authority.blocks(&SERVICE) {
        if service.get(&SERVICE_ENABLED)? {
            offered.insert(service.key());
        }
    }
    let is_offered = |route: &&Block| {
        let mut service = route.words(&SERVICE_NAME);
        service.any(|name| offered.contains(name.text.as_str()))
    };
    let routes = block.blocks(&SERVICE_ROUTE).filter(is_offered);
    let static_routes = block
        .blocks(&ROUTING)
        .flat_map(|routing| routing.blocks(&STATIC_ROUTE));
    Ok(Router {
        name: block.get(&NAME)?,
        maintenance_mode: block.get(&MAINTENANCE_MODE)?,
        redundancy_groups: each(block.blocks(&REDUNDANCY_GROUP), group)?,
        service_routes: each(routes, |route| service_route(view, route))?,
        static_routes: each(static_routes, |route| static_route(view, route))?,
        nodes: view.nodes.iter().map(node).collect::<Result<_, _>>()?,
    })
}

fn group(block: &Block) -> Result<RedundancyGroup, Problem> {
    let member = |member: &Block| {
        Ok(Member {
            node: member.get(&MEMBER_NODE)?,
            device_interface: member.get(&MEMBER_DEVICE)?,
        })
    };
    Ok(RedundancyGroup {
        name: block.get(&NAME)?,
        members: each(block.blocks(&MEMBER), member)?,
    })
}

fn node(view: &view::Node<'_>) -> Result<Node, Problem> {
    let block = view.block;
    let session_processors = match block.get(&SESSION_PROCESSOR_MODE)? {
        _ if !block.get::<bool>(&SESSION_SETUP_SCALING)? => SessionProcessors::Manual(1),
        ProcessorMode::Automatic => SessionProcessors::Automatic,
        ProcessorMode::Manual => SessionProcessors::Manual(block.get(&SESSION_PROCESSOR_COUNT)?),
    };
    Ok(Node {
        name: block.get(&NAME)?,
        session_processors,
        device_interfaces: view
            .devices
            .iter()
            .map(interface::device)
            .collect::<Result<_, _>>()?,
    })
}

fn service_route(router: &view::Router<'_>, block: &Block) -> Result<ServiceRoute, Problem> {
    let delivery = if block.get(&USE_LEARNED_ROUTES)? {
        Delivery::LearnedRoutes
    } else {
        Delivery::NextHops(each(block.blocks(&NEXT_HOP), |hop| next_hop(router, hop))?)
    };
    Ok(ServiceRoute {
        name: block.get(&NAME)?,
        service: block.get(&SERVICE_NAME)?,
        delivery,
    })
}

/// The gateways of a hop: its own, and for the other IP version the interface's first.
fn next_hop(router: &view::Router<'_>, hop: &Block) -> Result<NextHop, Problem> {
    let interface = router.named_interface(hop, &HOP_NODE, &HOP_INTERFACE)?;
    let own: Option<IpAddr> = hop.find(&GATEWAY_IP)?;
    let inherited = interface
        .addresses
        .iter()
        .filter_map(|address| address.gateway);
    let gateways: Vec<IpAddr> = own.into_iter().chain(inherited).collect();
    Ok(NextHop {
        via: reference(interface)?,
        gateway_v4: gateways.iter().find_map(v4),
        gateway_v6: gateways.iter().find_map(v6),
    })
}

fn v4(ip: &IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(v4) => Some(*v4),
        IpAddr::V6(_) => None,
    }
}

fn v6(ip: &IpAddr) -> Option<Ipv6Addr> {
    match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => Some(*v6),
    }
}

fn static_route(router: &view::Router<'_>, block: &Block) -> Result<StaticRoute, Problem> {
    let target = if block.get(&BLACKHOLE)? {
        StaticTarget::Blackhole
    } else if let Some(gateway) = block.find(&STATIC_NEXT_HOP)? {
        let by_node = router.nodes.iter().filter_map(|node| {
            let mut interfaces = node.interfaces();
            interfaces.find(|interface| interface.subnet_of(gateway).is_some())
        });
        let via = by_node.map(reference).collect::<Result<_, _>>()?;
        StaticTarget::Gateway { gateway, via }
    } else {
        let via =
            |hop| reference(router.named_interface(hop, &HOP_INTERFACE_NODE, &HOP_INTERFACE)?);
        StaticTarget::OnLink(each(block.blocks(&NEXT_HOP_INTERFACE), via)?)
    };
    Ok(StaticRoute {
        prefix: block.get(&DESTINATION_PREFIX)?,
        distance: block.get(&DISTANCE)?,
        target,
    })
}

fn reference(interface: &view::Interface<'_>) -> Result<NodeInterface, Problem> {
    interface
        .reference()
        .ok_or_else(|| interface.block.missing(&GLOBAL_ID))
}
