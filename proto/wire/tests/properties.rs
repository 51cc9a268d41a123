//! Parsing and rewriting against packets that a naive model wrote from scratch.
//!
//! "Translated" always means: the very bytes that the model writes for the new endpoints.

#![expect(clippy::panic, reason = "a test fails loudly")]

mod naive;

use std::net::IpAddr;

use naive::{Spec, Transport, error_frame, framed, spec, spec_and_endpoints};
use proptest::collection::vec;
use proptest::prelude::*;
use types::{DropReason, Endpoint};
use wire::packet::{IpPacket, Payload, parse};
use wire::{Frame, build, icmp, rewrite};

fn parse_ip(frame: &[u8]) -> IpPacket {
    match parse(frame) {
        Ok(Frame::Ip(packet)) => packet,
        other => panic!("{other:?} from {frame:02x?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn parsing_finds_what_the_model_wrote(spec in spec(), padding in 0_usize..20) {
        let mut frame = spec.frame();
        let end = frame.len();
        frame.resize(end + padding, 0xee);
        let packet = parse_ip(&frame);
        prop_assert_eq!(packet.flow_key(), Some(spec.key()));
        prop_assert_eq!((packet.src, packet.dst, packet.ttl), (spec.src.ip, spec.dst.ip, spec.ttl));
        prop_assert_eq!((packet.src_mac, packet.dst_mac), (naive::SRC_MAC, naive::DST_MAC));
        prop_assert_eq!((packet.layout.l3, packet.layout.l4, packet.layout.end), (14, spec.l4(), end));
        prop_assert_eq!(packet.l4(&frame), &spec.message()[..]);
        prop_assert_eq!(packet.fragment, None);
        prop_assert_eq!(packet.dont_fragment, spec.src.ip.is_ipv6());
        match (packet.payload, &spec.transport) {
            (
                Payload::Tcp { flags, seq, ack, payload_len, .. },
                Transport::Tcp { flags: f, seq: s, ack: a, .. },
            ) => {
                prop_assert_eq!((flags.0, seq, ack), (*f, *s, *a));
                prop_assert_eq!(usize::from(payload_len), spec.data.len());
            }
            (Payload::Udp { payload_len, .. }, Transport::Udp { .. }) => {
                prop_assert_eq!(usize::from(payload_len), spec.data.len());
            }
            (Payload::Echo { request, .. }, transport) => {
                prop_assert_eq!(request, matches!(transport, Transport::EchoRequest));
            }
            (payload, transport) => prop_assert!(false, "{payload:?} for {transport:?}"),
        }
    }

    #[test]
    fn a_frame_cut_short_anywhere_is_malformed(spec in spec(), cut in any::<prop::sample::Index>()) {
        let frame = spec.frame();
        let cut = cut.index(frame.len());
        prop_assert_eq!(parse(&frame[..cut]), Err(DropReason::Malformed));
    }

    #[test]
    fn translating_gives_the_models_bytes_and_back((spec, src, dst) in spec_and_endpoints()) {
        let original = spec.frame();
        let mut frame = original.clone();
        rewrite::translate(&mut frame, &parse_ip(&original), src, dst).unwrap();
        let expected = spec.between(src, dst);
        prop_assert_eq!(&frame, &expected.frame());
        let translated = parse_ip(&frame);
        prop_assert_eq!(translated.flow_key(), Some(expected.key()));
        rewrite::translate(&mut frame, &translated, spec.src, spec.dst).unwrap();
        prop_assert_eq!(&frame, &original);
    }

    /// The pipeline's whole sequence, on offsets that were found once.
    #[test]
    fn rewrites_may_follow_one_another((spec, src, dst) in spec_and_endpoints()) {
        let mut frame = spec.frame();
        let packet = parse_ip(&frame);
        let half_way = Endpoint::new(dst.ip, src.port);
        rewrite::translate(&mut frame, &packet, half_way, src).unwrap();
        let counted = rewrite::decrement_ttl(&mut frame, &packet);
        rewrite::translate(&mut frame, &packet, src, dst).unwrap();
        rewrite::set_macs(&mut frame, naive::DST_MAC, naive::SRC_MAC);
        let ttl = if spec.ttl > 1 { spec.ttl - 1 } else { spec.ttl };
        let reached = if spec.ttl > 1 { Ok(()) } else { Err(DropReason::TtlExceeded) };
        prop_assert_eq!(counted, reached);
        prop_assert_eq!(frame, Spec { ttl, ..spec }.between(src, dst).frame());
    }

    /// Also with a TCP checksum or header cut off: eight bytes of the transport suffice.
    #[test]
    fn translated_errors_quote_what_the_model_would_have_sent(
        (spec, src, dst) in spec_and_endpoints(),
        quoted in any::<prop::sample::Index>(),
    ) {
        let shortest = spec.l4() - 14 + 8;
        let (before, after) = (spec.packet(), spec.between(src, dst).packet());
        let mut length = shortest + quoted.index(before.len() - shortest + 1);
        if matches!(spec.transport, Transport::Tcp { .. }) && length == shortest + 9 {
            // Half a checksum cannot be changed by its old value, and nobody could verify it.
            length += 1;
        }
        // Any router on the way may report; here it answers for the destination.
        let (reporter, reporter_after) = (spec.dst.ip, dst.ip);
        let original = error_frame(reporter, spec.src.ip, &before[..length]);
        let mut frame = original.clone();
        let packet = parse_ip(&original);
        let Payload::IcmpError(error) = packet.payload else {
            panic!("{:?}", packet.payload);
        };
        prop_assert_eq!(error.kind, icmp::ErrorKind::TimeExceeded { code: 0 });
        prop_assert_eq!(error.embedded.key, spec.key());
        let outer = (reporter_after, src.ip);
        rewrite::translate_icmp_error(&mut frame, &packet, outer, (src, dst)).unwrap();
        prop_assert_eq!(&frame, &error_frame(reporter_after, src.ip, &after[..length]));
        let outer = (reporter, spec.src.ip);
        let packet = parse_ip(&frame);
        rewrite::translate_icmp_error(&mut frame, &packet, outer, (spec.src, spec.dst)).unwrap();
        prop_assert_eq!(&frame, &original);
    }

    #[test]
    fn a_partial_checksum_is_completed(mut spec in spec(), garbage: u16) {
        if let Transport::Udp { checksum } = &mut spec.transport {
            *checksum = true;
        }
        let expected = spec.frame();
        let at = spec.l4() + match spec.transport {
            Transport::Tcp { .. } => 16,
            Transport::Udp { .. } => 6,
            Transport::EchoRequest | Transport::EchoReply => 2,
        };
        let mut frame = expected.clone();
        frame[at..at + 2].copy_from_slice(&garbage.to_be_bytes());
        let packet = parse_ip(&frame);
        rewrite::complete_l4_checksum(&mut frame, &packet).unwrap();
        prop_assert_eq!(frame, expected);
    }

    /// Behind any number of "no operation" options, so at even and odd offsets.
    #[test]
    fn a_clamped_segment_size_is_the_models(
        mut spec in spec(), padding in 0_usize..20, announced: u16, limit: u16, flags: u8,
    ) {
        let options = |mss: u16| {
            let mut options = vec![1; padding];
            options.extend([2, 4, mss.to_be_bytes()[0], mss.to_be_bytes()[1]]);
            options.resize(options.len().next_multiple_of(4), 0);
            options
        };
        let mut with = |mss| {
            let options = options(mss);
            spec.transport = Transport::Tcp { seq: 1, ack: 0, flags, options };
            spec.frame()
        };
        let (mut frame, expected) = (with(announced), with(announced.min(limit)));
        let packet = parse_ip(&frame);
        let clamped = rewrite::clamp_mss(&mut frame, &packet, limit);
        if flags & 2 == 0 {
            prop_assert!(!clamped);
            prop_assert_eq!(frame, with(announced));
        } else {
            prop_assert_eq!(clamped, announced > limit);
            prop_assert_eq!(frame, expected);
        }
    }

    #[test]
    fn an_echo_is_answered_as_the_model_answers(mut spec in spec()) {
        spec.transport = Transport::EchoRequest;
        let mut frame = spec.frame();
        let packet = parse_ip(&frame);
        let answered = build::echo_reply_in_place(&mut frame, &packet);
        if spec.dst.ip.is_multicast() {
            prop_assert_eq!(answered, Err(rewrite::RewriteError::Payload));
            return Ok(());
        }
        // The reply carries the identifier where a flow key has its destination port.
        let (src, dst) = (spec.dst, spec.src);
        let reply = Spec { src, dst, ttl: 64, transport: Transport::EchoReply, ..spec };
        let mut expected = reply.frame();
        expected[..6].copy_from_slice(&naive::SRC_MAC.0);
        expected[6..12].copy_from_slice(&naive::DST_MAC.0);
        prop_assert_eq!(answered, Ok(()));
        prop_assert_eq!(frame, expected);
    }

    /// Whatever bytes come: a value or a reason, never a panic; nor when a rewrite is given a frame
    /// that its packet does not fit.
    #[test]
    fn damaged_frames_and_foreign_frames_never_panic(
        (spec, src, dst) in spec_and_endpoints(),
        quote in any::<bool>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        foreign in vec(any::<u8>(), 0..128),
    ) {
        let mut frame = if quote {
            error_frame(spec.dst.ip, spec.src.ip, &spec.packet())
        } else {
            spec.frame()
        };
        for (at, value) in damage {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        let _verdict = parse(&foreign);
        if let Ok(Frame::Ip(packet)) = parse(&frame) {
            exercise(&packet, &mut foreign.clone(), src, dst);
            exercise(&packet, &mut frame, src, dst);
        }
    }
}

/// Every rewrite and every answer, results ignored.
fn exercise(packet: &IpPacket, frame: &mut [u8], src: Endpoint, dst: Endpoint) {
    let mut out = Vec::new();
    let source = packet.dst;
    let mtu = 1_000;
    let _built = build::icmp_error(&mut out, frame, packet, icmp::Cause::TtlExceeded, source);
    let _reset = build::tcp_reset(&mut out, packet);
    let _count = build::fragments(&mut out, frame, packet, mtu, |_| ());
    let _done = rewrite::translate(frame, packet, src, dst);
    let _done = rewrite::translate_icmp_error(frame, packet, (src.ip, dst.ip), (src, dst));
    let _done = rewrite::decrement_ttl(frame, packet);
    let _done = rewrite::clamp_mss(frame, packet, 1_000);
    let _done = rewrite::complete_l4_checksum(frame, packet);
    let _done = build::echo_reply_in_place(frame, packet);
}

/// An IPv4 echo reply may be all zeros but for its checksum, which is then all ones: the one place
/// where a sum can be "the other zero", since every other message has a field that never is zero.
#[test]
fn an_echo_reply_of_nothing_but_zeros_keeps_a_checksum_that_receivers_accept() {
    let (client, server) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
    let frame_of = |kind: u8, id: u16, src, dst| {
        let [high, low] = id.to_be_bytes();
        let mut message = [kind, 0, 0, 0, high, low, 0, 0, 0, 0];
        let sum = naive::checksum(&message).to_be_bytes();
        message[2..4].copy_from_slice(&sum);
        framed(&naive::ip(src, dst, 1, 64, 0, &message))
    };
    let zeros = frame_of(0, 0, server, client);
    assert_eq!(zeros[36..38], [0xff, 0xff]);
    let to = |id| (Endpoint::new(server, 0), Endpoint::new(client, id));
    for id in [1, 0x1234, 0xffff] {
        let mut frame = zeros.clone();
        let packet = parse_ip(&frame);
        rewrite::translate(&mut frame, &packet, to(id).0, to(id).1).unwrap();
        assert_eq!(frame, frame_of(0, id, server, client));
        rewrite::translate(&mut frame, &packet, to(0).0, to(0).1).unwrap();
        assert_eq!(frame, zeros);
    }
    let mut frame = frame_of(8, 0, client, server);
    let packet = parse_ip(&frame);
    build::echo_reply_in_place(&mut frame, &packet).unwrap();
    assert_eq!(frame[14..], zeros[14..]);
}

#[test]
fn every_tcp_and_udp_checksum_value_survives_translation_there_and_back() {
    // One data word takes every value, so the checksum does too, 0x0000 and 0xffff included.
    let end = |a, b, port| Endpoint::new(IpAddr::from([192, 0, a, b]), port);
    for transport in [
        Transport::Udp { checksum: true },
        Transport::Tcp {
            seq: 0,
            ack: 0,
            flags: 0x10,
            options: vec![],
        },
    ] {
        for word in 0..=u16::MAX {
            let spec = Spec {
                src: end(2, 1, 1_000),
                dst: end(2, 2, 53),
                ttl: 64,
                transport: transport.clone(),
                extra: 0,
                data: word.to_be_bytes().to_vec(),
            };
            let (src, dst) = (end(0, 0, 0), end(255, 255, 65_535));
            let original = framed(&spec.packet());
            let mut frame = original.clone();
            let packet = parse_ip(&frame);
            rewrite::translate(&mut frame, &packet, src, dst).unwrap();
            assert_eq!(frame, spec.between(src, dst).frame());
            rewrite::translate(&mut frame, &packet, spec.src, spec.dst).unwrap();
            assert_eq!(frame, original);
        }
    }
}
