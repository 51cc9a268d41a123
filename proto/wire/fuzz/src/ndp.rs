//! Neighbor Discovery messages, alone and in a frame whose checksum is right.

use std::net::Ipv6Addr;

use super::shared::{sums, take};
use types::DropReason;
use wire::Frame;
use wire::ndp::{Carrier, Message, NdpError};
use wire::packet::{Payload, parse};

/// One input.
pub fn run(data: &[u8]) {
    let mut data = data;
    let Some([choice, hop_limit]) = take(&mut data) else {
        return;
    };
    let Some(dst) = take::<16>(&mut data) else {
        return;
    };
    let src = if choice & 1 == 0 { [0; 16] } else { [0x20; 16] };
    let hop_limit = if hop_limit < 250 { 255 } else { hop_limit };
    let carrier = Carrier {
        src: src.into(),
        dst: Ipv6Addr::from(dst),
        hop_limit,
    };
    let verdict = Message::parse(carrier, data);
    let Ok(length) = u16::try_from(data.len()) else {
        return;
    };
    let mut frame = vec![2; 12];
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
    frame.extend(length.to_be_bytes());
    frame.extend([58, hop_limit]);
    frame.extend(src);
    frame.extend(dst);
    let mut message = data.to_vec();
    if let Some(field) = message.get_mut(2..4) {
        field.fill(0);
        let sum = sums(carrier.src.into(), carrier.dst.into(), 58, &message).to_be_bytes();
        message[2..4].copy_from_slice(&sum);
    }
    frame.extend(&message);
    match (parse(&frame), verdict) {
        (Ok(Frame::Ip(packet)), Ok(message)) => assert_eq!(packet.payload, Payload::Ndp(message)),
        (Ok(Frame::Ip(packet)), Err(NdpError::OtherType(_))) => {
            assert!(!matches!(packet.payload, Payload::Ndp(_)));
        }
        (Err(reason), Err(_)) => assert_eq!(reason, DropReason::Malformed),
        (parsed, verdict) => panic!("{parsed:?} although {verdict:?}"),
    }
}
