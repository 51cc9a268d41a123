//! Ports: names, numbers, MAC addresses.

use super::support::Site;

const SPARE: &str =
    "device-interface spare network-interface spare address 198.51.100.1 prefix-length 24";

/// A port of node a that is not shared.
fn with_spare(line: &str) -> Site {
    Site::good()
        .with(&format!("A {SPARE}"))
        .with("A device-interface spare network-interface spare global-id 3")
        .with(&format!("A device-interface spare {line}"))
}

#[test]
fn a_port_of_its_own_is_fine() {
    let valid = with_spare("interface-name spare0").is_good();
    let spare = &valid.router("pair").unwrap().nodes[0].device_interfaces[2];
    assert!(!spare.is_shared());
    assert_eq!(spare.virtual_mac_v4(), None);
}

#[test]
fn a_linux_device_is_behind_one_port() {
    with_spare("interface-name lan0").fails(&[(
        " node a device-interface spare interface-name",
        "device-interface lan has this Linux device",
    )]);
}

#[test]
fn a_vrid_is_one_port_s() {
    with_spare("interface-name spare0")
        .with("A device-interface spare vrrp enabled true")
        .with("A device-interface spare vrrp vrid 10")
        .with("A device-interface spare network-interface spare address 198.51.100.1 utility-ip-address 198.51.100.2")
        .with("R redundancy-group pair member a spare node a")
        .validate()
        .unwrap_err()
        .iter()
        .find(|problem| problem.reason == "device-interface lan has this virtual router")
        .unwrap();
}

#[test]
fn vrrp_needs_a_vrid() {
    Site::good()
        .without("A device-interface lan vrrp vrid")
        .without("B device-interface lan vrrp vrid")
        .validate()
        .unwrap_err()
        .iter()
        .find(|problem| {
            problem.path == "authority router pair node a device-interface lan vrrp vrid"
                && problem.reason == "it is required and missing"
        })
        .unwrap();
}

#[test]
fn a_port_has_one_untagged_network_interface() {
    with_spare("interface-name spare0")
        .with("A device-interface spare network-interface more global-id 4")
        .with("A device-interface spare network-interface more address 198.18.0.1 prefix-length 24")
        .fails(&[(
            " node a device-interface spare network-interface more vlan",
            "network-interface spare has the port's untagged traffic",
        )]);
}

#[test]
fn a_port_without_network_interface_is_doubted() {
    Site::good()
        .with("A device-interface spare interface-name spare0")
        .warns(&[(" node a device-interface spare", "it carries nothing")]);
}

#[test]
fn a_port_that_is_switched_off_does_not_exist() {
    let valid = with_spare("interface-name spare0")
        .with("A device-interface spare enabled false")
        .is_good();
    assert_eq!(
        valid.router("pair").unwrap().nodes[0]
            .device_interfaces
            .len(),
        2
    );
}

#[test]
fn vrrp_without_an_address_has_nothing_to_own() {
    Site::good()
        .without("A device-interface wan network-interface")
        .without("B device-interface wan network-interface")
        .fails(&[
            (" node a device-interface wan vrrp", "no address to own"),
            (" node b device-interface wan vrrp", "no address to own"),
        ]);
}

#[test]
fn a_virtual_mac_needs_vrrp_and_is_one_shared_interface_s() {
    with_spare("interface-name spare0")
        .with("A device-interface spare shared-phys-address 02:00:00:00:00:01")
        .fails(&[(
            " node a device-interface spare shared-phys-address",
            "nothing decides which node has the virtual MAC",
        )]);
    let both = |site: Site, device: &str| {
        ["A", "B"].iter().fold(site, |site, node| {
            let port = format!("{node} device-interface {device}");
            site.with(&format!("{port} shared-phys-address 02:00:00:00:00:01"))
        })
    };
    let lan = || both(Site::good(), "lan");
    let valid = lan().is_good();
    let device = &valid.router("pair").unwrap().nodes[1].device_interfaces[0];
    assert_eq!(
        device.virtual_mac_v6().unwrap().to_string(),
        "02:00:00:00:00:01"
    );
    let taken = "node a device-interface lan has this MAC address";
    both(lan(), "wan").fails(&[
        (" node a device-interface wan shared-phys-address", taken),
        (" node b device-interface wan shared-phys-address", taken),
    ]);
}

#[test]
fn a_global_id_is_one_interface_s() {
    Site::good()
        .with(&format!("A {SPARE}"))
        .with("A device-interface spare interface-name spare0")
        .with("A device-interface spare network-interface spare global-id 1")
        .fails(&[(
            " node a device-interface spare network-interface spare global-id",
            "lan of node a has this id",
        )]);
}

#[test]
fn network_interfaces_of_a_node_have_names_of_their_own() {
    Site::good()
        .with("A device-interface spare interface-name spare0")
        .with("A device-interface spare network-interface lan global-id 3")
        .with(
            "A device-interface spare network-interface lan address 198.51.100.1 prefix-length 24",
        )
        .fails(&[(
            " node a device-interface spare network-interface lan name",
            "device-interface lan has a network-interface of this name",
        )]);
}
