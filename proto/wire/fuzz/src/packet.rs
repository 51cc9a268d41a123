//! Any frame: parsed without a panic, its layout inside the frame; rewritten, it parses to the new
//! flow key, its checksums are as right as they were, and back it is the same.

use super::shared::{endpoint, repair_ipv4, sums};
use types::{FlowKey, Protocol};
use wire::packet::{IpPacket, Payload, parse};
use wire::{Frame, build, icmp, rewrite};

/// One input.
pub fn run(data: &[u8]) {
    let mut data = data;
    let mut tail = data
        .split_off(data.len().saturating_sub(36)..)
        .unwrap_or_default();
    let mut frame = data.to_vec();
    let _verdict = parse(&frame);
    repair_ipv4(&mut frame);
    let Ok(Frame::Ip(packet)) = parse(&frame) else {
        return;
    };
    let layout = packet.layout;
    assert!(layout.l3 < layout.l4 && layout.l4 <= layout.end && layout.end <= frame.len());
    answers(&frame, &packet);
    let Some(src) = endpoint(&mut tail, packet.src) else {
        return;
    };
    let Some(dst) = endpoint(&mut tail, packet.dst) else {
        return;
    };
    let Some(old) = packet.flow_key() else {
        let _refused = rewrite::translate(&mut frame, &packet, src, dst);
        return;
    };
    if packet.fragment.is_none() {
        rewrite::complete_l4_checksum(&mut frame, &packet).unwrap();
        assert_intact(&frame);
    }
    let original = frame.clone();
    rewrite::translate(&mut frame, &packet, src, dst).unwrap();
    let Ok(Frame::Ip(translated)) = parse(&frame) else {
        panic!("the translated frame is refused");
    };
    assert_eq!(
        translated.flow_key(),
        Some(expected(&packet, FlowKey { src, dst, ..old }))
    );
    if packet.fragment.is_none() {
        assert_intact(&frame);
        rewrite::translate(&mut frame, &translated, old.src, old.dst).unwrap();
        assert_eq!(frame, original);
    }
    if rewrite::decrement_ttl(&mut frame, &packet).is_ok() {
        assert!(parse(&frame).is_ok());
    }
    let _clamped = rewrite::clamp_mss(&mut frame, &packet, 1_000);
    if packet.fragment.is_none() {
        assert_intact(&frame);
    }
    if build::echo_reply_in_place(&mut frame, &packet).is_ok() {
        assert_intact(&frame);
    }
}

/// An echo's key has the identifier in one place alone.
fn expected(packet: &IpPacket, mut key: FlowKey) -> FlowKey {
    if let Payload::Echo { request, .. } = packet.payload {
        if request {
            key.dst.port = 0;
        } else {
            key.src.port = 0;
        }
    }
    key
}

/// Everything that is written about the packet can be read.
fn answers(frame: &[u8], packet: &IpPacket) {
    let mut out = Vec::new();
    if build::icmp_error(
        &mut out,
        frame,
        packet,
        icmp::Cause::TtlExceeded,
        packet.dst,
    )
    .is_ok()
    {
        assert!(parse(&out).is_ok());
        assert!(out.len() <= 1294);
    }
    if build::tcp_reset(&mut out, packet) {
        assert_intact(&out);
    }
    let mut total = 0;
    let each = |piece: &[u8]| match parse(piece) {
        Ok(Frame::Ip(part)) => total += part.l4(piece).len(),
        // A transport header that is longer than a fragment's room cannot stay whole.
        other => assert!(packet.layout.l4 - packet.layout.l3 + 64 > 100, "{other:?}"),
    };
    if build::fragments(&mut out, frame, packet, 100, each).is_ok_and(|count| count == 1) {
        assert_eq!(total, packet.l4(frame).len());
    }
}

/// A whole datagram's checksum, taken from scratch.
fn assert_intact(frame: &[u8]) {
    let Ok(Frame::Ip(packet)) = parse(frame) else {
        panic!("the frame is refused");
    };
    let message = packet.l4(frame);
    let message = match packet.payload {
        Payload::Udp { .. } if message[6..8] == [0, 0] => return,
        Payload::Udp { payload_len, .. } => &message[..8 + usize::from(payload_len)],
        _ => message,
    };
    let Protocol(protocol) = packet.protocol;
    assert_eq!(sums(packet.src, packet.dst, protocol, message), 0);
}
