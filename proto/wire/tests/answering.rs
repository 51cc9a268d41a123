//! What we originate about somebody's packet: ICMP errors, TCP resets, fragments; sections cited.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails loudly")]

mod naive;

use std::collections::BTreeMap;
use std::net::IpAddr;

use naive::{DST_MAC, SRC_MAC, Spec, Transport, assert_intact, error_frame, framed, ip, spec};
use proptest::collection::vec;
use proptest::prelude::*;
use types::{Endpoint, MacAddr};
use wire::build::{self, FragmentError, Refusal};
use wire::icmp::Cause;
use wire::packet::{IpPacket, Payload, parse};
use wire::tcp::TcpFlags;
use wire::{Frame, rewrite};

fn parse_ip(frame: &[u8]) -> IpPacket {
    match parse(frame) {
        Ok(Frame::Ip(packet)) => packet,
        other => panic!("{other:?}"),
    }
}

fn v4(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn v6(last: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])
}

fn udp(src: IpAddr, dst: IpAddr, length: usize) -> Spec {
    Spec {
        src: Endpoint::new(src, 1_000),
        dst: Endpoint::new(dst, 53),
        ttl: 1,
        transport: Transport::Udp { checksum: true },
        extra: 0,
        data: (0..length)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect(),
    }
}

fn tcp(flags: TcpFlags, data: usize) -> Spec {
    let transport = Transport::Tcp {
        seq: u32::MAX,
        ack: 77,
        flags: flags.0,
        options: vec![],
    };
    Spec {
        transport,
        ..udp(v4(1), v4(2), data)
    }
}

/// RFC 1812 §4.3.2.3 and RFC 4443 §2.4: as much as fits, but no more.
#[test]
fn an_error_quotes_as_much_as_its_family_allows() {
    for (spec, router, limit) in [
        (udp(v4(1), v4(2), 10), v4(254), None),
        (udp(v4(1), v4(2), 1_400), v4(254), Some(576)),
        (udp(v6(1), v6(2), 10), v6(254), None),
        (udp(v6(1), v6(2), 1_400), v6(254), Some(1_280)),
    ] {
        let mut frame = spec.frame();
        frame.extend([0xee; 9]);
        let mut out = vec![1, 2, 3];
        let packet = parse_ip(&frame);
        build::icmp_error(&mut out, &frame, &packet, Cause::TtlExceeded, router).unwrap();
        assert_intact(&out);
        let error = parse_ip(&out);
        assert_eq!((error.dst_mac, error.src_mac), (SRC_MAC, DST_MAC));
        assert_eq!((error.src, error.dst, error.ttl), (router, spec.src.ip, 64));
        assert_eq!(error.tos, 0xc0);
        let quoted = &error.l4(&out)[8..];
        assert_eq!(quoted, &spec.packet()[..quoted.len()]);
        match limit {
            Some(limit) => assert_eq!(error.ip_len(), limit),
            None => assert_eq!(quoted.len(), spec.packet().len()),
        }
        let Payload::IcmpError(read) = error.payload else {
            panic!()
        };
        assert_eq!(read.embedded.key, spec.key());
    }
}

#[test]
fn causes_have_the_types_and_codes_of_their_family() {
    let too_big = Cause::TooBig { mtu: 1_280 };
    for (cause, four, six) in [
        (Cause::TtlExceeded, [11, 0, 0, 0], [3, 0, 0, 0]),
        (Cause::NoRoute, [3, 0, 0, 0], [1, 0, 0, 0]),
        (Cause::AddressUnreachable, [3, 1, 0, 0], [1, 3, 0, 0]),
        (Cause::PortUnreachable, [3, 3, 0, 0], [1, 4, 0, 0]),
        (Cause::Prohibited, [3, 13, 0, 0], [1, 1, 0, 0]),
        (too_big, [3, 4, 5, 0], [2, 0, 5, 0]),
    ] {
        for (spec, router, expected) in [
            (udp(v4(1), v4(2), 9), v4(254), four),
            (udp(v6(1), v6(2), 9), v6(254), six),
        ] {
            let frame = spec.frame();
            let mut out = Vec::new();
            build::icmp_error(&mut out, &frame, &parse_ip(&frame), cause, router).unwrap();
            let message = parse_ip(&out).l4(&out).to_vec();
            assert_eq!(
                [message[0], message[1], message[6], message[7]],
                expected,
                "{cause:?}"
            );
            assert_eq!(message[4..6], [0, 0]);
        }
    }
}

/// RFC 1812 §4.3.2.7 and RFC 4443 §2.4 (e), rule by rule.
#[test]
fn some_packets_are_never_answered_with_an_error() {
    let refusal = |frame: &[u8], router| {
        let mut out = vec![1];
        let packet = parse_ip(frame);
        let refused = build::icmp_error(&mut out, frame, &packet, Cause::NoRoute, router);
        assert_eq!(refused.is_err(), out.is_empty());
        refused
    };
    let good = udp(v4(1), v4(2), 9);
    assert_eq!(refusal(&good.frame(), v4(254)), Ok(()));
    assert_eq!(refusal(&good.frame(), v6(254)), Err(Refusal::Family));

    let about = udp(v6(1), v6(2), 9);
    let error = error_frame(v4(9), v4(1), &good.packet());
    assert_eq!(refusal(&error, v4(254)), Err(Refusal::AnswersError));
    assert_eq!(
        refusal(&error_frame(v6(9), v6(1), &about.packet()), v6(254)),
        Err(Refusal::AnswersError)
    );
    let icmp = |kind| framed(&ip(v4(1), v4(2), 1, 9, 0, &[kind, 0, 0, 0, 0, 0, 0, 0]));
    for kind in [4, 5] {
        assert_eq!(refusal(&icmp(kind), v4(254)), Err(Refusal::AnswersError));
    }
    for kind in [0, 8, 13] {
        assert_eq!(refusal(&icmp(kind), v4(254)), Ok(()));
    }
    let unknown = framed(&ip(v6(1), v6(2), 58, 9, 0, &[100, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(refusal(&unknown, v6(254)), Err(Refusal::AnswersError));

    let groups = [IpAddr::from([224, 0, 0, 9]), IpAddr::from([255; 4])];
    for group in groups {
        assert_eq!(
            refusal(&udp(v4(1), group, 9).frame(), v4(254)),
            Err(Refusal::Group)
        );
    }
    let mut broadcast = good.frame();
    rewrite::set_macs(&mut broadcast, MacAddr::BROADCAST, SRC_MAC);
    assert_eq!(refusal(&broadcast, v4(254)), Err(Refusal::Group));

    let nobodies = [
        [0, 0, 0, 0],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [255; 4],
        [240, 0, 0, 1],
    ];
    for nobody in nobodies {
        let frame = udp(nobody.into(), v4(2), 9).frame();
        assert_eq!(refusal(&frame, v4(254)), Err(Refusal::NoSender));
    }
    for nobody in [
        [0; 8],
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0xff02, 0, 0, 0, 0, 0, 0, 1],
    ] {
        let frame = udp(IpAddr::from(nobody), v6(2), 9).frame();
        assert_eq!(refusal(&frame, v6(254)), Err(Refusal::NoSender));
    }

    let pieces = cut(&udp(v4(1), v4(2), 1_000).frame(), 576).unwrap();
    assert_eq!(refusal(&pieces[0], v4(254)), Ok(()));
    assert_eq!(refusal(&pieces[1], v4(254)), Err(Refusal::LaterFragment));
}

/// RFC 9293 §3.10.7.1.
#[test]
fn a_reset_takes_its_numbers_from_the_segment() {
    let ack = TcpFlags::ACK;
    let with_ack = TcpFlags::RST.with(ack);
    let syn_fin = TcpFlags::SYN.with(TcpFlags::FIN);
    for (flags, data, seq, acknowledged, expected) in [
        (ack, 5, 77, 0, TcpFlags::RST),
        (ack.with(TcpFlags::FIN), 0, 77, 0, TcpFlags::RST),
        (TcpFlags::SYN.with(ack), 0, 77, 0, TcpFlags::RST),
        // The segment's own sequence number is the last before it wraps.
        (TcpFlags::SYN, 0, 0, 0, with_ack),
        (TcpFlags::SYN, 9, 0, 9, with_ack),
        (syn_fin, 9, 0, 10, with_ack),
        (TcpFlags::default(), 9, 0, 8, with_ack),
    ] {
        let spec = tcp(flags, data);
        let mut out = Vec::new();
        assert!(
            build::tcp_reset(&mut out, &parse_ip(&spec.frame())),
            "{flags}"
        );
        assert_intact(&out);
        let reset = parse_ip(&out);
        assert_eq!((reset.dst_mac, reset.src_mac), (SRC_MAC, DST_MAC));
        assert_eq!(reset.flow_key(), Some(spec.key().reversed()));
        let payload = Payload::Tcp {
            src_port: 53,
            dst_port: 1_000,
            flags: expected,
            seq,
            ack: acknowledged,
            payload_len: 0,
        };
        assert_eq!(reset.payload, payload, "{flags}");
    }
}

#[test]
fn resets_fragments_and_groups_are_not_reset() {
    let mut out = vec![1];
    let mut refused =
        |frame: &[u8]| !build::tcp_reset(&mut out, &parse_ip(frame)) && out.is_empty();
    assert!(refused(&tcp(TcpFlags::RST, 0).frame()));
    assert!(refused(&tcp(TcpFlags::RST.with(TcpFlags::ACK), 0).frame()));
    assert!(refused(&udp(v4(1), v4(2), 9).frame()));
    let to_group = Spec {
        dst: Endpoint::new([224, 0, 0, 9].into(), 1),
        ..tcp(TcpFlags::SYN, 0)
    };
    assert!(refused(&to_group.frame()));
    for piece in cut(&tcp(TcpFlags::SYN, 1_000).frame(), 576).unwrap() {
        assert!(refused(&piece));
    }
}

fn cut(frame: &[u8], mtu: u16) -> Result<Vec<Vec<u8>>, FragmentError> {
    let mut pieces = Vec::new();
    let mut scratch = vec![7];
    let packet = parse_ip(frame);
    let each = |piece: &[u8]| pieces.push(piece.to_vec());
    let count = build::fragments(&mut scratch, frame, &packet, mtu, each)?;
    assert_eq!(count, pieces.len());
    Ok(pieces)
}

/// What a receiver puts together, naively: bytes at offsets, complete when the last has come.
fn reassembled(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = BTreeMap::new();
    let mut end = None;
    for piece in pieces {
        let packet = parse_ip(piece);
        let fragment = packet.fragment.unwrap();
        assert_eq!(fragment.id, 0x1234);
        for (at, byte) in (usize::from(fragment.offset)..).zip(packet.l4(piece)) {
            assert_eq!(bytes.insert(at, *byte), None, "fragments overlap");
        }
        if !fragment.more {
            let length = usize::from(fragment.offset) + packet.l4(piece).len();
            assert_eq!(end.replace(length), None, "two last fragments");
        }
    }
    assert_eq!(end, Some(bytes.len()), "a hole");
    bytes.into_values().collect()
}

#[test]
fn what_must_not_be_fragmented_is_refused_and_what_fits_is_left_alone() {
    let mut frame = udp(v4(1), v4(2), 1_000).frame();
    assert_eq!(cut(&frame, 1_028), Ok(vec![frame.clone()]));
    assert_eq!(cut(&frame, 67), Err(FragmentError::MtuTooSmall(67)));
    // "Don't fragment", with the header's checksum changed along.
    frame[20] = 0x40;
    let sum = u16::from_be_bytes([frame[24], frame[25]]);
    let sum = wire::checksum::Change::none()
        .word(0, 0x4000)
        .apply(sum)
        .to_be_bytes();
    frame[24..26].copy_from_slice(&sum);
    assert_eq!(cut(&frame, 1_027), Err(FragmentError::Forbidden));
    assert_eq!(cut(&frame, 1_028), Ok(vec![frame]));
    assert_eq!(
        cut(&udp(v6(1), v6(2), 1_400).frame(), 1_280),
        Err(FragmentError::Forbidden)
    );
}

/// RFC 791 §3.1: an option with the copied bit stands in every fragment, another in the first.
#[test]
fn options_go_where_their_copied_bit_says() {
    let mut packet = udp(v4(1), v4(2), 200).packet();
    let options = [7, 3, 4, 0x94, 4, 0, 0, 1, 7, 3, 4, 0];
    packet.splice(20..20, options);
    packet[0] = 0x48;
    let total = u16::try_from(packet.len()).unwrap().to_be_bytes();
    packet[2..4].copy_from_slice(&total);
    packet[10..12].fill(0);
    let sum = naive::checksum(&packet[..32]).to_be_bytes();
    packet[10..12].copy_from_slice(&sum);
    let pieces = cut(&framed(&packet), 80).unwrap();
    assert_eq!(pieces[0][34..46], options);
    for piece in &pieces[1..] {
        assert_eq!(piece[14], 0x46);
        assert_eq!(piece[34..38], [0x94, 4, 0, 0]);
    }
    assert_eq!(reassembled(&pieces), packet[32..]);
}

proptest! {
    #[test]
    fn fragments_fit_and_come_together_again(
        mtu in 68_u16..600, smaller in 68_u16..200, data in vec(any::<u8>(), 600..1_500),
        extra in 0_usize..=10,
    ) {
        let spec = Spec { extra, data, ..udp(v4(1), v4(2), 0) };
        let pieces = cut(&spec.frame(), mtu).unwrap();
        prop_assert!(pieces.iter().all(|piece| piece.len() <= 14 + usize::from(mtu)));
        prop_assert_eq!(reassembled(&pieces), spec.message());
        // And once more on a smaller link.
        let pieces: Vec<_> = pieces.iter().flat_map(|piece| cut(piece, smaller).unwrap()).collect();
        prop_assert!(pieces.iter().all(|piece| piece.len() <= 14 + usize::from(mtu.min(smaller))));
        prop_assert_eq!(reassembled(&pieces), spec.message());
    }

    /// A router translates fragments one by one; together they must be the translated datagram.
    #[test]
    fn translated_fragments_are_the_translated_datagram(
        mtu in 68_u16..600, data in vec(any::<u8>(), 600..1_500), port: u16, udp_kind: bool,
    ) {
        let kind = if udp_kind { Transport::Udp { checksum: true } } else { Transport::EchoRequest };
        let spec = Spec { transport: kind, data, ..udp(v4(1), v4(2), 0) };
        let (src, dst) = (Endpoint::new(v4(100), port), Endpoint::new(v4(200), 54));
        let mut pieces = cut(&spec.frame(), mtu).unwrap();
        for piece in &mut pieces {
            let packet = parse_ip(piece);
            rewrite::translate(piece, &packet, src, dst).unwrap();
            prop_assert_eq!(parse_ip(piece).src, src.ip);
        }
        prop_assert_eq!(reassembled(&pieces), spec.between(src, dst).message());
    }

    #[test]
    fn every_error_we_write_is_intact(spec in spec(), mtu: u16) {
        let frame = spec.frame();
        let router = if spec.src.ip.is_ipv4() { v4(254) } else { v6(254) };
        let packet = parse_ip(&frame);
        let mut out = Vec::new();
        let cause = Cause::TooBig { mtu };
        if build::icmp_error(&mut out, &frame, &packet, cause, router).is_ok() {
            assert_intact(&out);
            let error = parse_ip(&out);
            prop_assert!(matches!(error.payload, Payload::IcmpError(_)));
            prop_assert_eq!(build::icmp_error_allowed(&out, &error), Err(Refusal::AnswersError));
        }
    }
}
