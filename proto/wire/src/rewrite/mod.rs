//! Changing a parsed frame in place, its checksums by RFC 1624.
//!
//! Each function takes the frame that its packet was parsed from. Old values are read from the frame,
//! not from the packet, so rewrites may follow one another. After an error the frame may be half
//! changed and must be dropped.

mod icmp_error;
mod mss;
mod network;

use std::net::IpAddr;

use types::{DropReason, Endpoint, MacAddr, Protocol};

use crate::bytes::{be16, byte, put, put16};
use crate::checksum::{Change, pseudo};
use crate::packet::{IpPacket, Payload};
use crate::{icmp, ipv4, ipv6, tcp, udp};
pub use icmp_error::translate_icmp_error;
pub use mss::clamp_mss;
pub(crate) use network::set_ttl as set_ttl_v4;

/// Why a frame was not rewritten.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RewriteError {
    /// IPv4 cannot become IPv6, nor the other way round.
    #[error("the packet and its new address are of different families")]
    Family,
    /// Its checksum covers the addresses in a way that is not known here.
    #[error("a packet with this payload cannot be rewritten so")]
    Payload,
    /// It is not the frame that the packet was parsed from.
    #[error("the frame is shorter than its packet")]
    Frame,
}

/// What a caller without better knowledge drops the packet for.
impl From<RewriteError> for DropReason {
    fn from(error: RewriteError) -> Self {
        match error {
            RewriteError::Family | RewriteError::Frame => Self::Malformed,
            RewriteError::Payload => Self::UnsupportedProtocol,
        }
    }
}

/// Gives the packet new endpoints: TCP, UDP, echo, and the addresses alone of later fragments.
///
/// An echo has one identifier: a request takes it from `new_src`, a reply from `new_dst`, as flow
/// keys have them.
///
/// # Errors
/// `Payload` for an ICMP error (see [`translate_icmp_error`]) and whatever has no ports.
#[inline]
pub fn translate(
    frame: &mut [u8],
    packet: &IpPacket,
    new_src: Endpoint,
    new_dst: Endpoint,
) -> Result<(), RewriteError> {
    let l4 = packet.layout.l4;
    match packet.payload {
        Payload::Udp { .. } => {
            let change = network::addresses(frame, packet.layout.l3, new_src.ip, new_dst.ip)?;
            let change = ports(frame, l4, new_src.port, new_dst.port, change)?;
            update(frame, l4 + udp::CHECKSUM, |sum| change.apply_udp(sum))
        }
        Payload::Tcp { .. } => {
            let change = network::addresses(frame, packet.layout.l3, new_src.ip, new_dst.ip)?;
            let change = ports(frame, l4, new_src.port, new_dst.port, change)?;
            update(frame, l4 + tcp::CHECKSUM, |sum| change.apply(sum))
        }
        Payload::Echo { request, .. } => {
            let id = if request { new_src.port } else { new_dst.port };
            let change = network::addresses(frame, packet.layout.l3, new_src.ip, new_dst.ip)?;
            let change = pseudo_change(packet.src, change);
            let change = word(frame, l4 + icmp::IDENTIFIER, id, change)?;
            frame
                .get_mut(l4..packet.layout.end)
                .and_then(|message| icmp::change_checksum(message, change))
                .ok_or(RewriteError::Frame)
        }
        Payload::LaterFragment => {
            network::addresses(frame, packet.layout.l3, new_src.ip, new_dst.ip).map(|_| ())
        }
        Payload::IcmpError(_)
        | Payload::Ndp(_)
        | Payload::OtherIcmp
        | Payload::Vrrp
        | Payload::Other => Err(RewriteError::Payload),
    }
}

/// Counts the TTL or hop limit down.
///
/// # Errors
/// `TtlExceeded` when it would reach zero: the frame is unchanged, so that an ICMP error can quote
/// it. `Malformed` when the frame is not the packet's.
#[inline]
pub fn decrement_ttl(frame: &mut [u8], packet: &IpPacket) -> Result<(), DropReason> {
    let l3 = packet.layout.l3;
    let at = match packet.src {
        IpAddr::V4(_) => l3 + ipv4::at::TTL,
        IpAddr::V6(_) => l3 + ipv6::at::HOP_LIMIT,
    };
    let ttl = byte(frame, at).ok_or(DropReason::Malformed)?;
    if ttl <= 1 {
        return Err(DropReason::TtlExceeded);
    }
    let changed = match packet.src {
        IpAddr::V4(_) => network::set_ttl(frame, l3, ttl - 1),
        IpAddr::V6(_) => put(frame, at, [ttl - 1]),
    };
    changed.ok_or(DropReason::Malformed)
}

/// Addresses the frame to `dst`, from `src`. A frame shorter than two addresses stays as it is.
#[inline]
pub fn set_macs(frame: &mut [u8], dst: MacAddr, src: MacAddr) {
    if let Some(addresses) = frame.first_chunk_mut::<12>() {
        let [a, b, c, d, e, f] = dst.0;
        let [g, h, i, j, k, l] = src.0;
        *addresses = [a, b, c, d, e, f, g, h, i, j, k, l];
    }
}

/// Computes the transport checksum from scratch.
///
/// For frames that a local sender handed over with the pseudo-header's sum alone, as checksum
/// offloading does: call it before any other rewrite. A fragment is left as it is, since its checksum
/// covers bytes that are elsewhere; senders complete those themselves.
///
/// # Errors
/// `Frame` when the frame is not the packet's.
pub fn complete_l4_checksum(frame: &mut [u8], packet: &IpPacket) -> Result<(), RewriteError> {
    let at = match packet.protocol {
        _ if packet.fragment.is_some() => return Ok(()),
        Protocol::TCP => tcp::CHECKSUM,
        Protocol::UDP => udp::CHECKSUM,
        Protocol::ICMP | Protocol::ICMPV6 => icmp::CHECKSUM,
        _ => return Ok(()),
    };
    complete(frame, packet, at).ok_or(RewriteError::Frame)
}

/// Computes the checksum that stands `at` bytes into the message.
fn complete(frame: &mut [u8], packet: &IpPacket, at: usize) -> Option<()> {
    let message = frame.get_mut(packet.layout.l4..packet.layout.end)?;
    // What stands behind a datagram's own length is not covered.
    let length = match packet.payload {
        Payload::Udp { payload_len, .. } => udp::HEADER_LEN + usize::from(payload_len),
        Payload::Tcp { .. }
        | Payload::Echo { .. }
        | Payload::IcmpError(_)
        | Payload::Ndp(_)
        | Payload::OtherIcmp
        | Payload::Vrrp
        | Payload::LaterFragment
        | Payload::Other => message.len(),
    };
    let message = message.get_mut(..length)?;
    put16(message, at, 0)?;
    let start = match packet.protocol {
        Protocol::ICMP => crate::checksum::Sum::new(),
        protocol => pseudo(packet.src, packet.dst, protocol, length)?,
    };
    let checksum = match (start.bytes(message).checksum(), packet.protocol) {
        (0, Protocol::UDP) => 0xffff,
        (checksum, _) => checksum,
    };
    put16(message, at, checksum)
}

/// ICMPv6 is covered by a pseudo-header, ICMP for IPv4 is not.
fn pseudo_change(family: IpAddr, addresses: Change) -> Change {
    match family {
        IpAddr::V4(_) => Change::none(),
        IpAddr::V6(_) => addresses,
    }
}

/// Writes both ports of a TCP or UDP header.
#[inline]
fn ports(
    frame: &mut [u8],
    l4: usize,
    src: u16,
    dst: u16,
    change: Change,
) -> Result<Change, RewriteError> {
    let ports = frame
        .get_mut(l4..)
        .and_then(|transport| transport.first_chunk_mut::<4>())
        .ok_or(RewriteError::Frame)?;
    let new = u32::from(src) << 16 | u32::from(dst);
    let change = change.long(u32::from_be_bytes(*ports), new);
    *ports = new.to_be_bytes();
    Ok(change)
}

/// Writes a 16-bit word that stands at an even offset of its message.
#[inline]
fn word(frame: &mut [u8], at: usize, new: u16, change: Change) -> Result<Change, RewriteError> {
    let old = be16(frame, at).ok_or(RewriteError::Frame)?;
    put16(frame, at, new).ok_or(RewriteError::Frame)?;
    Ok(change.word(old, new))
}

/// Changes the checksum at `at`.
#[inline]
fn update(
    frame: &mut [u8],
    at: usize,
    change: impl FnOnce(u16) -> u16,
) -> Result<(), RewriteError> {
    let checksum = be16(frame, at).ok_or(RewriteError::Frame)?;
    put16(frame, at, change(checksum)).ok_or(RewriteError::Frame)
}
