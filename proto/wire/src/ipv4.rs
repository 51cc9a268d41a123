//! IPv4's header (RFC 791): verified whole, options walked, nothing kept but what forwarding needs.

use std::net::Ipv4Addr;

use types::{DropReason, Protocol};

use crate::bytes::{array, be16, byte};
use crate::checksum::Sum;

/// Length of a header without options.
pub const HEADER_LEN: usize = 20;
/// Where fields stand that are rewritten in place.
pub(crate) mod at {
    pub(crate) const TTL: usize = 8;
    pub(crate) const CHECKSUM: usize = 10;
    pub(crate) const SOURCE: usize = 12;
    pub(crate) const DESTINATION: usize = 16;
}

/// What the header says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Type of service: DSCP and ECN.
    pub tos: u8,
    /// Header length with options, 20 to 60.
    pub header_len: usize,
    /// Length of the whole packet.
    pub total_len: usize,
    /// Identification, shared by the fragments of a datagram.
    pub id: u16,
    /// Must not be fragmented.
    pub dont_fragment: bool,
    /// More fragments follow.
    pub more_fragments: bool,
    /// Where this fragment's data belongs, in bytes.
    pub fragment_offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// What the packet carries.
    pub protocol: Protocol,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
}

impl Header {
    /// Reads a header that arrived here: lengths, checksum and options must be right.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, DropReason> {
        let header = Self::parse_quoted(packet).ok_or(DropReason::Malformed)?;
        let malformed = header.total_len < header.header_len || header.total_len > packet.len();
        let bytes = packet
            .get(..header.header_len)
            .filter(|_| !malformed)
            .ok_or(DropReason::Malformed)?;
        match bytes.split_first_chunk::<HEADER_LEN>() {
            Some((fixed, [])) if Sum::new().bytes(fixed).is_intact() => Ok(header),
            Some((_, options)) if Sum::new().bytes(bytes).is_intact() => {
                check_options(options).map(|()| header)
            }
            Some(_) => Err(DropReason::BadChecksum),
            None => Err(DropReason::Malformed),
        }
    }

    /// Reads a header that an ICMP error quotes: its checksum may be wrong (routers quote after they
    /// have changed the TTL) and its packet is usually cut off.
    #[inline]
    pub fn parse_quoted(packet: &[u8]) -> Option<Self> {
        let bytes = packet.first_chunk::<HEADER_LEN>()?;
        let version_and_length = byte(bytes, 0)?;
        let header_len = usize::from(version_and_length & 0x0f) * 4;
        if version_and_length >> 4 != 4 || header_len < HEADER_LEN || header_len > packet.len() {
            return None;
        }
        let flags = be16(bytes, 6)?;
        Some(Self {
            tos: byte(bytes, 1)?,
            header_len,
            total_len: usize::from(be16(bytes, 2)?),
            id: be16(bytes, 4)?,
            dont_fragment: flags & 0x4000 != 0,
            more_fragments: flags & 0x2000 != 0,
            fragment_offset: (flags & 0x1fff) << 3,
            ttl: byte(bytes, at::TTL)?,
            protocol: Protocol(byte(bytes, 9)?),
            src: Ipv4Addr::from_octets(array(bytes, at::SOURCE)?),
            dst: Ipv4Addr::from_octets(array(bytes, at::DESTINATION)?),
        })
    }
}

/// An option: its kind, and all of its bytes.
type Kinded<'a> = (u8, &'a [u8]);

/// The options of a header, each with its kind; `Err` where they contradict themselves.
pub(crate) fn options(mut bytes: &[u8]) -> impl Iterator<Item = Result<Kinded<'_>, DropReason>> {
    core::iter::from_fn(move || {
        let (kind, _) = bytes.split_first()?;
        let length = match *kind {
            END_OF_OPTIONS => return None,
            NO_OPERATION => 1,
            _ => bytes.get(1).map_or(0, |length| usize::from(*length).max(1)),
        };
        let valid = length >= 2 || *kind == NO_OPERATION;
        let Some((option, rest)) = bytes.split_at_checked(length).filter(|_| valid) else {
            bytes = &[];
            return Some(Err(DropReason::Malformed));
        };
        bytes = rest;
        Some(Ok((*kind, option)))
    })
}

const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;

/// Options may be what they like, but a sender does not choose its way past a policy (RFC 7126 §4.3,
/// §4.4).
#[cold]
fn check_options(bytes: &[u8]) -> Result<(), DropReason> {
    for option in options(bytes) {
        if let (LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE, _) = option? {
            return Err(DropReason::UnsupportedExtension);
        }
    }
    Ok(())
}

/// A header without options to be written: what differs between the packets that we originate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) tos: u8,
    pub(crate) ttl: u8,
    pub(crate) protocol: Protocol,
    pub(crate) src: Ipv4Addr,
    pub(crate) dst: Ipv4Addr,
}

impl Outgoing {
    /// Appends a header for `payload_len` bytes. What we originate is never fragmented on its way:
    /// so "don't fragment" is set and the identification may be zero (RFC 6864 §4.1).
    pub(crate) fn write(&self, payload_len: u16, out: &mut Vec<u8>) {
        let [length_high, length_low] = payload_len.saturating_add(20).to_be_bytes();
        let [a, b, c, d] = self.src.octets();
        let [e, f, g, h] = self.dst.octets();
        let mut header = [
            0x45,
            self.tos,
            length_high,
            length_low,
            0,
            0,
            0x40,
            0,
            self.ttl,
            self.protocol.0,
            0,
            0,
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
        ];
        let checksum = Sum::new().bytes(&header).checksum();
        [header[10], header[11]] = checksum.to_be_bytes();
        out.extend_from_slice(&header);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(options: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let outgoing = Outgoing {
            tos: 0,
            ttl: 64,
            protocol: Protocol::UDP,
            src: Ipv4Addr::new(192, 0, 2, 1),
            dst: Ipv4Addr::new(198, 51, 100, 1),
        };
        outgoing.write(u16::try_from(options.len()).unwrap(), &mut bytes);
        bytes.extend_from_slice(options);
        bytes[0] = 0x40 | u8::try_from(bytes.len() / 4).unwrap();
        bytes[10..12].fill(0);
        let checksum = Sum::new().bytes(&bytes).checksum();
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    #[test]
    fn a_header_with_options_is_accepted_and_a_source_route_is_not() {
        let router_alert = [148, 4, 0, 0];
        assert_eq!(
            Header::parse(&header(&router_alert)).unwrap().header_len,
            24
        );
        assert!(Header::parse(&header(&[1, 1, 0, 9])).is_ok());
        for route in [[131, 4, 4, 0], [137, 3, 4, 0]] {
            let reason = Header::parse(&header(&route));
            assert_eq!(reason, Err(DropReason::UnsupportedExtension));
        }
        for broken in [[7, 0, 0, 0], [7, 1, 0, 0], [7, 5, 0, 0], [1, 1, 1, 7]] {
            let reason = Header::parse(&header(&broken));
            assert_eq!(reason, Err(DropReason::Malformed), "{broken:?}");
        }
    }

    #[test]
    fn version_lengths_and_checksum_are_verified() {
        let good = header(&[]);
        assert!(Header::parse(&good).is_ok());
        assert_eq!(Header::parse(&good[..19]), Err(DropReason::Malformed));
        let corrupt = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            Header::parse(&bytes)
        };
        assert_eq!(corrupt(0, 0x65), Err(DropReason::Malformed));
        assert_eq!(corrupt(0, 0x44), Err(DropReason::Malformed));
        assert_eq!(corrupt(0, 0x46), Err(DropReason::Malformed));
        assert_eq!(corrupt(3, 19), Err(DropReason::Malformed));
        assert_eq!(corrupt(3, 21), Err(DropReason::Malformed));
        assert_eq!(corrupt(8, 63), Err(DropReason::BadChecksum));
    }
}
