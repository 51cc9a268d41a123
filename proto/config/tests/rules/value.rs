//! Values alone: type, range, presence.

use super::support::{Site, full_path};

/// A line with a wrong value, the path that objects, and why.
const WRONG_VALUES: &[(&str, &str, &str)] = &[
    (
        "A role conductor",
        " node a role",
        "nothing that would act on it",
    ),
    (
        "A session-setup-scaling maybe",
        " node a session-setup-scaling",
        "neither true nor false",
    ),
    (
        "A device-interface lan type bond",
        " node a device-interface lan type",
        "nothing that would act",
    ),
    (
        "A device-interface lan forwarding false",
        " node a device-interface lan forwarding",
        "nothing that would act",
    ),
    (
        "A device-interface lan vrrp priority 0",
        " node a device-interface lan vrrp priority",
        "outside 1–254",
    ),
    (
        "A device-interface lan vrrp priority 255",
        " node a device-interface lan vrrp priority",
        "outside 1–254",
    ),
    (
        "A device-interface lan vrrp priority ten",
        " node a device-interface lan vrrp priority",
        "not a whole number",
    ),
    (
        "A device-interface lan vrrp priority -1",
        " node a device-interface lan vrrp priority",
        "not a whole number",
    ),
    (
        "A device-interface lan network-interface lan vlan 7",
        " node a device-interface lan network-interface lan vlan",
        "nothing that would act",
    ),
    (
        "A device-interface lan network-interface lan type fabric",
        " node a device-interface lan network-interface lan type",
        "none of the choices",
    ),
    (
        "authority service internet address 10.0.0.1/8",
        "authority service internet address",
        "host bits",
    ),
    (
        "authority service internet address example.net",
        "authority service internet address",
        "not an IP prefix",
    ),
    (
        "authority session-type dns transport sctp protocol sctp",
        "authority session-type dns transport sctp protocol",
        "none of the choices",
    ),
    (
        "authority service internet scope privat",
        "authority service internet scope",
        "none of the choices",
    ),
    (
        "authority tenant a..b name a..b",
        "authority tenant a..b name",
        "each level between dots",
    ),
    (
        "authority router x/y name x/y",
        "authority router x/y name",
        "no place in a name",
    ),
    (
        "R routing vrf-7 type vrf-7",
        " routing vrf-7 type",
        "nothing that would act",
    ),
];

#[test]
fn values_that_are_none_are_refused_with_their_path() {
    for (line, path, reason) in WRONG_VALUES {
        let found = Site::good().with(line).validate().unwrap_err();
        let hit = found.iter().any(|problem| {
            let right_path = problem.path == full_path(path);
            right_path && problem.reason.contains(reason) && !problem.next_step.is_empty()
        });
        assert!(hit, "{line}: {found:#?}");
    }
}

#[test]
fn intervals_are_whole_centiseconds_from_10_ms_to_40950_ms() {
    for (interval, good) in [
        ("10", true),
        ("40950", true),
        ("0", false),
        ("5", false),
        ("15", false),
        ("40960", false),
        ("99999999999999999999999", false),
    ] {
        let site = ["A", "B"].iter().fold(Site::good(), |site, node| {
            site.with(&format!(
                "{node} device-interface lan vrrp advertisement-interval {interval}"
            ))
        });
        assert_eq!(site.validate().is_ok(), good, "{interval}");
    }
}

#[test]
fn what_is_required_must_be_there() {
    for (line, path) in [
        ("authority name", "authority name"),
        (
            "authority service internet address",
            "authority service internet address",
        ),
        (
            "R service-route internet service-name",
            " service-route internet service-name",
        ),
        (
            "A device-interface lan interface-name",
            " node a device-interface lan interface-name",
        ),
    ] {
        Site::good()
            .without(line)
            .fails(&[(path, "it is required and missing")]);
    }
}

#[test]
fn an_address_needs_its_prefix_length() {
    let path = "device-interface lan network-interface lan address 192.0.2.1 prefix-length";
    Site::good()
        .without(&format!("A {path}"))
        .without(&format!("B {path}"))
        .fails(&[
            (&format!(" node a {path}"), "it is required and missing"),
            (&format!(" node b {path}"), "it is required and missing"),
        ]);
}
