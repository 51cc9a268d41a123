//! IPv6's header (RFC 8200 §3) and the extension headers that a router may meet on the way to the
//! transport header: hop-by-hop and destination options, fragment, and spent routing headers.

use std::net::Ipv6Addr;

use types::{DropReason, Protocol};

use crate::bytes::{array, be16, be32, byte};

/// Length of the fixed header.
pub const HEADER_LEN: usize = 40;
/// Where fields stand that are rewritten in place.
pub(crate) mod at {
    pub(crate) const HOP_LIMIT: usize = 7;
    pub(crate) const SOURCE: usize = 8;
    pub(crate) const DESTINATION: usize = 24;
}

/// More extension headers than this are no traffic but an attack on whoever walks them (RFC 9673
/// lets a router say so).
const MAX_EXTENSIONS: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// What the fixed header says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Traffic class: DSCP and ECN.
    pub traffic_class: u8,
    /// Length of everything behind the fixed header.
    pub payload_len: usize,
    /// What follows: an extension header or a transport.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
}

impl Header {
    /// Reads the fixed header; `None` when it is cut off or of another version. Whether the payload
    /// is complete is for the caller: an ICMP error's quotation is not.
    #[inline]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let header = packet.first_chunk::<HEADER_LEN>()?;
        let first = be16(header, 0)?;
        if first >> 12 != 6 {
            return None;
        }
        let [traffic_class, _] = (first << 4).to_be_bytes();
        Some(Self {
            traffic_class,
            payload_len: usize::from(be16(header, 4)?),
            next_header: byte(header, 6)?,
            hop_limit: byte(header, at::HOP_LIMIT)?,
            src: Ipv6Addr::from_octets(array(header, at::SOURCE)?),
            dst: Ipv6Addr::from_octets(array(header, at::DESTINATION)?),
        })
    }
}

/// A fragment header (RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fragment {
    /// Identification, shared by the fragments of a datagram.
    pub id: u32,
    /// Where this fragment's data belongs, in bytes.
    pub offset: u16,
    /// More fragments follow.
    pub more: bool,
}

/// Where the walk over the extension headers ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Upper {
    /// The transport, or whatever the walk does not go into.
    pub protocol: Protocol,
    /// Where it begins, counted from the fixed header's end.
    pub offset: usize,
    /// The fragment header, when there was one.
    pub fragment: Option<Fragment>,
}

/// Walks the extension headers in `payload`, which begins behind the fixed header.
///
/// Behind a later fragment's header stands the middle of a message: the walk ends there, and
/// `protocol` is what the fragmented part began with.
#[inline]
pub fn upper(next_header: u8, payload: &[u8]) -> Result<Upper, DropReason> {
    match next_header {
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS => walk(next_header, payload),
        _ => Ok(Upper {
            protocol: Protocol(next_header),
            offset: 0,
            fragment: None,
        }),
    }
}

fn walk(first: u8, payload: &[u8]) -> Result<Upper, DropReason> {
    let mut next = first;
    let mut offset = 0;
    let mut fragment = None;
    for count in 0..=MAX_EXTENSIONS {
        let extension = payload.get(offset..).ok_or(DropReason::Malformed)?;
        match next {
            // Only the first header may be read by every hop (RFC 8200 §4.1).
            HOP_BY_HOP if count > 0 => return Err(DropReason::Malformed),
            HOP_BY_HOP | DESTINATION_OPTIONS => {}
            ROUTING => check_routing(extension)?,
            FRAGMENT if fragment.is_some() => return Err(DropReason::Malformed),
            FRAGMENT => {
                let parsed = parse_fragment(extension).ok_or(DropReason::Malformed)?;
                fragment = Some(parsed);
                if parsed.offset > 0 {
                    let protocol = Protocol(byte(extension, 0).ok_or(DropReason::Malformed)?);
                    return Ok(Upper {
                        protocol,
                        offset: offset + 8,
                        fragment,
                    });
                }
            }
            upper => {
                let protocol = Protocol(upper);
                return Ok(Upper {
                    protocol,
                    offset,
                    fragment,
                });
            }
        }
        let [following, length] = array(extension, 0).ok_or(DropReason::Malformed)?;
        // The second byte counts 8-byte units behind the first; a fragment header has none.
        let units = if next == FRAGMENT {
            0
        } else {
            usize::from(length)
        };
        next = following;
        offset += (units + 1) * 8;
        if offset > payload.len() {
            return Err(DropReason::Malformed);
        }
    }
    Err(DropReason::UnsupportedExtension)
}

/// Type 0 is forbidden (RFC 5095). Any other that still has segments to visit hides the destination
/// that the transport checksum covers, so its address cannot be translated.
fn check_routing(extension: &[u8]) -> Result<(), DropReason> {
    let [_, _, kind, segments_left] = array(extension, 0).ok_or(DropReason::Malformed)?;
    if kind == 0 || segments_left > 0 {
        return Err(DropReason::UnsupportedExtension);
    }
    Ok(())
}

fn parse_fragment(extension: &[u8]) -> Option<Fragment> {
    let offset = be16(extension, 2)?;
    Some(Fragment {
        id: be32(extension, 4)?,
        offset: offset & 0xfff8,
        more: offset & 1 != 0,
    })
}

/// A header to be written: what differs between the packets that we originate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) traffic_class: u8,
    pub(crate) hop_limit: u8,
    pub(crate) protocol: Protocol,
    pub(crate) src: Ipv6Addr,
    pub(crate) dst: Ipv6Addr,
}

impl Outgoing {
    /// Appends a header for `payload_len` bytes, flow label zero.
    pub(crate) fn write(&self, payload_len: u16, out: &mut Vec<u8>) {
        let first = 0x6000_0000 | u32::from(self.traffic_class) << 20;
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&payload_len.to_be_bytes());
        out.extend_from_slice(&[self.protocol.0, self.hop_limit]);
        out.extend_from_slice(&self.src.octets());
        out.extend_from_slice(&self.dst.octets());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_ends_at_the_transport_and_remembers_the_fragment() {
        let mut payload = vec![FRAGMENT, 0, 5, 2, 0, 0, 1, 0];
        payload.extend_from_slice(&[DESTINATION_OPTIONS, 0, 0, 1, 0, 0, 0, 9]);
        payload.extend_from_slice(&[17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        payload.extend_from_slice(&[0; 8]);
        let expected = Upper {
            protocol: Protocol::UDP,
            offset: 32,
            fragment: Some(Fragment {
                id: 9,
                offset: 0,
                more: true,
            }),
        };
        assert_eq!(upper(HOP_BY_HOP, &payload), Ok(expected));
        // The same as a later fragment: nothing behind its fragment header is a header.
        payload[10..12].copy_from_slice(&[0x01, 0x00]);
        let expected = Upper {
            protocol: Protocol(DESTINATION_OPTIONS),
            offset: 16,
            fragment: Some(Fragment {
                id: 9,
                offset: 256,
                more: false,
            }),
        };
        assert_eq!(upper(HOP_BY_HOP, &payload), Ok(expected));
    }

    #[test]
    fn routing_headers_pass_only_when_spent_and_never_as_type_0() {
        let routing = |kind, left| upper(ROUTING, &[6, 0, kind, left, 0, 0, 0, 0]).map(|_| ());
        assert_eq!(routing(0, 0), Err(DropReason::UnsupportedExtension));
        assert_eq!(routing(4, 1), Err(DropReason::UnsupportedExtension));
        assert_eq!(routing(4, 0), Ok(()));
    }

    #[test]
    fn chains_that_are_cut_off_misplaced_or_endless_are_refused() {
        let options = [DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0];
        assert_eq!(upper(HOP_BY_HOP, &[17, 0, 0]), Err(DropReason::Malformed));
        assert_eq!(
            upper(HOP_BY_HOP, &[17, 1, 0, 0, 0, 0, 0, 0]),
            Err(DropReason::Malformed)
        );
        let misplaced = [[HOP_BY_HOP, 0, 1, 4, 0, 0, 0, 0], options].concat();
        assert_eq!(
            upper(DESTINATION_OPTIONS, &misplaced),
            Err(DropReason::Malformed)
        );
        let twice = [[FRAGMENT, 0, 0, 1, 0, 0, 0, 1]; 2].concat();
        assert_eq!(upper(FRAGMENT, &twice), Err(DropReason::Malformed));
        let endless = options.repeat(MAX_EXTENSIONS + 1);
        assert_eq!(
            upper(DESTINATION_OPTIONS, &endless),
            Err(DropReason::UnsupportedExtension)
        );
    }
}
