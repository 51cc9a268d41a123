//! Telling a TCP that its connection does not exist here.

use types::Protocol;

use super::{Covers, Envelope, TTL};
use crate::packet::{IpPacket, Payload};
use crate::tcp::{self, TcpFlags};

/// Writes the reset that answers a segment of no known connection (RFC 9293 §3.10.7.1), back to the
/// neighbour that the frame came from. Says whether there is one: a reset, a fragment, a segment to
/// a group and anything but TCP are not answered.
#[must_use]
pub fn tcp_reset(out: &mut Vec<u8>, packet: &IpPacket) -> bool {
    out.clear();
    answer(out, packet).is_some()
}

fn answer(out: &mut Vec<u8>, packet: &IpPacket) -> Option<()> {
    let Payload::Tcp {
        src_port,
        dst_port,
        flags,
        seq,
        ack,
        payload_len,
    } = packet.payload
    else {
        return None;
    };
    let to_group = packet.dst_mac.is_group() || packet.dst.is_multicast();
    if flags.rst() || to_group || packet.fragment.is_some() {
        return None;
    }
    let (seq, ack, flags) = if flags.ack() {
        (ack, 0, TcpFlags::RST)
    } else {
        // SYN and FIN each occupy a sequence number.
        let length = u32::from(payload_len) + u32::from(flags.syn()) + u32::from(flags.fin());
        (
            0,
            seq.wrapping_add(length),
            TcpFlags::RST.with(TcpFlags::ACK),
        )
    };
    let envelope = Envelope {
        dst_mac: packet.src_mac,
        src_mac: packet.dst_mac,
        src: packet.dst,
        dst: packet.src,
        protocol: Protocol::TCP,
        tos: 0,
        ttl: TTL,
    };
    envelope.write(20, out)?;
    out.extend_from_slice(&dst_port.to_be_bytes());
    out.extend_from_slice(&src_port.to_be_bytes());
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&ack.to_be_bytes());
    // Five words of header; neither window, checksum nor urgent pointer.
    out.extend_from_slice(&[0x50, flags.0, 0, 0, 0, 0, 0, 0]);
    envelope.seal(tcp::CHECKSUM, Covers::PseudoHeader, out)
}
