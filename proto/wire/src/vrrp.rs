//! VRRPv3 advertisements (RFC 9568 §5.2) with the receive checks of §7.1 in their order; version 2
//! (RFC 3768) is recognised, so that an operator learns who still speaks it.
//!
//! Writing whole frames is [`crate::build::vrrp_advertisement_v4`] and its sister for IPv6.

use std::net::{Ipv4Addr, Ipv6Addr};

use types::{Protocol, Vrid};

use crate::bytes::{array, byte};
use crate::checksum::Sum;

/// Where IPv4 advertisements go.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Where IPv6 advertisements go.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// The TTL or hop limit that proves a sender on this link.
pub const TTL: u8 = 255;
/// Length of the fields before the addresses.
pub const HEADER_LEN: usize = 8;
/// The largest Max Advertise Interval, in centiseconds: twelve bits.
pub const MAX_INTERVAL_CS: u16 = 0x0fff;

const VERSION_3_ADVERTISEMENT: u8 = 0x31;
pub(crate) const CHECKSUM: usize = 6;

/// An advertisement but for its addresses, whose family differs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Header {
    /// The virtual router.
    pub vrid: Vrid,
    /// 255 owner, 1–254 others, 0 "I am leaving".
    pub priority: u8,
    /// In centiseconds, 1 to 4095.
    pub max_advertise_interval: u16,
}

/// An advertisement; `A` is the family's address.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Advertisement<A> {
    /// Virtual router, priority, interval.
    pub header: Header,
    /// The virtual addresses; in IPv6 the first is link-local.
    pub addresses: Vec<A>,
    /// How its checksum was taken.
    pub checksum_form: ChecksumForm,
}

/// What an IPv4 advertisement's checksum covers; IPv6 always has the pseudo-header.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ChecksumForm {
    /// The message alone (RFC 9568 §5.2.8).
    #[default]
    Message,
    /// The pseudo-header too, as keepalived and FRR do by default.
    PseudoHeader,
}

/// The IP header's part in the receive checks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Carrier<A> {
    /// The sender, whose address also decides between equal priorities.
    pub src: A,
    /// Where it was sent: the group, or this node in unicast deployments.
    pub dst: A,
    /// TTL or hop limit as it arrived.
    pub ttl: u8,
}

/// The first receive check that a packet failed (RFC 9568 §7.1); it must be discarded.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReceiveError {
    /// Passed on by a router, or forged from afar.
    #[error("TTL or hop limit {0} instead of 255")]
    Ttl(u8),
    /// See [`parse_v2`] when it is 2.
    #[error("VRRP version {0} instead of 3")]
    Version(u8),
    /// Only ADVERTISEMENT, 1, exists.
    #[error("VRRP type {0} is not an advertisement")]
    Type(u8),
    /// Fixed fields or addresses are cut off.
    #[error("{found} bytes instead of {expected}")]
    Incomplete {
        /// What its count asks for.
        expected: usize,
        /// What arrived.
        found: usize,
    },
    /// Damaged on its way.
    #[error("the checksum is wrong")]
    Checksum,
    /// Of a virtual router that is not ours.
    #[error("virtual router {0} is not configured here")]
    Vrid(u8),
    /// No address (erratum 8299).
    #[error("the advertisement has no address")]
    NoAddress,
    /// Interval zero (erratum 8301).
    #[error("the advertisement interval is zero")]
    NoInterval,
    /// The first IPv6 address must be link-local (erratum 8300).
    #[error("the first address {0} is not link-local")]
    NotLinkLocal(Ipv6Addr),
}

/// Reads an IPv4 VRRP message; `configured` says whether a virtual router is ours on the interface.
///
/// Both forms of the checksum are accepted, the RFC's first.
pub fn parse_v4(
    carrier: Carrier<Ipv4Addr>,
    message: &[u8],
    configured: impl Fn(Vrid) -> bool,
) -> Result<Advertisement<Ipv4Addr>, ReceiveError> {
    let checked = check_fixed::<4>(carrier.ttl, message)?;
    let plain = Sum::new().bytes(checked.message);
    let length = u32::from(checked.count) * 4 + 8;
    let pseudo = plain.pseudo_v4((carrier.src, carrier.dst), Protocol::VRRP, length);
    let checksum_form = if plain.is_intact() {
        ChecksumForm::Message
    } else if pseudo.is_intact() {
        ChecksumForm::PseudoHeader
    } else {
        return Err(ReceiveError::Checksum);
    };
    let header = checked.header(configured)?;
    let addresses = checked.addresses.iter().copied().map(Ipv4Addr::from_octets);
    Ok(Advertisement {
        header,
        addresses: addresses.collect(),
        checksum_form,
    })
}

/// Reads an IPv6 VRRP message; `configured` says whether a virtual router is ours on the interface.
pub fn parse_v6(
    carrier: Carrier<Ipv6Addr>,
    message: &[u8],
    configured: impl Fn(Vrid) -> bool,
) -> Result<Advertisement<Ipv6Addr>, ReceiveError> {
    let checked = check_fixed::<16>(carrier.ttl, message)?;
    let length = u32::from(checked.count) * 16 + 8;
    let sum = Sum::new().pseudo_v6((carrier.src, carrier.dst), Protocol::VRRP, length);
    if !sum.bytes(checked.message).is_intact() {
        return Err(ReceiveError::Checksum);
    }
    let header = checked.header(configured)?;
    let addresses: Vec<_> = checked
        .addresses
        .iter()
        .copied()
        .map(Ipv6Addr::from_octets)
        .collect();
    match addresses.first() {
        Some(first) if !first.is_unicast_link_local() => Err(ReceiveError::NotLinkLocal(*first)),
        Some(_) | None => {
            let checksum_form = ChecksumForm::PseudoHeader;
            Ok(Advertisement {
                header,
                addresses,
                checksum_form,
            })
        }
    }
}

/// A message whose TTL, version, type and length are right; `N` is the length of an address.
struct Checked<'a, const N: usize> {
    count: u8,
    message: &'a [u8],
    addresses: &'a [[u8; N]],
}

fn check_fixed<const N: usize>(ttl: u8, bytes: &[u8]) -> Result<Checked<'_, N>, ReceiveError> {
    if ttl != TTL {
        return Err(ReceiveError::Ttl(ttl));
    }
    let found = bytes.len();
    let incomplete = |expected| ReceiveError::Incomplete { expected, found };
    let first = byte(bytes, 0).ok_or(incomplete(HEADER_LEN))?;
    match (first >> 4, first & 0x0f) {
        (3, 1) => {}
        (3, other) => return Err(ReceiveError::Type(other)),
        (version, _) => return Err(ReceiveError::Version(version)),
    }
    let count = byte(bytes, 3).ok_or(incomplete(HEADER_LEN))?;
    let expected = HEADER_LEN + usize::from(count) * N;
    // Bytes behind the last address are no part of the message and outside its checksum.
    let message = bytes.get(..expected).ok_or(incomplete(expected))?;
    let (addresses, _) = message.get(HEADER_LEN..).unwrap_or(&[]).as_chunks::<N>();
    Ok(Checked {
        count,
        message,
        addresses,
    })
}

impl<const N: usize> Checked<'_, N> {
    /// The checks behind the checksum's, but for IPv6's first address.
    fn header(&self, configured: impl Fn(Vrid) -> bool) -> Result<Header, ReceiveError> {
        let [_, vrid, priority, count, high, low] =
            array(self.message, 0).ok_or(ReceiveError::Checksum)?;
        let vrid = Vrid::new(vrid)
            .filter(|vrid| configured(*vrid))
            .ok_or(ReceiveError::Vrid(vrid))?;
        if count == 0 {
            return Err(ReceiveError::NoAddress);
        }
        // The four bits above the interval are reserved and ignored (§5.2.6).
        match u16::from_be_bytes([high, low]) & MAX_INTERVAL_CS {
            0 => Err(ReceiveError::NoInterval),
            max_advertise_interval => Ok(Header {
                vrid,
                priority,
                max_advertise_interval,
            }),
        }
    }
}

/// Appends a message whose checksum is still zero; whoever calls has counted the addresses.
pub(crate) fn write<const N: usize>(
    header: Header,
    count: u8,
    addresses: impl Iterator<Item = [u8; N]>,
    out: &mut Vec<u8>,
) {
    let interval = header.max_advertise_interval.min(MAX_INTERVAL_CS);
    out.extend_from_slice(&[
        VERSION_3_ADVERTISEMENT,
        header.vrid.get(),
        header.priority,
        count,
    ]);
    out.extend_from_slice(&interval.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    for address in addresses {
        out.extend_from_slice(&address);
    }
}

/// What a VRRPv2 router says, for people: we neither answer nor obey it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct VersionTwo {
    /// The virtual router.
    pub vrid: Vrid,
    /// Its priority.
    pub priority: u8,
    /// Its interval in seconds.
    pub interval_s: u8,
}

/// Reads an intact VRRPv2 advertisement (RFC 3768 §5.1); `None` for anything else.
pub fn parse_v2(message: &[u8]) -> Option<VersionTwo> {
    let [0x21, vrid, priority, count, _, interval_s] = array(message, 0)? else {
        return None;
    };
    // Eight bytes of authentication data follow the addresses, also when there is none.
    let message = message.get(..HEADER_LEN + usize::from(count) * 4 + 8)?;
    if !Sum::new().bytes(message).is_intact() {
        return None;
    }
    Some(VersionTwo {
        vrid: Vrid::new(vrid)?,
        priority,
        interval_s,
    })
}
