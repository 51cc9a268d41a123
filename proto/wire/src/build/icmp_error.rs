//! Telling a sender by ICMP that its packet went no further.

use std::net::{IpAddr, Ipv4Addr};

use types::Protocol;

use super::{Covers, Envelope, TOS_CONTROL, TTL};
use crate::bytes::byte;
use crate::icmp::{self, Cause};
use crate::packet::IpPacket;
use crate::{ipv4, ipv6};

/// The whole error packet's limit in IPv4 (RFC 1812 §4.3.2.3).
const LIMIT_V4: usize = 576;
/// The whole error packet's limit in IPv6: the minimum MTU (RFC 4443 §2.4 c).
const LIMIT_V6: usize = 1280;

/// Why a packet is never answered with an ICMP error (RFC 1812 §4.3.2.7, RFC 4443 §2.4 e).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Errors about errors would feed on themselves.
    #[error("the packet is itself an ICMP error")]
    AnswersError,
    /// Many would answer at once.
    #[error("the packet was sent to a group")]
    Group,
    /// The first fragment has been answered.
    #[error("the packet is a later fragment")]
    LaterFragment,
    /// Nobody in particular would be told.
    #[error("the packet's source is no single host")]
    NoSender,
    /// Our address is of the other family.
    #[error("the packet and the answering address are of different families")]
    Family,
}

/// Whether `packet`, parsed from `frame`, may be answered with an ICMP error.
pub fn icmp_error_allowed(frame: &[u8], packet: &IpPacket) -> Result<(), Refusal> {
    let to_group = packet.dst_mac.is_group()
        || packet.dst.is_multicast()
        || packet.dst == IpAddr::V4(Ipv4Addr::BROADCAST);
    if to_group {
        return Err(Refusal::Group);
    }
    if packet.is_later_fragment() {
        return Err(Refusal::LaterFragment);
    }
    if !is_single_host(packet.src) {
        return Err(Refusal::NoSender);
    }
    match (packet.protocol, packet.src) {
        (Protocol::ICMP, IpAddr::V4(_)) | (Protocol::ICMPV6, IpAddr::V6(_)) => {
            // Without a type nobody knows, so silence is the safe side.
            let kind = byte(packet.l4(frame), 0).ok_or(Refusal::AnswersError)?;
            if icmp::is_error(packet.src, kind) {
                return Err(Refusal::AnswersError);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn is_single_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            // This network, loopback, multicast, reserved and broadcast.
            !matches!(first, 0 | 127 | 224..=255)
        }
        IpAddr::V6(address) => {
            !address.is_unspecified() && !address.is_multicast() && !address.is_loopback()
        }
    }
}

/// Writes the error that tells `packet`'s sender about `cause`, from our address `source`, back to
/// the neighbour that the frame came from. `frame` must be as it arrived: the sender looks for what
/// it sent.
///
/// # Errors
/// Those of [`icmp_error_allowed`]; `out` is then empty.
pub fn icmp_error(
    out: &mut Vec<u8>,
    frame: &[u8],
    packet: &IpPacket,
    cause: Cause,
    source: IpAddr,
) -> Result<(), Refusal> {
    out.clear();
    icmp_error_allowed(frame, packet)?;
    let (protocol, limit, covers, (kind, code, rest)) = match packet.src {
        IpAddr::V4(_) => {
            let limit = LIMIT_V4 - ipv4::HEADER_LEN;
            (Protocol::ICMP, limit, Covers::Message, cause.to_v4())
        }
        IpAddr::V6(_) => {
            let limit = LIMIT_V6 - ipv6::HEADER_LEN;
            (Protocol::ICMPV6, limit, Covers::PseudoHeader, cause.to_v6())
        }
    };
    let envelope = Envelope {
        dst_mac: packet.src_mac,
        src_mac: packet.dst_mac,
        src: source,
        dst: packet.src,
        protocol,
        tos: TOS_CONTROL,
        ttl: TTL,
    };
    let whole = frame
        .get(packet.layout.l3..packet.layout.end)
        .unwrap_or(&[]);
    let quoted = whole.get(..limit - icmp::HEADER_LEN).unwrap_or(whole);
    let length = u16::try_from(icmp::HEADER_LEN + quoted.len()).map_err(|_| Refusal::Family)?;
    envelope.write(length, out).ok_or(Refusal::Family)?;
    out.extend_from_slice(&[kind, code, 0, 0]);
    out.extend_from_slice(&rest);
    out.extend_from_slice(quoted);
    envelope
        .seal(icmp::CHECKSUM, covers, out)
        .ok_or(Refusal::Family)
}
