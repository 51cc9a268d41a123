//! Source NAT through the whole pipeline, byte for byte.

use crate::support::frames::{Build, quoted};
use crate::support::{
    Bench, CLIENT, CLIENT_MAC, DMZ, DMZ_DEVICE, DMZ_HOST, DMZ_MAC, EXTERNAL, LAN, LAN_VIRTUAL,
    SERVER, SERVER_MAC, WAN, WAN_VIRTUAL, from_client, from_server, source_port,
};
use forwarding::Outcome;
use types::DropReason;

/// What the server gets: the client's packet from the gateway, one hop on.
fn to_server() -> Build {
    Build::new(WAN_VIRTUAL, SERVER_MAC, EXTERNAL, SERVER).ttl(63)
}

/// What the client gets.
fn to_client() -> Build {
    Build::new(LAN_VIRTUAL, CLIENT_MAC, SERVER, CLIENT).ttl(63)
}

/// Opens a UDP session to the server's port 53; its external port.
fn open_udp(bench: &mut Bench, client_port: u16) -> u16 {
    let frame = from_client(SERVER).udp(client_port, 53, b"question");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));
    source_port(&bench.only_sent().1)
}

#[test]
fn udp_leaves_from_the_external_address_and_its_answer_comes_back() {
    let mut bench = Bench::active();
    let frame = from_client(SERVER).udp(40_000, 53, b"question");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));
    let (port, sent) = bench.only_sent();
    let external = source_port(&sent);
    assert_eq!(port, WAN);
    assert_eq!(sent, to_server().udp(external, 53, b"question"));

    let answer = from_server().udp(53, external, b"answer");
    assert_eq!(bench.receive(WAN, answer), Ok(Outcome::Sent));
    let (port, sent) = bench.only_sent();
    assert_eq!(port, LAN);
    assert_eq!(sent, to_client().udp(53, 40_000, b"answer"));
    assert_eq!(bench.sessions(), 1);
}

#[test]
fn tcp_checksums_survive_translation_both_ways() {
    let mut bench = Bench::active();
    let syn = from_client(SERVER).tcp((40_000, 443), 0x02, 1000, 0, b"");
    assert_eq!(bench.receive(LAN, syn), Ok(Outcome::Sent));
    let (_, sent) = bench.only_sent();
    let external = source_port(&sent);
    assert_eq!(sent, to_server().tcp((external, 443), 0x02, 1000, 0, b""));

    let syn_ack = from_server().tcp((443, external), 0x12, 7, 1001, b"");
    assert_eq!(bench.receive(WAN, syn_ack), Ok(Outcome::Sent));
    let (_, sent) = bench.only_sent();
    assert_eq!(sent, to_client().tcp((443, 40_000), 0x12, 7, 1001, b""));
}

/// RFC 5508 REQ-1: queries and their answers are translated by identifier.
#[test]
fn a_ping_through_nat_gets_its_answer() {
    let mut bench = Bench::active();
    let request = from_client(SERVER).echo(true, 77, b"abcdefgh");
    assert_eq!(bench.receive(LAN, request), Ok(Outcome::Sent));
    let (_, sent) = bench.only_sent();
    let id = u16::from_be_bytes([sent[38], sent[39]]);
    assert_eq!(sent, to_server().echo(true, id, b"abcdefgh"));

    let reply = from_server().echo(false, id, b"abcdefgh");
    assert_eq!(bench.receive(WAN, reply), Ok(Outcome::Sent));
    let (_, sent) = bench.only_sent();
    assert_eq!(sent, to_client().echo(false, 77, b"abcdefgh"));
}

/// RFC 5508 REQ-4: the error about a translated packet reaches its sender as if there were no NAT.
#[test]
fn an_icmp_error_from_outside_quotes_what_the_client_sent() {
    let mut bench = Bench::active();
    let external = open_udp(&mut bench, 40_000);
    let quotation = quoted(&to_server().udp(external, 53, b"question"));
    let router = Build::new(SERVER_MAC, WAN_VIRTUAL, "203.0.113.200", EXTERNAL);

    let error = router.icmp(3, 1, &quotation);
    assert_eq!(bench.receive(WAN, error), Ok(Outcome::Sent));

    let (port, sent) = bench.only_sent();
    let original = quoted(&from_client(SERVER).ttl(63).udp(40_000, 53, b"question"));
    let expected = Build::new(LAN_VIRTUAL, CLIENT_MAC, "203.0.113.200", CLIENT).ttl(63);
    assert_eq!((port, sent), (LAN, expected.icmp(3, 1, &original)));
}

/// RFC 5508 REQ-5: an error of an inside host is about the translated packet, from the translated
/// address.
#[test]
fn an_icmp_error_from_inside_quotes_what_the_server_sent_and_hides_the_inside() {
    let mut bench = Bench::active();
    let external = open_udp(&mut bench, 40_000);
    let answer = from_server().udp(53, external, b"answer");
    assert_eq!(bench.receive(WAN, answer), Ok(Outcome::Sent));
    let (_, delivered) = bench.only_sent();

    let error = from_client(SERVER).icmp(3, 3, &quoted(&delivered));
    assert_eq!(bench.receive(LAN, error), Ok(Outcome::Sent));

    let (port, sent) = bench.only_sent();
    let original = quoted(&from_server().ttl(63).udp(53, external, b"answer"));
    assert_eq!((port, sent), (WAN, to_server().icmp(3, 3, &original)));
}

/// RFC 4787 REQ-8: only whom the inside has sent to may answer (address- and port-dependent filtering).
#[test]
fn strangers_do_not_get_in_by_a_mapped_port() {
    let mut bench = Bench::active();
    let external = open_udp(&mut bench, 40_000);
    let stranger = Build::new(SERVER_MAC, WAN_VIRTUAL, "203.0.113.66", EXTERNAL);
    assert_eq!(
        bench.receive(WAN, stranger.udp(53, external, b"hello")),
        Err(DropReason::UnsolicitedInbound)
    );
    let other_port = from_server().udp(54, external, b"hello");
    assert_eq!(
        bench.receive(WAN, other_port),
        Err(DropReason::UnsolicitedInbound)
    );
    assert_eq!(bench.drops(DropReason::UnsolicitedInbound), 2);
    assert!(bench.sent().is_empty());
}

/// RFC 4787 REQ-1: one inside endpoint has one outside endpoint, whomever it speaks to.
#[test]
fn one_inside_endpoint_has_one_outside_endpoint() {
    let mut bench = Bench::active();
    bench.know(&[
        (1, CLIENT, CLIENT_MAC),
        (2, SERVER, SERVER_MAC),
        (2, "203.0.113.10", SERVER_MAC),
    ]);
    bench.begin();
    let first = open_udp(&mut bench, 40_000);
    let frame = from_client("203.0.113.10").udp(40_000, 53, b"question");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));
    assert_eq!(source_port(&bench.only_sent().1), first);
    assert_eq!(bench.sessions(), 2);
}

/// RFC 4787 REQ-9: two insides that know each other's outside endpoints reach each other.
#[test]
fn two_insides_meet_by_their_outside_endpoints() {
    let mut bench = Bench::active();
    let other = "192.0.2.10";
    let other_mac = types::MacAddr([2, 0, 0, 0, 1, 10]);
    bench.know(&[
        (1, CLIENT, CLIENT_MAC),
        (1, other, other_mac),
        (2, SERVER, SERVER_MAC),
    ]);
    bench.begin();
    let from_other = Build::new(other_mac, LAN_VIRTUAL, other, EXTERNAL);
    // Both have spoken to a server, which tells each of the other's endpoint.
    let ours = open_udp(&mut bench, 40_000);
    let hello = Build::new(other_mac, LAN_VIRTUAL, other, SERVER).udp(50_000, 53, b"hello");
    assert_eq!(bench.receive(LAN, hello), Ok(Outcome::Sent));
    let theirs = source_port(&bench.only_sent().1);

    // Ours opens our session and stops at their filter, as a hole is punched.
    let frame = from_client(EXTERNAL).udp(40_000, theirs, b"punch");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::HandedOver));
    assert!(bench.sent().is_empty());
    // Theirs finds it open, and then ours does.
    let frame = from_other.udp(50_000, ours, b"hi");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::HandedOver));
    let (port, sent) = bench.only_sent();
    let expected = Build::new(LAN_VIRTUAL, CLIENT_MAC, EXTERNAL, CLIENT).ttl(62);
    assert_eq!(port, LAN);
    assert_eq!(sent, expected.udp(theirs, 40_000, b"hi"));

    let frame = from_client(EXTERNAL).udp(40_000, theirs, b"hi yourself");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::HandedOver));
    let (_, sent) = bench.only_sent();
    let expected = Build::new(LAN_VIRTUAL, other_mac, EXTERNAL, other).ttl(62);
    assert_eq!(sent, expected.udp(ours, 50_000, b"hi yourself"));
}

#[test]
fn without_a_free_port_the_packet_is_dropped_and_more_blocks_are_wanted() {
    let mut bench = Bench::active();
    let mut exhausted = 0;
    for client_port in 10_000..10_600 {
        let frame = from_client(SERVER).udp(client_port, 53, b"x");
        match bench.receive(LAN, frame) {
            Ok(Outcome::Sent) => {}
            Err(DropReason::NatExhausted) => exhausted += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(exhausted, 600 - 512);
    let mut wanted = Vec::new();
    bench.shards[0].report_low_blocks(|address| {
        wanted.push(address.to_string());
        true
    });
    assert_eq!(wanted, [EXTERNAL]);
}

#[test]
fn where_no_nat_is_wanted_addresses_stay() {
    let mut bench = Bench::active();
    let frame = from_client(DMZ_HOST).udp(40_000, 53, b"question");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));
    let (port, sent) = bench.only_sent();
    let expected = Build::new(DMZ_DEVICE, DMZ_MAC, CLIENT, DMZ_HOST).ttl(63);
    assert_eq!((port, sent), (DMZ, expected.udp(40_000, 53, b"question")));
}

#[test]
fn a_reply_that_arrives_at_the_wrong_interface_is_forged() {
    let mut bench = Bench::active();
    let external = open_udp(&mut bench, 40_000);
    let forged = Build::new(CLIENT_MAC, LAN_VIRTUAL, SERVER, EXTERNAL);
    assert_eq!(
        bench.receive(LAN, forged.udp(53, external, b"answer")),
        Err(DropReason::MartianSource)
    );
}
