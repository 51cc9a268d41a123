//! Addresses and subnets.

use super::support::Site;

/// A port of node a with one address.
fn spare(address: &str, length: &str) -> Site {
    Site::good()
        .with("A device-interface spare interface-name spare0")
        .with("A device-interface spare network-interface spare global-id 3")
        .with(&format!(
            "A device-interface spare network-interface spare address {address} prefix-length {length}"
        ))
}

fn path(rest: &str) -> String {
    format!(" node a device-interface spare network-interface spare {rest}")
}

#[test]
fn an_interface_has_an_address() {
    Site::good()
        .with("A device-interface spare interface-name spare0")
        .with("A device-interface spare network-interface spare global-id 3")
        .fails(&[(&path("").trim_end().replace("  ", " "), "it has no address")]);
}

#[test]
fn an_address_is_a_host_of_its_subnet() {
    for (address, length, reason) in [
        ("198.51.100.0", "24", "network address"),
        ("198.51.100.255", "24", "broadcast address"),
        ("2001:db8:3::", "64", "anycast address of all routers"),
        ("0.0.0.0", "24", "unspecified"),
        ("0.1.2.3", "24", "0.0.0.0/8"),
        ("127.0.0.1", "8", "loopback"),
        ("::1", "128", "loopback"),
        ("224.0.0.18", "24", "multicast"),
        ("ff02::12", "64", "multicast"),
        ("255.255.255.255", "24", "broadcast"),
        ("fe80::1", "64", "link-local"),
        ("::ffff:192.0.2.9", "128", "IPv4-mapped"),
    ] {
        let expected = path(&format!("address {address} ip-address"));
        spare(address, length).fails(&[(&expected, reason)]);
    }
    for (address, length) in [
        ("198.51.100.0", "31"),
        ("198.51.100.7", "32"),
        ("2001:db8:3::", "127"),
        ("2001:db8:3::ff", "64"),
    ] {
        spare(address, length).is_good();
    }
}

#[test]
fn an_ipv4_prefix_has_32_bits_at_most() {
    let expected = path("address 198.51.100.1 prefix-length");
    spare("198.51.100.1", "33").fails(&[(&expected, "32 bits at most")]);
    spare("2001:db8:3::1", "128").is_good();
}

#[test]
fn a_gateway_is_a_neighbour() {
    for (gateway, reason) in [
        ("192.0.2.9", "it is not in 198.51.100.0/24"),
        ("2001:db8::9", "it is not in 198.51.100.0/24"),
        ("198.51.100.0", "network address"),
        ("198.51.100.1", "address of this interface itself"),
    ] {
        let line = format!(
            "A device-interface spare network-interface spare address 198.51.100.1 gateway {gateway}"
        );
        let expected = path("address 198.51.100.1 gateway");
        spare("198.51.100.1", "24")
            .with(&line)
            .fails(&[(&expected, reason)]);
    }
}

#[test]
fn a_utility_address_belongs_to_shared_interfaces_and_their_subnet() {
    spare("198.51.100.1", "24")
        .with("A device-interface spare network-interface spare address 198.51.100.1 utility-ip-address 198.51.100.2")
        .fails(&[(&path("address 198.51.100.1 utility-ip-address"), "the interface is not shared")]);
    let lan = "device-interface lan network-interface lan address 192.0.2.1 utility-ip-address";
    Site::good()
        .instead(&format!("A {lan}"), &format!("A {lan} 198.51.100.2"))
        .fails(&[(&format!(" node a {lan}"), "it is not in 192.0.2.0/24")]);
}

#[test]
fn each_shared_ipv4_subnet_has_an_address_to_advertise_from() {
    let lan = "device-interface lan network-interface lan address";
    Site::good()
        .without(&format!("B {lan} 192.0.2.1 utility-ip-address"))
        .fails(&[(
            &format!(" node b {lan} 192.0.2.1 utility-ip-address"),
            "vrrp needs an address of this node in 192.0.2.0/24",
        )]);
    // IPv6 advertises from link-local addresses, and a second address shares the subnet's.
    ["A", "B"]
        .iter()
        .fold(Site::good(), |site, node| {
            site.with(&format!("{node} {lan} 2001:db8:1::1 prefix-length 64"))
                .with(&format!("{node} {lan} 192.0.2.9 prefix-length 24"))
        })
        .is_good();
}

#[test]
fn subnets_of_a_node_do_not_overlap() {
    spare("192.0.2.129", "25").fails(&[(
        &path("address 192.0.2.129"),
        "192.0.2.128/25 overlaps 192.0.2.0/24 of network-interface lan",
    )]);
}

#[test]
fn an_address_stands_once_unless_vrrp_shares_it() {
    let spare_b = spare("198.51.100.1", "24")
        .with("B device-interface spare interface-name spare0")
        .with("B device-interface spare network-interface spare global-id 4")
        .with("B device-interface spare network-interface spare address 198.51.100.1 prefix-length 24");
    spare_b.fails(&[(
        " node b device-interface spare network-interface spare address 198.51.100.1 ip-address",
        "network-interface spare of node a has it as ip-address",
    )]);
    let lan = "device-interface lan network-interface lan address 192.0.2.1 utility-ip-address";
    Site::good()
        .instead(&format!("B {lan}"), &format!("B {lan} 192.0.2.2"))
        .fails(&[(&format!(" node b {lan}"), "has it as utility-ip-address")]);
    Site::good()
        .instead(&format!("A {lan}"), &format!("A {lan} 192.0.2.1"))
        .fails(&[(&format!(" node a {lan}"), "has it as ip-address")]);
}
