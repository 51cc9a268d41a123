//! Service-routes and static routes.

use config::valid::{Delivery, StaticTarget};

use super::support::Site;

#[test]
fn a_service_route_delivers_in_exactly_one_way() {
    Site::good()
        .without("R service-route internet use-learned-routes")
        .fails(&[(" service-route internet", "it has no way of delivery")]);
    Site::good()
        .with("R service-route internet next-hop a wan node-name a")
        .with("R service-route internet next-hop b wan node-name b")
        .fails(&[(" service-route internet", "it has two ways of delivery")]);
}

#[test]
fn a_service_is_delivered_by_one_route() {
    Site::good()
        .with("R service-route again service-name internet")
        .with("R service-route again use-learned-routes true")
        .fails(&[(
            " service-route again service-name",
            "service-route internet delivers this service already",
        )]);
}

#[test]
fn a_service_that_no_route_delivers_is_doubted() {
    Site::good().without("R service-route internet").warns(&[(
        "authority router pair",
        "no service-route delivers service internet",
    )]);
}

/// Delivery by the WAN interface of both nodes.
fn hops() -> Site {
    Site::good()
        .without("R service-route internet use-learned-routes")
        .with("R service-route internet next-hop a wan node-name a")
        .with("R service-route internet next-hop b wan node-name b")
}

#[test]
fn next_hops_get_their_gateway_or_the_interface_s() {
    let gateways = |site: Site| {
        let valid = site.is_good();
        match &valid.router("pair").unwrap().service_routes[0].delivery {
            Delivery::NextHops(hops) => hops
                .iter()
                .map(|hop| (hop.via.node.to_string(), hop.via.giid.0, hop.gateway_v4))
                .collect::<Vec<_>>(),
            Delivery::LearnedRoutes => panic!("it has next-hops"),
        }
    };
    let both = |gateway| vec![("a".to_owned(), 2, gateway), ("b".to_owned(), 2, gateway)];
    assert_eq!(gateways(hops()), both(None));
    let wan =
        "device-interface wan network-interface wan address 203.0.113.1 gateway 203.0.113.254";
    let inherited = || hops().with(&format!("A {wan}")).with(&format!("B {wan}"));
    assert_eq!(gateways(inherited()), both("203.0.113.254".parse().ok()));
    let own = inherited()
        .with("R service-route internet next-hop a wan gateway-ip 203.0.113.253")
        .with("R service-route internet next-hop b wan gateway-ip 203.0.113.253");
    assert_eq!(gateways(own), both("203.0.113.253".parse().ok()));
}

#[test]
fn a_gateway_that_no_next_hop_uses_is_doubted() {
    let wan = "device-interface wan network-interface wan address 203.0.113.1 gateway";
    Site::good()
        .with(&format!("A {wan} 203.0.113.254"))
        .with(&format!("B {wan} 203.0.113.254"))
        .warns(&[
            (&format!(" node a {wan}"), "it has no effect"),
            (&format!(" node b {wan}"), "it has no effect"),
        ]);
}

#[test]
fn both_halves_of_a_shared_interface_are_next_hops_alike() {
    hops()
        .without("R service-route internet next-hop b")
        .fails(&[(
            " service-route internet next-hop a wan",
            "after a failover node b would have no next-hop",
        )]);
    hops()
        .with("R service-route internet next-hop a wan gateway-ip 203.0.113.254")
        .fails(&[
            (
                " service-route internet next-hop a wan gateway-ip",
                "the next-hop of node b has another",
            ),
            (
                " service-route internet next-hop b wan gateway-ip",
                "the next-hop of node a has another",
            ),
        ]);
}

#[test]
fn next_hops_exist_and_reach_their_gateway() {
    hops()
        .with("R service-route internet next-hop c wan node-name c")
        .fails(&[(
            " service-route internet next-hop c wan node-name",
            "there is no node",
        )]);
    hops()
        .with("R service-route internet next-hop a dmz node-name a")
        .fails(&[(
            " service-route internet next-hop a dmz interface",
            "there is no network-interface",
        )]);
    for (gateway, reason) in [
        ("192.0.2.9", "it is in no subnet of wan"),
        ("203.0.113.2", "an address of the interface itself"),
    ] {
        let site = ["a", "b"].iter().fold(hops(), |site, node| {
            site.with(&format!(
                "R service-route internet next-hop {node} wan gateway-ip {gateway}"
            ))
        });
        let found = site.validate().unwrap_err();
        let path = "authority router pair service-route internet next-hop a wan gateway-ip";
        let hit =
            |problem: &config::Problem| problem.path == path && problem.reason.contains(reason);
        assert!(found.iter().any(hit), "{found:#?}");
    }
}

#[test]
fn a_next_hop_speaks_the_service_s_ip_version() {
    let no_v6 = "service internet offers IPv6, and wan has no IPv6 address";
    hops()
        .with("authority service internet address ::/0")
        .fails(&[
            (" service-route internet next-hop a wan", no_v6),
            (" service-route internet next-hop b wan", no_v6),
        ]);
    let wan = "device-interface wan network-interface wan address 2001:db8:2::1 prefix-length 64";
    let site = ["a", "b"].iter().fold(hops(), |site, node| {
        site.with(&format!("{} {wan}", node.to_uppercase()))
            .with(&format!(
                "R service-route internet next-hop {node} wan gateway-ip 2001:db8:2::9"
            ))
    });
    site.fails(&[
        (
            " service-route internet next-hop a wan gateway-ip",
            "service internet offers no IPv6",
        ),
        (
            " service-route internet next-hop b wan gateway-ip",
            "service internet offers no IPv6",
        ),
    ]);
}

const STATIC: &str = "R routing default-instance static-route";

#[test]
fn a_static_route_has_exactly_one_target() {
    let path = " routing default-instance static-route 198.51.100.0/24 1";
    Site::good()
        .with(&format!("{STATIC} 198.51.100.0/24 1 blackhole false"))
        .fails(&[(path, "it leads nowhere")]);
    Site::good()
        .with(&format!("{STATIC} 198.51.100.0/24 1 blackhole true"))
        .with(&format!("{STATIC} 198.51.100.0/24 1 next-hop 203.0.113.9"))
        .fails(&[(path, "it has more than one target")]);
}

#[test]
fn static_routes_come_out_with_the_interfaces_that_reach_them() {
    let valid = Site::good()
        .with(&format!("{STATIC} 0.0.0.0/0 1 next-hop 203.0.113.9"))
        .with(&format!("{STATIC} 198.51.100.0/24 5 blackhole true"))
        .with(&format!(
            "{STATIC} 198.18.0.0/24 1 next-hop-interface a lan node a"
        ))
        .with(&format!(
            "{STATIC} 198.18.0.0/24 1 next-hop-interface b lan node b"
        ))
        .is_good();
    let routes = &valid.router("pair").unwrap().static_routes;
    let StaticTarget::Gateway { gateway, via } = &routes[0].target else {
        panic!("{:?}", routes[0]);
    };
    assert_eq!(gateway.to_string(), "203.0.113.9");
    assert_eq!(via.iter().map(|via| via.giid.0).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(
        (routes[1].distance, &routes[1].target),
        (5, &StaticTarget::Blackhole)
    );
    let StaticTarget::OnLink(via) = &routes[2].target else {
        panic!("{:?}", routes[2]);
    };
    assert_eq!(
        via.iter().map(|via| via.node.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
}

#[test]
fn a_static_next_hop_is_a_neighbour() {
    for (next_hop, reason) in [
        ("198.51.100.9", "it is in no subnet of any interface"),
        ("203.0.113.3", "it is an address of wan on node b"),
        ("2001:db8::1", "different IP versions"),
    ] {
        Site::good()
            .with(&format!("{STATIC} 0.0.0.0/0 1 next-hop {next_hop}"))
            .fails(&[(
                " routing default-instance static-route 0.0.0.0/0 1 next-hop",
                reason,
            )]);
    }
}

#[test]
fn a_prefix_has_one_static_route_of_a_distance() {
    Site::good()
        .with(&format!("{STATIC} 2001:db8:9::/48 1 blackhole true"))
        .with(&format!("{STATIC} 2001:DB8:9::/48 1 blackhole true"))
        .fails(&[(
            " routing default-instance static-route 2001:DB8:9::/48 1",
            "another static-route has the same prefix and distance",
        )]);
}

#[test]
fn a_static_route_that_one_node_lacks_is_doubted() {
    let spare = Site::good()
        .with("A device-interface spare interface-name spare0")
        .with("A device-interface spare network-interface spare global-id 3")
        .with("A device-interface spare network-interface spare address 198.51.100.1 prefix-length 24")
        .with(&format!("{STATIC} 198.18.0.0/24 1 next-hop 198.51.100.9"))
        .with(&format!("{STATIC} 198.18.1.0/24 1 next-hop-interface a spare node a"));
    spare.warns(&[
        (
            " routing default-instance static-route 198.18.0.0/24 1 next-hop",
            "node b has no interface in its subnet",
        ),
        (
            " routing default-instance static-route 198.18.1.0/24 1",
            "node b has no interface for it",
        ),
    ]);
}

#[test]
fn an_on_link_route_has_one_interface_a_node() {
    Site::good()
        .with(&format!(
            "{STATIC} 198.18.0.0/24 1 next-hop-interface a lan node a"
        ))
        .with(&format!(
            "{STATIC} 198.18.0.0/24 1 next-hop-interface a wan node a"
        ))
        .with(&format!(
            "{STATIC} 198.18.0.0/24 1 next-hop-interface b lan node b"
        ))
        .fails(&[(
            " routing default-instance static-route 198.18.0.0/24 1 next-hop-interface a wan",
            "node a has an interface for this route already",
        )]);
}
