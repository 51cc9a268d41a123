//! ARP, neighbour discovery and ICMP for addresses of ours, on both roles.

use forwarding::Outcome;
use neighbor::{Event, Heard};
use types::{DropReason, Giid, MacAddr};

use crate::support::frames::{Build, arp, quoted, solicitation};
use crate::support::{
    Bench, CLIENT, CLIENT_MAC, CLIENT_V6, DMZ, DMZ_DEVICE, DMZ_HOST, DMZ_MAC, EXTERNAL, GATEWAY,
    GATEWAY_V6, LAN, LAN_DEVICE, LAN_VIRTUAL, LAN_VIRTUAL_V6, SERVER, UTILITY, WAN, from_client,
    from_server,
};

fn request(target: &str) -> Vec<u8> {
    arp(
        1,
        MacAddr::BROADCAST,
        (CLIENT_MAC, CLIENT),
        (MacAddr::ZERO, target),
    )
}

#[test]
fn the_active_node_answers_arp_for_the_virtual_address_with_the_virtual_mac() {
    let mut bench = Bench::active();
    assert_eq!(bench.receive(LAN, request(GATEWAY)), Ok(Outcome::Sent));
    let expected = arp(2, CLIENT_MAC, (LAN_VIRTUAL, GATEWAY), (CLIENT_MAC, CLIENT));
    assert_eq!(bench.only_sent(), (LAN, expected));
    // Who asks is going to be answered: the actor hears of it.
    let heard = Event::Heard {
        interface: Giid(1),
        ip: CLIENT.parse().unwrap(),
        mac: CLIENT_MAC,
        kind: Heard::Request,
    };
    assert_eq!(bench.out.told, [heard]);
}

#[test]
fn on_standby_only_the_nodes_own_addresses_answer_arp() {
    let mut bench = Bench::standby();
    assert_eq!(bench.receive(LAN, request(GATEWAY)), Ok(Outcome::Consumed));
    assert!(bench.sent().is_empty() && bench.out.told.is_empty());

    assert_eq!(bench.receive(LAN, request(UTILITY)), Ok(Outcome::Sent));
    let expected = arp(2, CLIENT_MAC, (LAN_DEVICE, UTILITY), (CLIENT_MAC, CLIENT));
    assert_eq!(bench.only_sent(), (LAN, expected));

    let of_dmz = arp(
        1,
        MacAddr::BROADCAST,
        (DMZ_MAC, DMZ_HOST),
        (MacAddr::ZERO, "198.51.100.1"),
    );
    assert_eq!(bench.receive(DMZ, of_dmz), Ok(Outcome::Sent));
    let expected = arp(
        2,
        DMZ_MAC,
        (DMZ_DEVICE, "198.51.100.1"),
        (DMZ_MAC, DMZ_HOST),
    );
    assert_eq!(bench.only_sent(), (DMZ, expected));
}

#[test]
fn nobody_answers_for_an_address_of_another_interface_or_host() {
    let mut bench = Bench::active();
    for target in [EXTERNAL, "192.0.2.77"] {
        assert_eq!(bench.receive(LAN, request(target)), Ok(Outcome::Consumed));
    }
    assert!(bench.sent().is_empty());
}

#[test]
fn replies_and_announcements_reach_the_neighbour_actor_but_claims_of_our_address_do_not() {
    let mut bench = Bench::active();
    let gratuitous = arp(
        1,
        MacAddr::BROADCAST,
        (CLIENT_MAC, CLIENT),
        (MacAddr::ZERO, CLIENT),
    );
    let reply = arp(2, LAN_VIRTUAL, (CLIENT_MAC, CLIENT), (LAN_VIRTUAL, GATEWAY));
    let claim = arp(
        2,
        MacAddr::BROADCAST,
        (CLIENT_MAC, GATEWAY),
        (MacAddr::ZERO, GATEWAY),
    );
    for frame in [gratuitous, reply, claim] {
        assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Consumed));
    }
    let kinds: Vec<_> = bench
        .out
        .told
        .iter()
        .map(|event| match event {
            Event::Heard { kind, .. } => *kind,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [Heard::Gratuitous, Heard::Reply]);
}

/// RFC 4861 §7.2.4, with RFC 9568 §8.2.2's MAC address: router, solicited, override.
#[test]
fn the_active_node_answers_solicitations_for_the_virtual_address() {
    let mut bench = Bench::active();
    let asked = solicitation(CLIENT_MAC, CLIENT_V6, GATEWAY_V6);
    assert_eq!(bench.receive(LAN, asked), Ok(Outcome::Sent));
    let (port, sent) = bench.only_sent();

    let mut build = Build::new(LAN_VIRTUAL_V6, CLIENT_MAC, GATEWAY_V6, CLIENT_V6);
    build.ttl = 255;
    build.tos = 0xc0;
    let target: std::net::Ipv6Addr = GATEWAY_V6.parse().unwrap();
    let mut body = vec![0xe0, 0, 0, 0];
    body.extend(target.octets());
    body.extend([2, 1]);
    body.extend(LAN_VIRTUAL_V6.0);
    assert_eq!((port, sent), (LAN, build.icmp(136, 0, &body)));
}

#[test]
fn on_standby_solicitations_for_the_virtual_address_are_not_answered() {
    let mut bench = Bench::standby();
    let asked = solicitation(CLIENT_MAC, CLIENT_V6, GATEWAY_V6);
    assert_eq!(bench.receive(LAN, asked), Ok(Outcome::Consumed));
    assert!(bench.sent().is_empty());
}

#[test]
fn the_gateway_answers_pings() {
    let mut bench = Bench::active();
    let ping = from_client(GATEWAY).echo(true, 5, b"abcd");
    assert_eq!(bench.receive(LAN, ping), Ok(Outcome::Sent));
    let expected = Build::new(LAN_VIRTUAL, CLIENT_MAC, GATEWAY, CLIENT);
    assert_eq!(bench.only_sent(), (LAN, expected.echo(false, 5, b"abcd")));

    let mut v6 = Build::new(CLIENT_MAC, LAN_VIRTUAL_V6, CLIENT_V6, GATEWAY_V6);
    v6.ttl = 9;
    let ping = v6.echo(true, 6, b"abcd");
    assert_eq!(bench.receive(LAN, ping), Ok(Outcome::Sent));
    let expected = Build::new(LAN_VIRTUAL_V6, CLIENT_MAC, GATEWAY_V6, CLIENT_V6);
    assert_eq!(bench.only_sent(), (LAN, expected.echo(false, 6, b"abcd")));
}

#[test]
fn on_standby_only_the_utility_address_answers_pings() {
    let mut bench = Bench::standby();
    let mut build = Build::new(CLIENT_MAC, LAN_DEVICE, CLIENT, UTILITY);
    assert_eq!(
        bench.receive(LAN, build.echo(true, 5, b"abcd")),
        Ok(Outcome::Sent)
    );
    let expected = Build::new(LAN_DEVICE, CLIENT_MAC, UTILITY, CLIENT);
    assert_eq!(bench.only_sent(), (LAN, expected.echo(false, 5, b"abcd")));

    build.dst = GATEWAY.parse().unwrap();
    assert_eq!(
        bench.receive(LAN, build.echo(true, 5, b"abcd")),
        Err(DropReason::Standby)
    );
}

#[test]
fn nobody_listens_at_the_gateway_and_it_says_so() {
    let mut bench = Bench::active();
    let frame = from_client(GATEWAY).udp(40_000, 33_434, b"x");
    assert_eq!(
        bench.receive(LAN, frame.clone()),
        Err(DropReason::NoService)
    );
    let (_, sent) = bench.only_sent();
    assert_eq!((sent[34], sent[35]), (3, 3), "port unreachable");
    assert_eq!(sent[42..], quoted(&frame)[4..]);

    let syn = from_client(GATEWAY).tcp((40_000, 22), 0x02, 100, 0, b"");
    assert_eq!(bench.receive(LAN, syn), Err(DropReason::NoService));
    let (_, sent) = bench.only_sent();
    let mut reset = Build::new(LAN_VIRTUAL, CLIENT_MAC, GATEWAY, CLIENT);
    reset.dont_fragment = true;
    let expected = reset.tcp((22, 40_000), 0x14, 0, 101, b"");
    assert_eq!(sent[34..48], expected[34..48]);
}

#[test]
fn scans_of_the_translated_address_get_no_answer() {
    let mut bench = Bench::active();
    let syn = from_server().tcp((40_000, 22), 0x02, 100, 0, b"");
    let udp = from_server().udp(40_000, 53, b"x");
    let reply = from_server().echo(false, 9, b"x");
    for frame in [syn, udp] {
        assert_eq!(
            bench.receive(WAN, frame),
            Err(DropReason::UnsolicitedInbound)
        );
    }
    assert_eq!(bench.receive(WAN, reply), Err(DropReason::UnsolicitedIcmp));
    assert!(bench.sent().is_empty());
    let ping = from_server().echo(true, 9, b"x");
    assert_eq!(bench.receive(WAN, ping), Ok(Outcome::Sent));
}

#[test]
fn vrrp_is_left_to_its_own_socket() {
    let mut bench = Bench::active();
    let group = MacAddr([1, 0, 0x5e, 0, 0, 18]);
    let advertisement = Build::new(CLIENT_MAC, group, UTILITY, "224.0.0.18");
    let frame = advertisement
        .ttl(255)
        .ip(112, &[0x31, 10, 100, 0, 0, 1, 0, 0]);
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Consumed));
    let other = Build::new(CLIENT_MAC, group, CLIENT, SERVER).udp(1, 2, b"x");
    assert_eq!(bench.receive(LAN, other), Err(DropReason::Multicast));
}
