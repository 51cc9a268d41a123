//! Addresses and TTL of an IP header, wherever in a frame it stands.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::RewriteError;
use crate::bytes::{array, be16, put, put16};
use crate::checksum::Change;
use crate::{ipv4, ipv6};

/// Writes both addresses of the IP header at `l3`, with IPv4's header checksum, and says what that
/// does to a checksum over a pseudo-header.
#[inline]
pub(super) fn addresses(
    frame: &mut [u8],
    l3: usize,
    src: IpAddr,
    dst: IpAddr,
) -> Result<Change, RewriteError> {
    let header = frame.get_mut(l3..).ok_or(RewriteError::Frame)?;
    let version = header.first().ok_or(RewriteError::Frame)? >> 4;
    match (version, src, dst) {
        (4, IpAddr::V4(src), IpAddr::V4(dst)) => v4(header, src, dst).ok_or(RewriteError::Frame),
        (6, IpAddr::V6(src), IpAddr::V6(dst)) => v6(header, src, dst).ok_or(RewriteError::Frame),
        _ => Err(RewriteError::Family),
    }
}

#[inline]
fn v4(header: &mut [u8], src: Ipv4Addr, dst: Ipv4Addr) -> Option<Change> {
    let header = header.first_chunk_mut::<{ ipv4::HEADER_LEN }>()?;
    let old_src = Ipv4Addr::from_octets(array(header, ipv4::at::SOURCE)?);
    let old_dst = Ipv4Addr::from_octets(array(header, ipv4::at::DESTINATION)?);
    let change = Change::none().v4(old_src, src).v4(old_dst, dst);
    let checksum = be16(header, ipv4::at::CHECKSUM)?;
    put16(header, ipv4::at::CHECKSUM, change.apply(checksum))?;
    put(header, ipv4::at::SOURCE, src.octets())?;
    put(header, ipv4::at::DESTINATION, dst.octets())?;
    Some(change)
}

#[inline]
fn v6(header: &mut [u8], src: Ipv6Addr, dst: Ipv6Addr) -> Option<Change> {
    let header = header.first_chunk_mut::<{ ipv6::HEADER_LEN }>()?;
    let old_src = Ipv6Addr::from_octets(array(header, ipv6::at::SOURCE)?);
    let old_dst = Ipv6Addr::from_octets(array(header, ipv6::at::DESTINATION)?);
    put(header, ipv6::at::SOURCE, src.octets())?;
    put(header, ipv6::at::DESTINATION, dst.octets())?;
    Some(Change::none().v6(old_src, src).v6(old_dst, dst))
}

/// Sets the TTL of the IPv4 header at `l3`, whose neighbour in its checksum word is the protocol.
#[inline]
pub(crate) fn set_ttl(frame: &mut [u8], l3: usize, ttl: u8) -> Option<()> {
    let header = frame
        .get_mut(l3..)?
        .first_chunk_mut::<{ ipv4::HEADER_LEN }>()?;
    let [old, protocol] = array(header, ipv4::at::TTL)?;
    let word = |ttl| u16::from_be_bytes([ttl, protocol]);
    let checksum = be16(header, ipv4::at::CHECKSUM)?;
    let changed = Change::none().word(word(old), word(ttl)).apply(checksum);
    put16(header, ipv4::at::CHECKSUM, changed)?;
    put(header, ipv4::at::TTL, [ttl])
}
