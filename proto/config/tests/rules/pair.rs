//! Both halves of a shared interface.

use super::support::Site;

#[test]
fn a_shared_interface_has_two_halves() {
    let site = Site::good().instead(
        "B device-interface lan vrrp vrid",
        "B device-interface lan vrrp vrid 11",
    );
    let found = site.validate().unwrap_err();
    let reasons: Vec<_> = found
        .iter()
        .filter(|problem| problem.path.ends_with("vrrp vrid"))
        .map(|problem| problem.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        [
            "node b has no device-interface with this vrid; lan there has vrid 11",
            "node a has no device-interface with this vrid; lan there has vrid 10",
        ]
    );
}

#[test]
fn a_half_that_is_switched_off_is_missing() {
    let site = Site::good().with("B device-interface lan enabled false");
    let found = site.validate().unwrap_err();
    assert!(found.iter().any(|problem| {
        problem.path == "authority router pair node a device-interface lan vrrp vrid"
            && problem.reason == "node b has no device-interface with this vrid"
    }));
}

#[test]
fn a_single_node_shares_with_another_router() {
    let valid = Site::good()
        .without("B ")
        .without("R redundancy-group pair member b")
        .is_good();
    assert_eq!(valid.router("pair").unwrap().nodes.len(), 1);
}

#[test]
fn timers_are_the_same_on_both_halves() {
    Site::good()
        .with("A device-interface lan vrrp advertisement-interval 10")
        .fails(&[(
            " node b device-interface lan vrrp advertisement-interval",
            "it is 10 in the other half",
        )]);
    Site::good()
        .with("B device-interface lan vrrp advertisement-interval 100")
        .fails(&[(
            " node b device-interface lan vrrp advertisement-interval",
            "it is 1000 in the other half",
        )]);
}

#[test]
fn preempt_and_the_virtual_mac_are_the_same_on_both_halves() {
    let preempt = ["A lan", "A wan"].iter().fold(Site::good(), |site, port| {
        let (node, device) = port.split_once(' ').unwrap();
        site.with(&format!(
            "{node} device-interface {device} vrrp preempt true"
        ))
    });
    preempt.fails(&[
        (
            " node b device-interface lan vrrp preempt",
            "it is true in the other half",
        ),
        (
            " node b device-interface wan vrrp preempt",
            "it is true in the other half",
        ),
    ]);
    Site::good()
        .with("A device-interface lan shared-phys-address 02:00:00:00:00:01")
        .fails(&[(
            " node b device-interface lan shared-phys-address",
            "it is 02:00:00:00:00:01 in the other half",
        )]);
}

#[test]
fn network_interfaces_of_both_halves_are_typed_alike() {
    let lan = "device-interface lan network-interface lan";
    for (line, path, reason) in [
        (
            format!("A {lan} mtu 9000"),
            format!(" node b {lan} mtu"),
            "it is 9000",
        ),
        (
            format!("B {lan} source-nat true"),
            format!(" node b {lan} source-nat"),
            "it is false",
        ),
        (
            format!("A {lan} address 2001:db8:1::1 prefix-length 64"),
            format!(" node b {lan}"),
            "it lacks what the other half has",
        ),
        (
            format!("B {lan} address 2001:db8:1::1 prefix-length 64"),
            format!(" node b {lan} address 2001:db8:1::1"),
            "the other half does not have it",
        ),
        (
            format!("A {lan} neighborhood office name office"),
            format!(" node b {lan}"),
            "it lacks what the other half has",
        ),
    ] {
        Site::good().with(&line).fails(&[(&path, reason)]);
    }
    Site::good()
        .instead(
            &format!("B {lan} tenant"),
            "authority tenant other name other",
        )
        .fails(&[(
            &format!(" node b {lan} tenant"),
            "it is lan in the other half",
        )]);
    Site::good()
        .instead(
            &format!("B {lan} global-id"),
            &format!("B {lan} global-id 7"),
        )
        .fails(&[(
            &format!(" node b {lan} global-id"),
            "it is 1 in the other half",
        )]);
}

#[test]
fn values_spelt_in_two_ways_are_the_same() {
    let lan = "device-interface lan network-interface lan";
    Site::good()
        .with(&format!("A {lan} address 2001:db8:1::1 prefix-length 64"))
        .with(&format!(
            "B {lan} address 2001:DB8:1:0::1 prefix-length 064"
        ))
        .with(&format!("A {lan} mtu 1500"))
        .is_good();
}
