//! Who gets which service, and who gets none.

use types::Endpoint;

use super::*;

const LAN: Giid = Giid(1);

#[test]
fn the_most_specific_prefix_wins() {
    let policy = policy(vec![
        service("internet", &["0.0.0.0/0", "::/0"]),
        service("site", &["198.51.100.0/24"]),
        service("server", &["198.51.100.7/32"]),
        service("lab", &["2001:db8:7::/48"]),
    ]);
    for (destination, expected) in [
        ("203.0.113.1", "internet"),
        ("198.51.100.8", "site"),
        ("198.51.100.7", "server"),
        ("2001:db8:7::1", "lab"),
        ("2001:db8:8::1", "internet"),
    ] {
        assert_eq!(
            name(&policy, destination, Protocol::TCP, 443),
            Ok(expected),
            "{destination}"
        );
    }
}

#[test]
fn a_prefix_without_a_fitting_transport_leaves_the_packet_to_a_wider_one() {
    let policy = policy(vec![
        service("internet", &["0.0.0.0/0"]),
        with_transports(
            "web",
            &["198.51.100.0/24"],
            &[(Protocol::TCP, 80..=80), (Protocol::TCP, 443..=443)],
        ),
        with_transports("names", &["198.51.100.53/32"], &[(Protocol::UDP, 53..=53)]),
    ]);
    for (destination, protocol, port, expected) in [
        ("198.51.100.53", Protocol::UDP, 53, "names"),
        ("198.51.100.53", Protocol::TCP, 443, "web"),
        ("198.51.100.53", Protocol::UDP, 54, "internet"),
        ("198.51.100.1", Protocol::TCP, 81, "internet"),
        ("198.51.100.1", Protocol::ICMP, 0, "internet"),
    ] {
        assert_eq!(
            name(&policy, destination, protocol, port),
            Ok(expected),
            "{destination} {port}"
        );
    }
}

#[test]
fn on_one_prefix_the_narrower_transport_wins_and_then_the_first_name() {
    let net: &[&str] = &["198.51.100.0/24"];
    let policy = policy(vec![
        service("z-everything", net),
        service("everything", net),
        with_transports("high-ports", net, &[(Protocol::TCP, 1024..=65_535)]),
        with_transports("tcp", net, &[(Protocol::TCP, 0..=65_535)]),
        with_transports("proxy", net, &[(Protocol::TCP, 8080..=8080)]),
    ]);
    for (port, expected) in [(8080, "proxy"), (8081, "high-ports"), (22, "tcp")] {
        assert_eq!(
            name(&policy, "198.51.100.1", Protocol::TCP, port),
            Ok(expected)
        );
    }
    assert_eq!(
        name(&policy, "198.51.100.1", Protocol::UDP, 8080),
        Ok("everything")
    );
}

#[test]
fn icmp_covers_both_versions_and_looks_at_no_identifier() {
    let nets: &[&str] = &["0.0.0.0/0", "::/0"];
    let policy = policy(vec![with_transports(
        "ping",
        nets,
        &[(Protocol::ICMP, 0..=0)],
    )]);
    assert_eq!(name(&policy, "203.0.113.1", Protocol::ICMP, 7), Ok("ping"));
    assert_eq!(
        name(&policy, "2001:db8::1", Protocol::ICMPV6, 7),
        Ok("ping")
    );
    assert_eq!(
        name(&policy, "203.0.113.1", Protocol::UDP, 0),
        Err(DropReason::NoService)
    );
}

#[test]
fn nothing_is_reachable_that_is_not_a_service() {
    let none = Policy::default();
    assert_eq!(
        name(&none, "203.0.113.1", Protocol::TCP, 80),
        Err(DropReason::NoService)
    );
}

#[test]
fn scope_decides_about_those_of_whom_no_rule_speaks() {
    for (scope, expected) in [
        (Scope::Public, Ok("s")),
        (Scope::Private, Err(DropReason::AccessDenied)),
    ] {
        let policy = policy(vec![ServiceInput {
            scope,
            ..service("s", &["0.0.0.0/0"])
        }]);
        assert_eq!(name(&policy, "203.0.113.1", Protocol::TCP, 80), expected);
    }
}

#[test]
fn the_most_specific_source_decides() {
    let rules = vec![
        rule(None, Some("192.0.2.0/24"), false),
        rule(None, Some("192.0.2.7/32"), true),
        rule(Some("corp"), None, true),
        rule(Some("guests.corp"), None, false),
        rule(Some("guests.corp"), Some("192.0.2.128/25"), true),
    ];
    let access = access::Access::new(rules, Scope::Private);
    for (tenant, source, expected) in [
        (None, "192.0.2.7", true),
        (None, "192.0.2.8", false),
        (None, "198.51.100.1", false),
        (Some("corp"), "198.51.100.1", true),
        (Some("staff.corp"), "198.51.100.1", true),
        (Some("guests.corp"), "198.51.100.1", false),
        (Some("lobby.guests.corp"), "198.51.100.1", false),
        (Some("guests.corp"), "192.0.2.200", true),
        (Some("staff.corp"), "192.0.2.200", false),
        (Some("othercorp"), "198.51.100.1", false),
    ] {
        let tenant = tenant.map(Name::from);
        let admitted = access.admits(tenant.as_ref(), source.parse().unwrap());
        assert_eq!(admitted, expected, "{tenant:?} at {source}");
    }
}

#[test]
fn between_equal_sources_refusal_wins_and_a_rule_for_everybody_is_the_last_one() {
    let both = vec![
        rule(Some("corp"), None, true),
        rule(Some("corp"), None, false),
    ];
    let corp = Name::from("corp");
    let source = "192.0.2.1".parse().unwrap();
    assert!(!access::Access::new(both, Scope::Public).admits(Some(&corp), source));
    let all = vec![rule(None, None, false), rule(Some("corp"), None, true)];
    let access = access::Access::new(all, Scope::Public);
    assert!(access.admits(Some(&corp), source) && !access.admits(None, source));
}

/// Otherwise a refusal could be walked around through a wider service.
#[test]
fn a_refusal_does_not_fall_back_to_a_wider_service() {
    let policy = policy(vec![
        service("internet", &["0.0.0.0/0"]),
        ServiceInput {
            scope: Scope::Private,
            ..service("vault", &["198.51.100.7/32"])
        },
    ]);
    assert_eq!(
        name(&policy, "198.51.100.7", Protocol::TCP, 1),
        Err(DropReason::AccessDenied)
    );
}

#[test]
fn the_interface_names_the_tenant_else_the_narrowest_member_prefix_does() {
    let member = |interface, prefix: &str| MemberInput {
        interface,
        prefix: prefix.parse().unwrap(),
    };
    let tenants = vec![
        TenantInput {
            name: "everyone".into(),
            members: vec![member(None, "192.0.2.0/24")],
        },
        TenantInput {
            name: "printers".into(),
            members: vec![member(None, "192.0.2.16/28")],
        },
        TenantInput {
            name: "wired".into(),
            members: vec![member(Some(LAN), "192.0.2.0/24")],
        },
        TenantInput {
            name: "other".into(),
            members: vec![member(Some(Giid(9)), "192.0.2.17/32")],
        },
    ];
    let policy = Policy::new(PolicyInput {
        tenants,
        ..PolicyInput::default()
    });
    let guests = Name::from("guests");
    for (interface, named, source, expected) in [
        (LAN, Some(&guests), "192.0.2.17", Some("guests")),
        (LAN, None, "192.0.2.17", Some("printers")),
        (LAN, None, "192.0.2.99", Some("wired")),
        (Giid(2), None, "192.0.2.99", Some("everyone")),
        (Giid(9), None, "192.0.2.17", Some("other")),
        (LAN, None, "198.51.100.1", None),
    ] {
        let ingress = Ingress {
            interface,
            tenant: named,
        };
        let tenant = policy.tenant(&ingress, source.parse().unwrap());
        assert_eq!(
            tenant.map(Name::as_str),
            expected,
            "{source} on {interface}"
        );
    }
}

#[test]
fn timeouts_come_from_the_narrowest_session_type_else_from_the_protocol() {
    let kind = |name: &str, ports, ms| SessionTypeInput {
        name: name.into(),
        transports: vec![Transport {
            protocol: Protocol::TCP,
            ports,
        }],
        timeouts: Timeouts {
            initial_ms: 1,
            established_ms: ms,
        },
    };
    let policy = Policy::new(PolicyInput {
        services: vec![service("all", &["0.0.0.0/0"])],
        session_types: vec![kind("low", 0..=1023, 20), kind("ssh", 22..=22, 10)],
        ..PolicyInput::default()
    });
    for (protocol, port, expected) in [
        (Protocol::TCP, 22, 10),
        (Protocol::TCP, 80, 20),
        (Protocol::TCP, 8080, 1_900_000),
        (Protocol::UDP, 22, 180_000),
        (Protocol::ICMP, 0, 10_000),
    ] {
        let verdict = classify(&policy, "203.0.113.1", protocol, port).unwrap();
        assert_eq!(
            verdict.timeouts.established_ms, expected,
            "{protocol} {port}"
        );
    }
}

#[test]
fn a_verdict_carries_what_its_service_says() {
    let gateway = "198.51.100.1".parse().unwrap();
    let hop = NextHop {
        interface: Giid(2),
        gateway_v4: Some(gateway),
        gateway_v6: None,
    };
    let policy = policy(vec![ServiceInput {
        source_nat: false,
        route: Route::Hops(vec![hop]),
        enforcement: TransportEnforcement::Allow,
        ..service("s", &["0.0.0.0/0"])
    }]);
    let verdict = classify(&policy, "203.0.113.1", Protocol::TCP, 80).unwrap();
    assert_eq!((verdict.source_nat, verdict.tenant), (false, None));
    assert_eq!(verdict.enforcement, TransportEnforcement::Allow);
    assert_eq!(verdict.route, &Route::Hops(vec![hop]));
    assert_eq!(
        hop.neighbor("203.0.113.1".parse().unwrap()),
        IpAddr::V4(gateway)
    );
    let on_link = "2001:db8::1".parse().unwrap();
    assert_eq!(hop.neighbor(on_link), on_link);
}

fn policy(services: Vec<ServiceInput>) -> Policy {
    Policy::new(PolicyInput {
        services,
        ..PolicyInput::default()
    })
}

fn service(name: &str, prefixes: &[&str]) -> ServiceInput {
    ServiceInput {
        name: name.into(),
        scope: Scope::Public,
        prefixes: prefixes
            .iter()
            .map(|prefix| prefix.parse().unwrap())
            .collect(),
        transports: Vec::new(),
        access: Vec::new(),
        source_nat: true,
        route: Route::Learned,
        enforcement: TransportEnforcement::Reset,
    }
}

fn with_transports(
    name: &str,
    prefixes: &[&str],
    transports: &[(Protocol, std::ops::RangeInclusive<u16>)],
) -> ServiceInput {
    let transports = transports
        .iter()
        .map(|(protocol, ports)| Transport {
            protocol: *protocol,
            ports: ports.clone(),
        })
        .collect();
    ServiceInput {
        transports,
        ..service(name, prefixes)
    }
}

fn rule(tenant: Option<&str>, prefix: Option<&str>, allow: bool) -> AccessRule {
    AccessRule {
        tenant: tenant.map(Name::from),
        prefix: prefix.map(|prefix| prefix.parse().unwrap()),
        allow,
    }
}

fn name<'a>(
    policy: &'a Policy,
    destination: &str,
    protocol: Protocol,
    port: u16,
) -> Result<&'a str, DropReason> {
    classify(policy, destination, protocol, port).map(|verdict| verdict.service.as_str())
}

fn classify<'a>(
    policy: &'a Policy,
    destination: &str,
    protocol: Protocol,
    port: u16,
) -> Result<Verdict<'a>, DropReason> {
    let destination: IpAddr = destination.parse().unwrap();
    let source = match destination {
        IpAddr::V4(_) => [192, 0, 2, 1].into(),
        IpAddr::V6(_) => "2001:db8::9".parse().unwrap(),
    };
    let key = FlowKey {
        src: Endpoint::new(source, 40_000),
        dst: Endpoint::new(destination, port),
        protocol,
    };
    policy.classify(
        &Ingress {
            interface: LAN,
            tenant: None,
        },
        &key,
    )
}
