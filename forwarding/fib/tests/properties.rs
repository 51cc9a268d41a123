//! The FIB against a list that is searched from end to end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fib::{Fib, FibBuilder, Origin, Route, Target};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use types::Giid;

fn address() -> impl Strategy<Value = IpAddr> {
    // Few bits vary, so that prefixes nest and meet.
    prop_oneof![
        any::<u8>().prop_map(|low| Ipv4Addr::from_bits(0xc633_6400 | u32::from(low)).into()),
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        any::<u8>()
            .prop_map(|low| { Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(low)).into() }),
    ]
}

fn prefix() -> impl Strategy<Value = IpNet> {
    (address(), 0..=40_u8).prop_map(|(address, from_end)| match address {
        IpAddr::V4(ip) => Ipv4Net::new_assert(ip, 32_u8.saturating_sub(from_end)).into(),
        IpAddr::V6(ip) => Ipv6Net::new_assert(ip, 128 - from_end * 3).into(),
    })
}

fn route() -> impl Strategy<Value = Route> {
    let target = prop_oneof![
        Just(Target::Blackhole),
        (0..3_u16, prop::option::of(address())).prop_map(|(interface, gateway)| Target::Hop {
            interface: Giid(interface),
            gateway,
        }),
    ];
    let origin = prop_oneof![Just(Origin::Connected), Just(Origin::Static)];
    (prefix(), target, origin, 0..3_u8).prop_map(|(prefix, target, origin, distance)| Route {
        prefix,
        target,
        origin,
        distance,
    })
}

fn build<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Fib {
    let mut builder = FibBuilder::new();
    for route in routes {
        builder.offer(*route);
    }
    builder.build()
}

proptest! {
    #[test]
    fn lookups_find_what_a_search_of_all_routes_finds(
        routes in prop::collection::vec(route(), 0..40),
        destinations in prop::collection::vec(address(), 20),
    ) {
        let fib = build(&routes);
        for destination in destinations {
            let best = routes
                .iter()
                .filter(|route| route.prefix.contains(&destination))
                .min_by_key(|route| {
                    let length = core::cmp::Reverse(route.prefix.prefix_len());
                    (length, route.distance, route.origin, route.target)
                })
                .map(|route| Route { prefix: route.prefix.trunc(), ..*route });
            prop_assert_eq!(fib.lookup(destination).copied(), best);
        }
    }

    #[test]
    fn the_order_of_offers_changes_neither_the_table_nor_its_checksum(
        routes in prop::collection::vec(route(), 0..40),
    ) {
        let fib = build(&routes);
        let turned = build(routes.iter().rev());
        prop_assert!(fib.iter().eq(turned.iter()));
        prop_assert_eq!(fib.checksum(), turned.checksum());
        prop_assert_eq!(fib.len(), fib.iter().count());
        // Built again from what it shows, it is the same.
        let copied: Vec<_> = fib.iter().copied().collect();
        prop_assert_eq!(build(&copied).checksum(), fib.checksum());
    }

    #[test]
    fn any_difference_changes_the_checksum(
        routes in prop::collection::vec(route(), 1..40),
        at: prop::sample::Index,
    ) {
        let routes: Vec<_> = build(&routes).iter().copied().collect();
        let checksum = build(&routes).checksum();
        let changed = at.index(routes.len());
        let mut fewer = routes.clone();
        fewer.remove(changed);
        prop_assert_ne!(build(&fewer).checksum(), checksum);
        let mut other = routes;
        other[changed].distance ^= 128;
        prop_assert_ne!(build(&other).checksum(), checksum);
    }
}

#[test]
fn a_default_route_catches_its_own_family_only() {
    let fib = build(&[Route {
        prefix: Ipv4Net::default().into(),
        target: Target::Blackhole,
        origin: Origin::Static,
        distance: 1,
    }]);
    assert!(fib.lookup([203, 0, 113, 1].into()).is_some());
    assert!(fib.lookup(IpAddr::from([0_u16; 8])).is_none());
    assert!(Fib::empty().lookup([203, 0, 113, 1].into()).is_none() && Fib::empty().is_empty());
}

#[test]
fn a_hop_names_the_gateway_or_the_destination_itself() {
    let destination = IpAddr::from([198, 51, 100, 9]);
    let gateway = IpAddr::from([192, 0, 2, 1]);
    let neighbor = |gateway| {
        let route = Route {
            prefix: destination.into(),
            target: Target::Hop {
                interface: Giid(4),
                gateway,
            },
            origin: Origin::Static,
            distance: 1,
        };
        route
            .hop(destination)
            .map(|hop| (hop.interface, hop.neighbor))
    };
    assert_eq!(neighbor(Some(gateway)), Some((Giid(4), gateway)));
    assert_eq!(neighbor(None), Some((Giid(4), destination)));
}
