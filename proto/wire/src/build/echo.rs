//! Answering a ping in the frame that asked.

use std::net::IpAddr;

use super::TTL;
use crate::bytes::{array, byte, put};
use crate::checksum::Change;
use crate::packet::{IpPacket, Payload};
use crate::rewrite::{self, RewriteError};
use crate::{ethernet, icmp, ipv4, ipv6};

/// Turns an echo request into its reply: addresses swapped, TTL fresh, data and damage kept.
///
/// Swapped addresses sum up as before, so only type and TTL change checksums. IPv4 options stay in
/// place, as RFC 1122 §3.2.2.6 allows for all but source routes, which are refused on arrival.
///
/// # Errors
/// `Payload` when it is no echo request, is fragmented, or was sent to a group, whose address cannot
/// be a source.
pub fn echo_reply_in_place(frame: &mut [u8], packet: &IpPacket) -> Result<(), RewriteError> {
    let unicast = !packet.dst_mac.is_group() && !packet.dst.is_multicast();
    let answerable = matches!(packet.payload, Payload::Echo { request: true, .. });
    if !answerable || !unicast || packet.fragment.is_some() {
        return Err(RewriteError::Payload);
    }
    reply(frame, packet).ok_or(RewriteError::Frame)
}

fn reply(frame: &mut [u8], packet: &IpPacket) -> Option<()> {
    let l3 = packet.layout.l3;
    let (kind, old_kind) = match packet.src {
        IpAddr::V4(_) => {
            swap::<4>(frame, l3 + ipv4::at::SOURCE, l3 + ipv4::at::DESTINATION)?;
            rewrite::set_ttl_v4(frame, l3, TTL)?;
            (icmp::v4::ECHO_REPLY, icmp::v4::ECHO_REQUEST)
        }
        IpAddr::V6(_) => {
            swap::<16>(frame, l3 + ipv6::at::SOURCE, l3 + ipv6::at::DESTINATION)?;
            put(frame, l3 + ipv6::at::HOP_LIMIT, [TTL])?;
            (icmp::v6::ECHO_REPLY, icmp::v6::ECHO_REQUEST)
        }
    };
    let header = ethernet::Header::parse(frame)?.0;
    rewrite::set_macs(frame, header.src, header.dst);
    let message = frame.get_mut(packet.layout.l4..packet.layout.end)?;
    let code = byte(message, 1)?;
    let change = Change::none().word(
        u16::from_be_bytes([old_kind, code]),
        u16::from_be_bytes([kind, code]),
    );
    put(message, 0, [kind])?;
    icmp::change_checksum(message, change)
}

fn swap<const N: usize>(frame: &mut [u8], a: usize, b: usize) -> Option<()> {
    let (first, second) = (array::<N>(frame, a)?, array::<N>(frame, b)?);
    put(frame, a, second)?;
    put(frame, b, first)
}
