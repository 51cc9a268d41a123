//! Clamping TCP's maximum segment size (RFC 9293 §3.7.1), for paths where "too big" gets lost.

use crate::bytes::{array, be16, put16};
use crate::checksum::Change;
use crate::packet::{IpPacket, Payload};
use crate::tcp;

/// Lowers the segment size that a SYN announces to `mss`, if it is larger; says whether it did.
///
/// Segments without SYN or without the option stay as they are.
pub fn clamp_mss(frame: &mut [u8], packet: &IpPacket, mss: u16) -> bool {
    match packet.payload {
        Payload::Tcp { flags, .. } if flags.syn() => clamp(frame, packet, mss).is_some(),
        Payload::Tcp { .. }
        | Payload::Udp { .. }
        | Payload::Echo { .. }
        | Payload::IcmpError(_)
        | Payload::Ndp(_)
        | Payload::OtherIcmp
        | Payload::Vrrp
        | Payload::LaterFragment
        | Payload::Other => false,
    }
}

fn clamp(frame: &mut [u8], packet: &IpPacket, mss: u16) -> Option<()> {
    let segment = frame.get_mut(packet.layout.l4..packet.layout.end)?;
    let header_len = tcp::Header::parse(segment)?.header_len;
    let at = tcp::mss_offset(segment.get(..header_len)?)?;
    let [high, low] = array(segment, at)?;
    let old = u16::from_be_bytes([high, low]);
    if old <= mss {
        return None;
    }
    // At an odd offset the value's bytes lie in two words of the checksum: each as the other half.
    let change = if at.is_multiple_of(2) {
        Change::none().word(old, mss)
    } else {
        Change::none().word(old.swap_bytes(), mss.swap_bytes())
    };
    let checksum = be16(segment, tcp::CHECKSUM)?;
    put16(segment, tcp::CHECKSUM, change.apply(checksum))?;
    put16(segment, at, mss)
}
