//! The computation: connected routes first, static ones on top of them.

use std::net::IpAddr;

use fib::{Fib, FibBuilder, Origin, Route, Target};
use ipnet::IpNet;
use types::Giid;

use crate::input::{ConnectedInterface, StaticRoute, StaticTarget};

/// Administrative distance of a subnet we are in: nothing is nearer.
const CONNECTED_DISTANCE: u8 = 0;

/// What routing found.
#[derive(Clone, Debug)]
pub struct Computed {
    /// The table to forward by.
    pub fib: Fib,
    /// Static routes that are not in it, and why.
    pub unresolved: Vec<Unresolved>,
}

/// A static route that leads nowhere at the moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unresolved {
    /// The route as it was typed.
    pub route: StaticRoute,
    /// What is missing.
    pub reason: UnresolvedReason,
}

/// Why a static route is not in the FIB.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnresolvedReason {
    /// The gateway is in no connected subnet (of the interface, when one is named).
    #[error("no interface is connected to gateway {0}")]
    GatewayNotConnected(IpAddr),
    /// The route and its gateway belong to different address families.
    #[error("gateway {0} is of another address family than the prefix")]
    OtherFamily(IpAddr),
    /// A link-local gateway is on every link: the route must name the interface.
    #[error("link-local gateway {0} needs an interface")]
    AmbiguousLinkLocal(IpAddr),
    /// The interface is not there (not configured on this node, or down).
    #[error("interface {0} is not available")]
    NoInterface(Giid),
}

/// The FIB of these interfaces and static routes. Pass only interfaces that are usable: a subnet of an
/// interface that is down leads nowhere.
pub fn compute(interfaces: &[ConnectedInterface], statics: &[StaticRoute]) -> Computed {
    let mut builder = FibBuilder::new();
    for interface in interfaces {
        for subnet in &interface.subnets {
            builder.offer(Route {
                prefix: *subnet,
                target: Target::Hop {
                    interface: interface.interface,
                    gateway: None,
                },
                origin: Origin::Connected,
                distance: CONNECTED_DISTANCE,
            });
        }
    }
    let mut unresolved = Vec::new();
    for route in statics {
        match resolve(route, interfaces) {
            Ok(target) => builder.offer(Route {
                prefix: route.prefix,
                target,
                origin: Origin::Static,
                distance: route.distance,
            }),
            Err(reason) => unresolved.push(Unresolved {
                route: route.clone(),
                reason,
            }),
        }
    }
    Computed {
        fib: builder.build(),
        unresolved,
    }
}

fn resolve(
    route: &StaticRoute,
    interfaces: &[ConnectedInterface],
) -> Result<Target, UnresolvedReason> {
    match route.target {
        StaticTarget::Blackhole => Ok(Target::Blackhole),
        StaticTarget::OnLink(giid) => find(interfaces, giid).map(|interface| Target::Hop {
            interface: interface.interface,
            gateway: None,
        }),
        StaticTarget::Gateway { gateway, via } => {
            if gateway.is_ipv4() != matches!(route.prefix, IpNet::V4(_)) {
                return Err(UnresolvedReason::OtherFamily(gateway));
            }
            let interface = match via {
                Some(giid) => gateway_on(find(interfaces, giid)?, gateway),
                None if is_link_local(gateway) => {
                    return Err(UnresolvedReason::AmbiguousLinkLocal(gateway));
                }
                None => nearest(interfaces, gateway),
            };
            interface
                .map(|interface| Target::Hop {
                    interface,
                    gateway: Some(gateway),
                })
                .ok_or(UnresolvedReason::GatewayNotConnected(gateway))
        }
    }
}

fn find(
    interfaces: &[ConnectedInterface],
    giid: Giid,
) -> Result<&ConnectedInterface, UnresolvedReason> {
    interfaces
        .iter()
        .find(|interface| interface.interface == giid)
        .ok_or(UnresolvedReason::NoInterface(giid))
}

fn gateway_on(interface: &ConnectedInterface, gateway: IpAddr) -> Option<Giid> {
    let connected = interface.subnets.iter().any(|net| net.contains(&gateway));
    // A link-local address needs no subnet of ours: each link has it (RFC 4291 §2.5.6).
    (connected || is_link_local(gateway)).then_some(interface.interface)
}

/// The interface whose subnet holds the gateway most specifically; the lowest id among equals, so that
/// the order of the configuration does not matter.
fn nearest(interfaces: &[ConnectedInterface], gateway: IpAddr) -> Option<Giid> {
    interfaces
        .iter()
        .flat_map(|interface| interface.subnets.iter().map(move |net| (net, interface)))
        .filter(|(net, _)| net.contains(&gateway))
        .max_by_key(|(net, interface)| (net.prefix_len(), core::cmp::Reverse(interface.interface)))
        .map(|(_, interface)| interface.interface)
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
