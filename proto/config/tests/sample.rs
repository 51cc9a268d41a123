//! The sample that ships with the crate is what the lab runs and what operators copy: it loads
//! without a doubt, and it says what it seems to say.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::time::Duration;

use config::bootstrap::{self, MemberKind, PortChoice, Security};
use config::valid::{Delivery, SessionProcessors, SourceNat};
use config::{Valid, parse};
use types::{Giid, MacAddr};

const SITE: &str = include_str!("../examples/site.conf");
const NODE: &str = include_str!("../examples/node.toml");

fn site() -> Valid {
    parse(SITE).unwrap().validate().unwrap()
}

#[test]
fn the_sample_loads_without_a_warning() {
    assert_eq!(site().warnings(), []);
}

#[test]
fn both_nodes_own_the_same_virtual_addresses_and_keep_their_utility_addresses() {
    let site = site();
    let router = site.router("pair").unwrap();
    for (node, utility, priority) in [("a", "192.0.2.2", 110), ("b", "192.0.2.3", 100)] {
        let lan = &router.node(node).unwrap().device_interfaces[0];
        let vrrp = lan.vrrp.unwrap();
        assert_eq!(
            (vrrp.vrid.get(), vrrp.priority, vrrp.preempt),
            (10, priority, false)
        );
        assert_eq!(vrrp.interval, Duration::from_millis(10));
        assert_eq!(
            lan.virtual_mac_v4(),
            "00:00:5e:00:01:0a".parse::<MacAddr>().ok()
        );
        assert_eq!(
            lan.virtual_mac_v6(),
            "00:00:5e:00:02:0a".parse::<MacAddr>().ok()
        );
        let interface = &lan.network_interfaces[0];
        assert_eq!(interface.giid, Giid(1));
        assert_eq!(interface.tenant.as_ref().unwrap().as_str(), "lan");
        assert_eq!(interface.mtu, 1500);
        let address = interface.addresses[0].interface;
        assert_eq!(address.ip.to_string(), "192.0.2.1");
        assert_eq!(address.utility.unwrap().to_string(), utility);
    }
}

#[test]
fn defaults_are_those_of_the_schema() {
    let site = site();
    let timeouts = &site.authority().session_types;
    assert_eq!(timeouts.tcp.idle, Duration::from_secs(1900));
    assert_eq!(timeouts.tcp.initial, Duration::from_secs(10));
    assert_eq!(timeouts.udp.idle, Duration::from_mins(3));
    assert_eq!(timeouts.icmp.idle, Duration::from_secs(10));
    let router = site.router("pair").unwrap();
    assert_eq!(
        router.nodes[0].session_processors,
        SessionProcessors::Automatic
    );
    assert_eq!(router.service_routes[0].delivery, Delivery::LearnedRoutes);
    assert_eq!(
        site.authority().services[0].source_nat,
        SourceNat::NetworkInterface
    );
    assert_eq!(site.authority().services[1].source_nat, SourceNat::Disabled);
}

#[test]
fn the_sample_of_node_toml_is_node_a_of_the_sample_site() {
    let bootstrap = bootstrap::read(NODE).unwrap();
    assert_eq!(bootstrap.local_member().unwrap().name.as_str(), "a");
    assert_eq!(bootstrap.peer().unwrap().name.as_str(), "b");
    assert_eq!(bootstrap.members[2].kind, MemberKind::Witness);
    assert_eq!(bootstrap.security, Security::InsecureLab);
    assert_eq!(bootstrap.port, PortChoice::Raw);
    assert_eq!(bootstrap.ha_links[0].device.as_deref(), Some("ha0"));
    assert_eq!(
        bootstrap.api_socket.to_str(),
        Some("/var/lib/tandem/tandem.sock")
    );
    assert_eq!(bootstrap.check_against(&site()), []);
}
