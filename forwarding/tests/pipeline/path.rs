//! A packet's way when all is well with it, and each way to end: time, size, routes, policy.

use forwarding::Outcome;
use forwarding::port::{Offload, VnetHeader};
use types::{DropReason, MacAddr};

use crate::support::frames::{Build, quoted};
use crate::support::{
    Bench, CLIENT, CLIENT_MAC, CLIENT_V6, DMZ, DMZ_DEVICE, DMZ_HOST, DMZ_HOST_V6, DMZ_MAC, GATEWAY,
    GATEWAY_V6, LAN, LAN_DEVICE, LAN_VIRTUAL, LAN_VIRTUAL_V6, SERVER, from_client,
};

fn from_client_v6() -> Build {
    Build::new(CLIENT_MAC, LAN_VIRTUAL_V6, CLIENT_V6, DMZ_HOST_V6)
}

/// An ICMP error of the gateway to the client: routing control, as RFC 1812 §4.3.2.5 wants it.
fn gateway_error(src: &str, dst: &str, mac: MacAddr) -> Build {
    let mut build = Build::new(mac, CLIENT_MAC, src, dst);
    build.tos = 0xc0;
    build.id = 0;
    build.dont_fragment = true;
    build
}

/// The message of a frame, from the ICMP header on.
fn message(frame: &[u8]) -> &[u8] {
    match frame[12] {
        0x08 => &frame[34..],
        _ => &frame[54..],
    }
}

/// Asserts that the client got this ICMP error about `original`, and got it from `src`.
fn assert_error(sent: &[u8], src: &str, kind: u8, code: u8, word: [u8; 4], original: &[u8]) {
    let dst = if src.contains(':') { CLIENT_V6 } else { CLIENT };
    let mac = if src.contains(':') {
        LAN_VIRTUAL_V6
    } else {
        LAN_VIRTUAL
    };
    let mut body = quoted(original);
    body[..4].copy_from_slice(&word);
    let limit = if src.contains(':') {
        1280 - 44
    } else {
        576 - 24
    };
    body.truncate(limit);
    let expected = gateway_error(src, dst, mac).icmp(kind, code, &body);
    assert_eq!(sent[..12], expected[..12], "addressed to the client");
    assert_eq!(message(sent), message(&expected));
    let addresses = if src.contains(':') { 22..54 } else { 26..34 };
    assert_eq!(sent[addresses.clone()], expected[addresses]);
}

#[test]
fn ipv6_is_routed_one_hop_further() {
    let mut bench = Bench::active();
    let frame = from_client_v6().udp(40_000, 53, b"question");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));
    let expected = Build::new(DMZ_DEVICE, DMZ_MAC, CLIENT_V6, DMZ_HOST_V6).ttl(63);
    assert_eq!(
        bench.only_sent(),
        (DMZ, expected.udp(40_000, 53, b"question"))
    );

    let answer = Build::new(DMZ_MAC, DMZ_DEVICE, DMZ_HOST_V6, CLIENT_V6);
    let answer = answer.udp(53, 40_000, b"answer");
    assert_eq!(bench.receive(DMZ, answer), Ok(Outcome::Sent));
    let expected = Build::new(LAN_VIRTUAL_V6, CLIENT_MAC, DMZ_HOST_V6, CLIENT_V6).ttl(63);
    assert_eq!(
        bench.only_sent(),
        (LAN, expected.udp(53, 40_000, b"answer"))
    );
}

#[test]
fn ethernet_padding_is_not_sent_on() {
    let mut bench = Bench::active();
    let mut frame = from_client(DMZ_HOST).udp(1, 2, b"");
    frame.resize(60, 0xee);
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));
    assert_eq!(bench.only_sent().1.len(), 42);
}

#[test]
fn a_checksum_that_the_sender_left_to_its_card_is_completed() {
    let mut bench = Bench::active();
    let complete = from_client(DMZ_HOST).udp(40_000, 53, b"question");
    let mut partial = complete.clone();
    partial[40..42].copy_from_slice(&[0x12, 0x34]);
    let result = bench.receive_at(0, LAN, partial, Offload::ChecksumMissing);
    assert_eq!(result, Ok(Outcome::Sent));
    let expected = Build::new(DMZ_DEVICE, DMZ_MAC, CLIENT, DMZ_HOST).ttl(63);
    assert_eq!(bench.only_sent().1, expected.udp(40_000, 53, b"question"));
}

#[test]
fn a_packet_whose_ttl_runs_out_is_answered_by_the_gateway() {
    for ttl in [0, 1] {
        let mut bench = Bench::active();
        let frame = from_client(DMZ_HOST).ttl(ttl).udp(40_000, 53, b"question");
        assert_eq!(
            bench.receive(LAN, frame.clone()),
            Err(DropReason::TtlExceeded)
        );
        let (port, sent) = bench.only_sent();
        assert_eq!(port, LAN);
        assert_error(&sent, GATEWAY, 11, 0, [0; 4], &frame);
    }
}

#[test]
fn a_hop_limit_that_runs_out_is_told_by_icmpv6() {
    let mut bench = Bench::active();
    let frame = from_client_v6().ttl(1).udp(40_000, 53, b"question");
    assert_eq!(
        bench.receive(LAN, frame.clone()),
        Err(DropReason::TtlExceeded)
    );
    assert_error(&bench.only_sent().1, GATEWAY_V6, 3, 0, [0; 4], &frame);
}

/// RFC 1191 §4: the error carries the MTU of the next link.
#[test]
fn a_packet_that_must_not_be_fragmented_is_too_big_and_its_sender_learns_the_mtu() {
    let mut bench = Bench::active();
    let fits = from_client(DMZ_HOST)
        .dont_fragment()
        .udp(1, 2, &[7; 1000 - 28]);
    assert_eq!(bench.receive(LAN, fits), Ok(Outcome::Sent));
    bench.sent();

    let frame = from_client(DMZ_HOST)
        .dont_fragment()
        .udp(1, 2, &[7; 1000 - 27]);
    assert_eq!(bench.receive(LAN, frame.clone()), Err(DropReason::TooBig));
    assert_error(
        &bench.only_sent().1,
        GATEWAY,
        3,
        4,
        [0, 0, 0x03, 0xe8],
        &frame,
    );
}

/// RFC 8200 §5: routers do not fragment IPv6.
#[test]
fn an_ipv6_packet_beyond_the_mtu_is_too_big() {
    let mut bench = Bench::active();
    let frame = from_client_v6().udp(1, 2, &[7; 1400]);
    assert_eq!(bench.receive(LAN, frame.clone()), Err(DropReason::TooBig));
    assert_error(
        &bench.only_sent().1,
        GATEWAY_V6,
        2,
        0,
        [0, 0, 0x03, 0xe8],
        &frame,
    );
}

#[test]
fn a_packet_that_may_be_fragmented_is() {
    let mut bench = Bench::active();
    let data: Vec<u8> = (0..1400).map(|n: u16| n.to_be_bytes()[1]).collect();
    let frame = from_client(DMZ_HOST).udp(1, 2, &data);
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));

    let sent = bench.sent();
    let build = Build::new(DMZ_DEVICE, DMZ_MAC, CLIENT, DMZ_HOST).ttl(63);
    let datagram = build.datagram(1, 2, &data);
    let first = build.clone().fragment(0, true).ip(17, &datagram[..976]);
    let second = build.fragment(976, false).ip(17, &datagram[976..]);
    assert_eq!(sent, [(DMZ, first), (DMZ, second)]);
}

#[test]
fn destinations_without_a_route_are_unreachable() {
    let mut bench = Bench::active();
    let frame = from_client("198.18.0.9").udp(1, 2, b"x");
    assert_eq!(bench.receive(LAN, frame.clone()), Err(DropReason::NoRoute));
    assert_error(&bench.only_sent().1, GATEWAY, 3, 0, [0; 4], &frame);
}

#[test]
fn refusals_of_the_policy_are_silent() {
    let mut bench = Bench::active();
    for (dst, reason) in [
        ("198.18.200.9", DropReason::NoRoute),
        ("198.19.0.9", DropReason::NoService),
        ("198.51.100.66", DropReason::AccessDenied),
    ] {
        let frame = from_client(dst).udp(1, 2, b"x");
        assert_eq!(bench.receive(LAN, frame), Err(reason), "{dst}");
    }
    assert_eq!(bench.sent().len(), 1, "only the missing route is told");
    assert_eq!(bench.sessions(), 0);
}

#[test]
fn frames_for_other_stations_are_not_ours() {
    let mut bench = Bench::active();
    let mut build = from_client(SERVER);
    build.dst_mac = MacAddr([2, 9, 9, 9, 9, 9]);
    assert_eq!(
        bench.receive(LAN, build.udp(1, 2, b"x")),
        Err(DropReason::NotForUs)
    );
    build.dst_mac = MacAddr::BROADCAST;
    assert_eq!(
        bench.receive(LAN, build.udp(1, 2, b"x")),
        Err(DropReason::Multicast)
    );
    // The device's own address is as good as the virtual one while this node is active.
    build.dst_mac = LAN_DEVICE;
    assert_eq!(bench.receive(LAN, build.udp(1, 2, b"x")), Ok(Outcome::Sent));
}

#[test]
fn addresses_that_cannot_be_are_refused() {
    let mut bench = Bench::active();
    for (src, dst, reason) in [
        ("127.0.0.1", DMZ_HOST, DropReason::MartianSource),
        ("224.0.0.1", DMZ_HOST, DropReason::MartianSource),
        (GATEWAY, DMZ_HOST, DropReason::MartianSource),
        // Its route points to another interface than it came from.
        ("198.51.100.77", SERVER, DropReason::MartianSource),
        (CLIENT, "127.0.0.1", DropReason::MartianDestination),
        (CLIENT, "169.254.0.1", DropReason::MartianDestination),
        (CLIENT, "239.1.1.1", DropReason::Multicast),
        (CLIENT, "198.51.100.255", DropReason::Multicast),
    ] {
        let frame = Build::new(CLIENT_MAC, LAN_VIRTUAL, src, dst).udp(1, 2, b"x");
        assert_eq!(bench.receive(LAN, frame), Err(reason), "{src} -> {dst}");
    }
    assert!(bench.sent().is_empty());
}

#[test]
fn protocols_without_ports_are_not_carried() {
    let mut bench = Bench::active();
    let frame = from_client(DMZ_HOST).ip(47, &[0; 16]);
    assert_eq!(
        bench.receive(LAN, frame),
        Err(DropReason::UnsupportedProtocol)
    );
    let reply = from_client(DMZ_HOST).echo(false, 5, b"x");
    assert_eq!(bench.receive(LAN, reply), Err(DropReason::UnsolicitedIcmp));
}

/// RFC 1812 §4.3.2.8: a flood is not answered by a flood, and what was not sent is counted.
#[test]
fn icmp_errors_are_limited() {
    let mut bench = Bench::active();
    for _ in 0..250 {
        let frame = from_client(DMZ_HOST).ttl(1).udp(1, 2, b"x");
        assert_eq!(bench.receive(LAN, frame), Err(DropReason::TtlExceeded));
    }
    assert_eq!(bench.sent().len(), 100);
    assert_eq!(bench.drops(DropReason::IcmpRateLimited), 150);
    assert_eq!(bench.drops(DropReason::TtlExceeded), 250);
}

/// What the kernel says of a large TCP frame that it has not cut yet.
fn segments_of(size: u16) -> Offload {
    let [size, start, offset] = [size, 34, 16].map(u16::to_ne_bytes);
    VnetHeader::from_bytes([
        1, 1, 54, 0, size[0], size[1], start[0], start[1], offset[0], offset[1],
    ])
    .offload()
}

#[test]
fn a_large_frame_passes_uncut_when_its_segments_fit() {
    let mut bench = Bench::active();
    let client = from_client(DMZ_HOST).dont_fragment();
    let syn = client.tcp((40_000, 443), 0x02, 1, 0, b"");
    assert_eq!(bench.receive(LAN, syn), Ok(Outcome::Sent));
    bench.sent();
    let large = client.tcp((40_000, 443), 0x10, 2, 1, &[5; 4000]);

    let fits = segments_of(960);
    let result = bench.receive_at(0, LAN, large.clone(), fits);
    assert_eq!(result, Ok(Outcome::Sent));
    assert_eq!(bench.only_sent().1.len(), large.len());
    assert_eq!(bench.out.offloads.last(), Some(&fits));

    let result = bench.receive_at(0, LAN, large, segments_of(961));
    assert_eq!(result, Err(DropReason::TooBig));
}
