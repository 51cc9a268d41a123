//! From bytes to [`Frame`].

use std::net::IpAddr;

use types::{DropReason, Protocol};

use super::{Fragment, Frame, IcmpError, IpPacket, Layout, Payload, quoted};
use crate::bytes::array;
use crate::ethernet::{self, EtherType};
use crate::{arp, checksum, icmp, ipv4, ipv6, ndp, tcp, udp};

/// Reads a frame. Bytes behind the IP packet are Ethernet padding and ignored.
///
/// # Errors
/// `UnknownEtherType`; `Malformed` for anything cut off or contradictory, including fragments that
/// hide part of their transport header (RFC 1858, RFC 3128, RFC 7112) or reach beyond 65 535 bytes;
/// `BadChecksum` for an IPv4 header, ICMP error or Neighbor Discovery message whose checksum is
/// wrong; `UnsupportedExtension` for source routes and over-long chains of extension headers.
#[inline]
pub fn parse(frame: &[u8]) -> Result<Frame, DropReason> {
    let (ethernet, packet) = ethernet::Header::parse(frame).ok_or(DropReason::Malformed)?;
    match ethernet.ether_type {
        EtherType::IPV4 => parse_v4(&ethernet, packet).map(Frame::Ip),
        EtherType::IPV6 => parse_v6(&ethernet, packet).map(Frame::Ip),
        EtherType::ARP => arp::Packet::parse(packet)
            .map(Frame::Arp)
            .ok_or(DropReason::Malformed),
        _ => Err(DropReason::UnknownEtherType),
    }
}

#[inline]
fn parse_v4(ethernet: &ethernet::Header, packet: &[u8]) -> Result<IpPacket, DropReason> {
    let header = ipv4::Header::parse(packet)?;
    let message = packet
        .get(header.header_len..header.total_len)
        .ok_or(DropReason::Malformed)?;
    let is_fragment = header.more_fragments || header.fragment_offset > 0;
    let fragment = is_fragment.then_some(Fragment {
        id: u32::from(header.id),
        offset: header.fragment_offset,
        more: header.more_fragments,
    });
    let upper = Upper {
        src: IpAddr::V4(header.src),
        dst: IpAddr::V4(header.dst),
        ttl: header.ttl,
        protocol: header.protocol,
        fragment,
        at: ethernet::HEADER_LEN + header.header_len,
        message,
    };
    let payload = upper.payload()?;
    Ok(IpPacket {
        src_mac: ethernet.src,
        dst_mac: ethernet.dst,
        src: upper.src,
        dst: upper.dst,
        tos: header.tos,
        ttl: header.ttl,
        protocol: header.protocol,
        fragment,
        dont_fragment: header.dont_fragment,
        layout: Layout {
            l3: ethernet::HEADER_LEN,
            l4: upper.at,
            end: ethernet::HEADER_LEN + header.total_len,
        },
        payload,
    })
}

#[inline]
fn parse_v6(ethernet: &ethernet::Header, packet: &[u8]) -> Result<IpPacket, DropReason> {
    let header = ipv6::Header::parse(packet).ok_or(DropReason::Malformed)?;
    let total_len = ipv6::HEADER_LEN + header.payload_len;
    let extended = packet
        .get(ipv6::HEADER_LEN..total_len)
        .ok_or(DropReason::Malformed)?;
    let found = ipv6::upper(header.next_header, extended)?;
    let message = extended.get(found.offset..).ok_or(DropReason::Malformed)?;
    let upper = Upper {
        src: IpAddr::V6(header.src),
        dst: IpAddr::V6(header.dst),
        ttl: header.hop_limit,
        protocol: found.protocol,
        fragment: found
            .fragment
            .filter(|fragment| fragment.more || fragment.offset > 0),
        at: ethernet::HEADER_LEN + ipv6::HEADER_LEN + found.offset,
        message,
    };
    let payload = upper.payload()?;
    Ok(IpPacket {
        src_mac: ethernet.src,
        dst_mac: ethernet.dst,
        src: upper.src,
        dst: upper.dst,
        tos: header.traffic_class,
        ttl: header.hop_limit,
        protocol: found.protocol,
        fragment: upper.fragment,
        dont_fragment: true,
        layout: Layout {
            l3: ethernet::HEADER_LEN,
            l4: upper.at,
            end: ethernet::HEADER_LEN + total_len,
        },
        payload,
    })
}

/// What stands behind the IP header, with what its meaning depends on.
struct Upper<'a> {
    src: IpAddr,
    dst: IpAddr,
    ttl: u8,
    protocol: Protocol,
    fragment: Option<Fragment>,
    /// Where `message` begins in the frame.
    at: usize,
    message: &'a [u8],
}

impl Upper<'_> {
    #[inline]
    fn payload(&self) -> Result<Payload, DropReason> {
        if let Some(fragment) = self.fragment {
            self.check_fragment(fragment)?;
            if fragment.offset > 0 {
                return Ok(Payload::LaterFragment);
            }
        }
        match (self.protocol, self.src) {
            (Protocol::TCP, _) => self.tcp(),
            (Protocol::UDP, _) => self.udp(),
            (Protocol::ICMP, IpAddr::V4(_)) => self.icmp_v4(),
            (Protocol::ICMPV6, IpAddr::V6(_)) => self.icmp_v6(),
            (Protocol::VRRP, _) => Ok(Payload::Vrrp),
            _ => Ok(Payload::Other),
        }
    }

    /// Fragments that no sender makes and no receiver should put together.
    #[cold]
    fn check_fragment(&self, fragment: Fragment) -> Result<(), DropReason> {
        let length = self.message.len();
        let empty = length == 0;
        // All but the last end on a boundary of 8 bytes, where the next one begins.
        let uneven = fragment.more && !length.is_multiple_of(8);
        let too_far = usize::from(fragment.offset) + length > usize::from(u16::MAX);
        // Would overwrite the flags of a header that was checked in the first one (RFC 3128).
        let overlaps_flags = self.protocol == Protocol::TCP && fragment.offset == 8;
        if empty || uneven || too_far || overlaps_flags {
            return Err(DropReason::Malformed);
        }
        Ok(())
    }

    #[inline]
    fn tcp(&self) -> Result<Payload, DropReason> {
        let header = tcp::Header::parse(self.message).ok_or(DropReason::Malformed)?;
        let data = self.message.len().saturating_sub(header.header_len);
        Ok(Payload::Tcp {
            src_port: header.src_port,
            dst_port: header.dst_port,
            flags: header.flags,
            seq: header.seq,
            ack: header.ack,
            payload_len: u16::try_from(data).map_err(|_| DropReason::Malformed)?,
        })
    }

    #[inline]
    fn udp(&self) -> Result<Payload, DropReason> {
        let header = udp::Header::parse(self.message).ok_or(DropReason::Malformed)?;
        // The length of a first fragment counts what comes later.
        let overlong = usize::from(header.length) > self.message.len() && self.fragment.is_none();
        if overlong {
            return Err(DropReason::Malformed);
        }
        Ok(Payload::Udp {
            src_port: header.src_port,
            dst_port: header.dst_port,
            payload_len: header.length - 8,
        })
    }

    fn icmp_v4(&self) -> Result<Payload, DropReason> {
        let [kind, code, _, _, rest @ ..] =
            array::<{ icmp::HEADER_LEN }>(self.message, 0).ok_or(DropReason::Malformed)?;
        let [id @ .., _, _] = rest;
        let id = u16::from_be_bytes(id);
        match kind {
            icmp::v4::ECHO_REQUEST if code == 0 => Ok(Payload::Echo { request: true, id }),
            icmp::v4::ECHO_REPLY if code == 0 => Ok(Payload::Echo { request: false, id }),
            _ => match icmp::ErrorKind::from_v4(kind, code, rest) {
                Some(kind) if self.fragment.is_none() => self.icmp_error(kind),
                Some(_) | None => Ok(Payload::OtherIcmp),
            },
        }
    }

    fn icmp_v6(&self) -> Result<Payload, DropReason> {
        let [kind, code, _, _, rest @ ..] =
            array::<{ icmp::HEADER_LEN }>(self.message, 0).ok_or(DropReason::Malformed)?;
        let [id @ .., _, _] = rest;
        let id = u16::from_be_bytes(id);
        match kind {
            icmp::v6::ECHO_REQUEST if code == 0 => Ok(Payload::Echo { request: true, id }),
            icmp::v6::ECHO_REPLY if code == 0 => Ok(Payload::Echo { request: false, id }),
            // RFC 6980: fragments of neighbour discovery are ignored.
            _ if self.fragment.is_some() => Ok(Payload::OtherIcmp),
            _ => match icmp::ErrorKind::from_v6(kind, code, rest) {
                Some(kind) => self.icmp_error(kind),
                None => self.ndp(),
            },
        }
    }

    fn icmp_error(&self, kind: icmp::ErrorKind) -> Result<Payload, DropReason> {
        self.check_sum()?;
        let quotation = self.message.get(icmp::HEADER_LEN..).unwrap_or(&[]);
        let at = self.at + icmp::HEADER_LEN;
        let embedded = match self.src {
            IpAddr::V4(_) => quoted::parse_v4(quotation, at)?,
            IpAddr::V6(_) => quoted::parse_v6(quotation, at)?,
        };
        Ok(embedded.map_or(Payload::OtherIcmp, |embedded| {
            Payload::IcmpError(IcmpError { kind, embedded })
        }))
    }

    fn ndp(&self) -> Result<Payload, DropReason> {
        let (IpAddr::V6(src), IpAddr::V6(dst)) = (self.src, self.dst) else {
            return Err(DropReason::Malformed);
        };
        let carrier = ndp::Carrier {
            src,
            dst,
            hop_limit: self.ttl,
        };
        match ndp::Message::parse(carrier, self.message) {
            Ok(message) => self.check_sum().map(|()| Payload::Ndp(message)),
            Err(ndp::NdpError::OtherType(_)) => Ok(Payload::OtherIcmp),
            Err(ndp::NdpError::Invalid) => Err(DropReason::Malformed),
        }
    }

    /// ICMP has no pseudo-header, ICMPv6 has one.
    fn check_sum(&self) -> Result<(), DropReason> {
        let start = match self.src {
            IpAddr::V4(_) => Some(checksum::Sum::new()),
            IpAddr::V6(_) => {
                checksum::pseudo(self.src, self.dst, self.protocol, self.message.len())
            }
        };
        match start {
            Some(sum) if sum.bytes(self.message).is_intact() => Ok(()),
            Some(_) | None => Err(DropReason::BadChecksum),
        }
    }
}
