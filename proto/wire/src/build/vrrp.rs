//! Advertisements as whole frames from the virtual MAC (RFC 9568 §5.1, §7.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use types::{MacAddr, Protocol};

use super::{Covers, Envelope, TOS_CONTROL};
use crate::vrrp::{self, CHECKSUM, ChecksumForm, GROUP_V4, GROUP_V6, HEADER_LEN, Header, TTL};

/// More addresses than the count's eight bits can say.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} addresses, but an advertisement carries at most 255")]
pub struct TooManyAddresses(pub usize);

/// An advertisement of `addresses`, sent from `src`, the primary address of the interface.
///
/// # Errors
/// More than 255 addresses; `out` is then empty.
pub fn vrrp_advertisement_v4(
    out: &mut Vec<u8>,
    src: Ipv4Addr,
    header: Header,
    addresses: &[Ipv4Addr],
    form: ChecksumForm,
) -> Result<(), TooManyAddresses> {
    let envelope = Envelope {
        dst_mac: MacAddr::multicast_v4(GROUP_V4),
        src_mac: MacAddr::virtual_v4(header.vrid),
        src: IpAddr::V4(src),
        dst: IpAddr::V4(GROUP_V4),
        protocol: Protocol::VRRP,
        tos: TOS_CONTROL,
        ttl: TTL,
    };
    let covers = match form {
        ChecksumForm::Message => Covers::Message,
        ChecksumForm::PseudoHeader => Covers::PseudoHeader,
    };
    let octets = addresses.iter().map(Ipv4Addr::octets);
    frame(out, &envelope, header, octets, covers)
}

/// An advertisement of `addresses`, the first of which must be link-local, sent from `src`, the
/// link-local address of the interface.
///
/// # Errors
/// More than 255 addresses; `out` is then empty.
pub fn vrrp_advertisement_v6(
    out: &mut Vec<u8>,
    src: Ipv6Addr,
    header: Header,
    addresses: &[Ipv6Addr],
) -> Result<(), TooManyAddresses> {
    let envelope = Envelope {
        dst_mac: MacAddr::multicast_v6(GROUP_V6),
        src_mac: MacAddr::virtual_v6(header.vrid),
        src: IpAddr::V6(src),
        dst: IpAddr::V6(GROUP_V6),
        protocol: Protocol::VRRP,
        tos: TOS_CONTROL,
        ttl: TTL,
    };
    let octets = addresses.iter().map(Ipv6Addr::octets);
    frame(out, &envelope, header, octets, Covers::PseudoHeader)
}

fn frame<const N: usize>(
    out: &mut Vec<u8>,
    envelope: &Envelope,
    header: Header,
    addresses: impl ExactSizeIterator<Item = [u8; N]>,
    covers: Covers,
) -> Result<(), TooManyAddresses> {
    let count = addresses.len();
    let written = u8::try_from(count).ok().and_then(|count| {
        let length = u16::try_from(HEADER_LEN + usize::from(count) * N).ok()?;
        envelope.write(length, out)?;
        vrrp::write(header, count, addresses, out);
        envelope.seal(CHECKSUM, covers, out)
    });
    written.ok_or_else(|| {
        out.clear();
        TooManyAddresses(count)
    })
}
