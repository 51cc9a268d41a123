//! What becomes of connected subnets and static routes.

#![expect(
    clippy::unwrap_used,
    reason = "test helpers stop at the first surprise"
)]

use std::net::IpAddr;

use fib::{Origin, Target};
use routing::{Computed, ConnectedInterface, StaticRoute, StaticTarget, UnresolvedReason, compute};
use types::Giid;

const LAN: Giid = Giid(1);
const WAN: Giid = Giid(2);

#[test]
fn connected_subnets_are_on_link() {
    let computed = compute(&interfaces(), &[]);
    assert_eq!(
        hop(&computed, "192.0.2.77"),
        Some((LAN, "192.0.2.77".into()))
    );
    assert_eq!(
        hop(&computed, "2001:db8:2::77"),
        Some((WAN, "2001:db8:2::77".into()))
    );
    assert_eq!(hop(&computed, "203.0.113.1"), None);
    assert!(
        computed
            .fib
            .iter()
            .all(|route| route.origin == Origin::Connected)
    );
}

#[test]
fn a_static_route_leaves_by_the_interface_of_its_gateway() {
    let computed = compute(
        &interfaces(),
        &[
            via("0.0.0.0/0", 1, "198.51.100.1"),
            via("::/0", 1, "2001:db8:2::1"),
        ],
    );
    assert_eq!(computed.unresolved, []);
    assert_eq!(
        hop(&computed, "203.0.113.1"),
        Some((WAN, "198.51.100.1".into()))
    );
    assert_eq!(
        hop(&computed, "2001:db8:ffff::1"),
        Some((WAN, "2001:db8:2::1".into()))
    );
    assert_eq!(
        hop(&computed, "192.0.2.1"),
        Some((LAN, "192.0.2.1".into())),
        "more specific"
    );
}

#[test]
fn the_lower_distance_wins_and_a_connected_subnet_beats_every_static_route() {
    let computed = compute(
        &interfaces(),
        &[
            via("203.0.113.0/24", 20, "192.0.2.1"),
            via("203.0.113.0/24", 10, "198.51.100.1"),
            via("192.0.2.0/24", 1, "198.51.100.1"),
        ],
    );
    assert_eq!(
        hop(&computed, "203.0.113.1"),
        Some((WAN, "198.51.100.1".into()))
    );
    assert_eq!(hop(&computed, "192.0.2.9"), Some((LAN, "192.0.2.9".into())));
}

/// The backup route serves as soon as the better one's interface is gone.
#[test]
fn a_route_whose_interface_is_down_gives_way_to_the_next_one() {
    let statics = [
        via("203.0.113.0/24", 10, "198.51.100.1"),
        via("203.0.113.0/24", 20, "192.0.2.1"),
    ];
    let lan_only = compute(&interfaces()[..1], &statics);
    assert_eq!(
        hop(&lan_only, "203.0.113.1"),
        Some((LAN, "192.0.2.1".into()))
    );
    let reason = UnresolvedReason::GatewayNotConnected("198.51.100.1".parse().unwrap());
    assert_eq!(reasons(&lan_only), [reason]);
}

#[test]
fn a_blackhole_is_a_route_without_a_hop() {
    let computed = compute(
        &interfaces(),
        &[
            via("203.0.113.0/24", 1, "198.51.100.1"),
            to("203.0.113.8/29", StaticTarget::Blackhole),
        ],
    );
    let route = computed.fib.lookup("203.0.113.9".parse().unwrap()).unwrap();
    assert_eq!(
        (route.target, route.hop(route.prefix.addr())),
        (Target::Blackhole, None)
    );
    assert!(hop(&computed, "203.0.113.16").is_some());
}

#[test]
fn an_on_link_route_needs_its_interface() {
    let statics = [to("203.0.113.0/24", StaticTarget::OnLink(WAN))];
    let computed = compute(&interfaces(), &statics);
    assert_eq!(
        hop(&computed, "203.0.113.5"),
        Some((WAN, "203.0.113.5".into()))
    );
    let without = compute(&interfaces()[..1], &statics);
    assert_eq!(reasons(&without), [UnresolvedReason::NoInterface(WAN)]);
}

#[test]
fn what_cannot_be_resolved_is_told_with_its_reason() {
    let link_local: IpAddr = "fe80::1".parse().unwrap();
    let stranger: IpAddr = "203.0.113.1".parse().unwrap();
    let lan_gateway: IpAddr = "192.0.2.1".parse().unwrap();
    let named = |gateway, via| StaticTarget::Gateway {
        gateway,
        via: Some(via),
    };
    for (route, reason) in [
        (
            via("0.0.0.0/0", 1, "203.0.113.1"),
            UnresolvedReason::GatewayNotConnected(stranger),
        ),
        (
            via("::/0", 1, "192.0.2.1"),
            UnresolvedReason::OtherFamily(lan_gateway),
        ),
        (
            via("::/0", 1, "fe80::1"),
            UnresolvedReason::AmbiguousLinkLocal(link_local),
        ),
        (
            to("0.0.0.0/0", named(lan_gateway, WAN)),
            UnresolvedReason::GatewayNotConnected(lan_gateway),
        ),
        (
            to("0.0.0.0/0", named(lan_gateway, Giid(9))),
            UnresolvedReason::NoInterface(Giid(9)),
        ),
    ] {
        let computed = compute(&interfaces(), std::slice::from_ref(&route));
        assert_eq!(reasons(&computed), [reason]);
        assert_eq!(computed.unresolved[0].route, route);
        assert_eq!(computed.fib.len(), compute(&interfaces(), &[]).fib.len());
    }
    let target = named(link_local, WAN);
    let computed = compute(&interfaces(), &[to("::/0", target)]);
    assert_eq!(
        hop(&computed, "2001:db8:ffff::1"),
        Some((WAN, "fe80::1".into()))
    );
}

#[test]
fn a_gateway_in_nested_subnets_belongs_to_the_narrower_one() {
    let mut interfaces = interfaces();
    interfaces.push(ConnectedInterface {
        interface: Giid(3),
        subnets: vec!["198.51.100.0/28".parse().unwrap()],
    });
    for interfaces in [interfaces.clone(), interfaces.into_iter().rev().collect()] {
        let computed = compute(&interfaces, &[via("0.0.0.0/0", 1, "198.51.100.1")]);
        assert_eq!(
            hop(&computed, "203.0.113.1"),
            Some((Giid(3), "198.51.100.1".into()))
        );
    }
}

fn interfaces() -> Vec<ConnectedInterface> {
    let interface = |interface, subnets: [&str; 2]| ConnectedInterface {
        interface,
        subnets: subnets.map(|subnet| subnet.parse().unwrap()).to_vec(),
    };
    vec![
        interface(LAN, ["192.0.2.1/24", "2001:db8:1::1/64"]),
        interface(WAN, ["198.51.100.2/24", "2001:db8:2::2/64"]),
    ]
}

fn via(prefix: &str, distance: u8, gateway: &str) -> StaticRoute {
    let target = StaticTarget::Gateway {
        gateway: gateway.parse().unwrap(),
        via: None,
    };
    StaticRoute {
        distance,
        ..to(prefix, target)
    }
}

fn to(prefix: &str, target: StaticTarget) -> StaticRoute {
    StaticRoute {
        prefix: prefix.parse().unwrap(),
        distance: 1,
        target,
    }
}

fn hop(computed: &Computed, destination: &str) -> Option<(Giid, String)> {
    let destination = destination.parse().unwrap();
    let hop = computed.fib.lookup(destination)?.hop(destination)?;
    Some((hop.interface, hop.neighbor.to_string()))
}

fn reasons(computed: &Computed) -> Vec<UnresolvedReason> {
    computed
        .unresolved
        .iter()
        .map(|unresolved| unresolved.reason)
        .collect()
}
