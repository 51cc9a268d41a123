//! ICMP errors whose quotation the fuzzer writes: translated, the error is intact and quotes the new
//! flow key; translated back, it is the same.

use std::net::IpAddr;

use super::shared::{endpoint, repair_ipv4, sums, take};
use types::{Endpoint, FlowKey};
use wire::packet::{IcmpError, IpPacket, Payload, parse};
use wire::{Frame, rewrite};

/// One input.
pub fn run(data: &[u8]) {
    let mut data = data;
    let Some(frame) = error_frame(&mut data) else {
        return;
    };
    let Some((packet, error)) = parse_error(&frame) else {
        return;
    };
    let old = error.embedded.key;
    let mut tail = [0x55; 36].as_slice();
    let Some(src) = endpoint(&mut tail, packet.src) else {
        return;
    };
    let Some(dst) = endpoint(&mut tail, packet.dst) else {
        return;
    };
    let mut changed = frame.clone();
    let outer = (dst.ip, src.ip);
    rewrite::translate_icmp_error(&mut changed, &packet, outer, (src, dst)).unwrap();
    let Some((translated, about)) = parse_error(&changed) else {
        panic!("the translated error is refused");
    };
    assert_eq!((translated.src, translated.dst), outer);
    assert_eq!(about.kind, error.kind);
    assert_eq!(
        about.embedded.key,
        expected(&error, FlowKey { src, dst, ..old })
    );
    let sum = sums(
        translated.src,
        translated.dst,
        translated.protocol.0,
        translated.l4(&changed),
    );
    assert_eq!(sum, 0);
    let outer = (packet.src, packet.dst);
    rewrite::translate_icmp_error(&mut changed, &translated, outer, (old.src, old.dst)).unwrap();
    // Quoted checksums may have arrived as the other zero; everything else is as it was.
    let Some((_, about)) = parse_error(&changed) else {
        panic!("the restored error is refused");
    };
    assert_eq!(about.embedded, error.embedded);
}

fn parse_error(frame: &[u8]) -> Option<(IpPacket, IcmpError)> {
    match parse(frame) {
        Ok(Frame::Ip(packet)) => match packet.payload {
            Payload::IcmpError(error) => Some((packet, error)),
            _ => None,
        },
        Ok(Frame::Arp(_)) | Err(_) => None,
    }
}

fn expected(error: &IcmpError, mut key: FlowKey) -> FlowKey {
    match error.embedded.echo_request {
        Some(true) => key.dst = Endpoint::new(key.dst.ip, 0),
        Some(false) => key.src = Endpoint::new(key.src.ip, 0),
        None => {}
    }
    key
}

/// A frame with right checksums around the fuzzer's type, code and quotation.
fn error_frame(data: &mut &[u8]) -> Option<Vec<u8>> {
    let [family, kind, code] = take(data)?;
    let rest: [u8; 4] = take(data)?;
    let mut message = [&[kind, code, 0, 0], &rest[..], data].concat();
    let length = u16::try_from(message.len()).ok()?;
    let mut frame = vec![2; 12];
    let (src, dst): (IpAddr, IpAddr) = if family & 1 == 0 {
        let total = length.checked_add(20)?.to_be_bytes();
        frame.extend([8, 0, 0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 1, 0, 0]);
        frame.extend([192, 0, 2, 1, 192, 0, 2, 2]);
        ([192, 0, 2, 1].into(), [192, 0, 2, 2].into())
    } else {
        let length = length.to_be_bytes();
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, length[0], length[1], 58, 64]);
        frame.extend([0x20; 16]);
        frame.extend([0x21; 16]);
        ([0x20; 16].into(), [0x21; 16].into())
    };
    let protocol = if family & 1 == 0 { 1 } else { 58 };
    let sum = sums(src, dst, protocol, &message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    frame.extend(message);
    repair_ipv4(&mut frame);
    Some(frame)
}
