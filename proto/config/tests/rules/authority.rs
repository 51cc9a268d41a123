//! Tenants, services, session-types.

use super::support::Site;

#[test]
fn references_must_lead_somewhere() {
    Site::good()
        .with("authority service internet access-policy lam permission deny")
        .fails(&[(
            "authority service internet access-policy lam source",
            "there is no tenant",
        )]);
    Site::good()
        .with("authority service internet access-policy guest@192.0.2.0/24 permission deny")
        .fails(&[(
            "authority service internet access-policy guest@192.0.2.0/24 source",
            "there is no tenant",
        )]);
    Site::good()
        .with("authority service internet service-policy strict")
        .fails(&[(
            "authority service internet service-policy",
            "there is no service-policy",
        )]);
}

#[test]
fn the_nearest_known_name_is_suggested() {
    let site = Site::good().with("authority service internet access-policy lam permission deny");
    let found = site.validate().unwrap_err();
    assert_eq!(found[0].next_step, "did you mean lan?");
}

#[test]
fn a_service_policy_decides_about_tcp_in_mid_flow() {
    use config::valid::TransportStateEnforcement::{Block, Reset};
    let enforcement = |site: Site| {
        let valid = site.is_good();
        valid.authority().services[0].transport_state_enforcement
    };
    assert_eq!(enforcement(Site::good()), Reset);
    let strict = Site::good()
        .with("authority service internet service-policy strict")
        .with("authority service-policy strict transport-state-enforcement block");
    assert_eq!(enforcement(strict), Block);
}

#[test]
fn one_source_stands_once_in_an_access_list() {
    Site::good()
        .with("authority service internet access-policy 2001:db8::/32 permission allow")
        .with("authority service internet access-policy 2001:0db8::/32 permission deny")
        .fails(&[(
            "authority service internet access-policy 2001:0db8::/32 source",
            "is about the same source",
        )]);
}

#[test]
fn a_private_service_that_admits_nobody_is_doubted() {
    let nobody = "it is private and no access-policy allows anybody";
    let site = || Site::good().without("authority service internet access-policy");
    site().warns(&[("authority service internet", nobody)]);
    site()
        .with("authority service internet scope public")
        .is_good();
    Site::good()
        .instead(
            "authority service internet access-policy",
            "authority service internet access-policy lan permission deny",
        )
        .warns(&[("authority service internet", nobody)]);
}

#[test]
fn services_on_one_prefix_need_different_transports() {
    let twin = || {
        Site::good()
            .with("authority service web address 0.0.0.0/0")
            .with("authority service web access-policy lan permission allow")
            .with("R service-route web service-name web")
            .with("R service-route web use-learned-routes true")
    };
    twin().fails(&[("authority service web", "service internet offers 0.0.0.0/0")]);
    twin()
        .with("authority service web transport tcp port-range 443 start-port 443")
        .is_good();
    twin().with("authority service web enabled false").is_good();
    twin()
        .with("authority service internet transport tcp port-range 443 end-port 443")
        .with("authority service web transport tcp port-range 443 start-port 443")
        .fails(&[("authority service web", "service internet offers 0.0.0.0/0")]);
}

#[test]
fn a_service_that_is_switched_off_is_not_offered() {
    let valid = Site::good()
        .with("authority service internet enabled false")
        .is_good();
    assert!(valid.authority().services.is_empty());
    assert!(valid.router("pair").unwrap().service_routes.is_empty());
}

#[test]
fn port_ranges_have_a_first_port_before_the_last() {
    Site::good()
        .with("authority service internet transport tcp port-range 443 end-port 80")
        .fails(&[(
            "authority service internet transport tcp port-range 443 end-port",
            "ends before it starts",
        )]);
    Site::good()
        .with("authority service internet transport icmp port-range 8 start-port 8")
        .fails(&[(
            "authority service internet transport icmp port-range 8",
            "ICMP has no ports",
        )]);
}

#[test]
fn session_types_cover_something_that_no_other_covers() {
    Site::good()
        .with("authority session-type dns timeout 5000")
        .fails(&[("authority session-type dns", "it has no transport")]);
    Site::good()
        .with("authority session-type dns transport udp port-range 53 start-port 53")
        .with("authority session-type names transport udp port-range 53 end-port 53")
        .fails(&[(
            "authority session-type names",
            "session-type dns covers the same ports",
        )]);
}

#[test]
fn session_types_have_the_defaults_of_the_schema() {
    let valid = Site::good()
        .with("authority session-type dns timeout 5000")
        .with("authority session-type dns transport udp port-range 53 start-port 53")
        .is_good();
    let dns = &valid.authority().session_types.overrides[0];
    assert_eq!(
        (dns.timeouts.idle.as_secs(), dns.timeouts.initial.as_secs()),
        (5, 10)
    );
    assert_eq!(
        (
            dns.transports[0].ports[0].first,
            dns.transports[0].ports[0].last
        ),
        (53, 53)
    );
}

#[test]
fn members_of_a_tenant_are_in_a_neighborhood_that_exists() {
    let staff = || Site::good().with("authority tenant staff member office address 192.0.2.0/25");
    staff().fails(&[(
        "authority tenant staff member office neighborhood",
        "no network-interface is in this neighborhood",
    )]);
    let halves = |site: Site| {
        ["A", "B"].iter().fold(site, |site, node| {
            let interface = format!("{node} device-interface lan network-interface lan");
            site.with(&format!("{interface} neighborhood office name office"))
        })
    };
    let ignored = "the network-interface names its tenant itself";
    halves(staff()).warns(&[
        (
            " node a device-interface lan network-interface lan neighborhood office",
            ignored,
        ),
        (
            " node b device-interface lan network-interface lan neighborhood office",
            ignored,
        ),
    ]);
    let by_address = || {
        halves(staff())
            .without("A device-interface lan network-interface lan tenant")
            .without("B device-interface lan network-interface lan tenant")
    };
    let valid = by_address().is_good();
    assert_eq!(
        valid.authority().tenants[1].members[0].prefixes[0].to_string(),
        "192.0.2.0/25"
    );
    by_address()
        .with("authority tenant lan member office address 192.0.2.0/25")
        .fails(&[(
            "authority tenant staff member office",
            "is a member of tenant lan already",
        )]);
}

#[test]
fn a_neighborhood_without_members_is_doubted() {
    let unused = "no tenant has a member in this neighborhood";
    Site::good()
        .instead(
            "A device-interface lan network-interface lan tenant",
            "A device-interface lan network-interface lan neighborhood office name office",
        )
        .instead(
            "B device-interface lan network-interface lan tenant",
            "B device-interface lan network-interface lan neighborhood office name office",
        )
        .warns(&[
            (
                " node a device-interface lan network-interface lan neighborhood office",
                unused,
            ),
            (
                " node b device-interface lan network-interface lan neighborhood office",
                unused,
            ),
        ]);
}

#[test]
fn an_interface_names_a_tenant_that_exists() {
    Site::good()
        .without("authority tenant lan")
        .with("authority tenant lab name lab")
        .fails(&[
            (
                "authority service internet access-policy lan source",
                "there is no tenant",
            ),
            (
                " node a device-interface lan network-interface lan tenant",
                "there is no tenant",
            ),
            (
                " node b device-interface lan network-interface lan tenant",
                "there is no tenant",
            ),
        ]);
}

#[test]
fn a_policy_that_no_service_names_is_doubted() {
    Site::good()
        .with("authority service-policy strict transport-state-enforcement block")
        .warns(&[("authority service-policy strict", "no service names it")]);
}
