//! A frame as forwarding sees it: one pass from bytes to a small `Copy` value.
//!
//! Lengths, the IPv4 header checksum and the order of headers are verified here, so that whoever
//! holds an [`IpPacket`] may trust its offsets. Whether its addresses make sense, and what shall
//! become of it, is for the pipeline.

mod parse;
mod quoted;

use std::net::IpAddr;

use types::{Endpoint, FlowKey, MacAddr, Protocol};

pub use crate::ipv6::Fragment;
use crate::tcp::TcpFlags;
use crate::{arp, icmp, ndp};
pub use parse::parse;

/// What a frame carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Frame {
    /// ARP for IPv4.
    Arp(arp::Packet),
    /// IPv4 or IPv6.
    Ip(IpPacket),
}

/// Where the parts of a packet stand in its frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout {
    /// First byte of the IP header.
    pub l3: usize,
    /// First byte behind the IP header, its options and extension headers.
    pub l4: usize,
    /// First byte behind the packet: Ethernet padding, or the frame's end.
    pub end: usize,
}

/// An IP packet: verified, and as much of it as forwarding decides upon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IpPacket {
    /// Who sent the frame on this link.
    pub src_mac: MacAddr,
    /// Whom the frame is for.
    pub dst_mac: MacAddr,
    /// Source address.
    pub src: IpAddr,
    /// Destination address, always of the same family.
    pub dst: IpAddr,
    /// Type of service or traffic class.
    pub tos: u8,
    /// TTL or hop limit, as it arrived.
    pub ttl: u8,
    /// What the payload is; behind extension headers in IPv6.
    pub protocol: Protocol,
    /// Present in a fragment of a datagram. An atomic IPv6 fragment is a whole datagram and has none
    /// (RFC 6946).
    pub fragment: Option<Fragment>,
    /// Routers must not fragment it: the bit of IPv4, always in IPv6.
    pub dont_fragment: bool,
    /// Where its parts stand.
    pub layout: Layout,
    /// What it carries.
    pub payload: Payload,
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payload {
    /// A TCP segment, or the first fragment of one with its whole header. Whether its flags go
    /// together is for the session ([`types::DropReason::InvalidTcp`]).
    Tcp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// Control bits.
        flags: TcpFlags,
        /// Sequence number.
        seq: u32,
        /// Acknowledgment number.
        ack: u32,
        /// Bytes of data; in a first fragment, only those that it carries.
        payload_len: u16,
    },
    /// A UDP datagram, or the first fragment of one.
    Udp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// Bytes of data by UDP's own length field.
        payload_len: u16,
    },
    /// ICMP or ICMPv6 echo.
    Echo {
        /// Request or reply.
        request: bool,
        /// Identifier.
        id: u16,
    },
    /// An ICMP or ICMPv6 error about a packet that has a flow key; its checksum has been verified
    /// (RFC 5508 REQ-3).
    IcmpError(IcmpError),
    /// A message of Neighbor Discovery; checksum and validity have been verified.
    Ndp(ndp::Message),
    /// Any other ICMP or ICMPv6 message, also errors about packets without a flow key and anything
    /// but echo in fragments.
    OtherIcmp,
    /// VRRP: see [`crate::vrrp`].
    Vrrp,
    /// A fragment other than the first: its flow is known by its [`Fragment::id`] alone.
    LaterFragment,
    /// Another protocol.
    Other,
}

/// An ICMP error and whom it is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IcmpError {
    /// What it says.
    pub kind: icmp::ErrorKind,
    /// The packet that it is about.
    pub embedded: Embedded,
}

/// The beginning of a packet that an ICMP error quotes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Embedded {
    /// Its flow key as it stands in the quotation: the direction in which that packet travelled,
    /// opposite to the error's.
    pub key: FlowKey,
    /// Where its parts stand in the frame that carries the error; `end` is where the quotation ends.
    pub layout: Layout,
    /// Of an echo: request or reply. `None` for other protocols.
    pub echo_request: Option<bool>,
}

impl IpPacket {
    /// The five-tuple that sessions are found by; `None` when this packet has none of its own.
    #[inline]
    pub fn flow_key(&self) -> Option<FlowKey> {
        let (src_port, dst_port) = match self.payload {
            Payload::Tcp {
                src_port, dst_port, ..
            }
            | Payload::Udp {
                src_port, dst_port, ..
            } => (src_port, dst_port),
            Payload::Echo { request, id } => echo_ports(request, id),
            Payload::IcmpError(_)
            | Payload::Ndp(_)
            | Payload::OtherIcmp
            | Payload::Vrrp
            | Payload::LaterFragment
            | Payload::Other => return None,
        };
        Some(FlowKey {
            src: Endpoint::new(self.src, src_port),
            dst: Endpoint::new(self.dst, dst_port),
            protocol: self.protocol,
        })
    }

    /// Length of the IP packet, which is what an MTU limits.
    #[inline]
    pub const fn ip_len(&self) -> usize {
        self.layout.end.saturating_sub(self.layout.l3)
    }

    /// What stands behind the IP header and its extensions in `frame`, the frame that was parsed.
    #[inline]
    pub fn l4<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame.get(self.layout.l4..self.layout.end).unwrap_or(&[])
    }

    /// Whether this is a fragment but not the first one.
    #[inline]
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset > 0)
    }
}

/// The ports that an echo has in a flow key: see [`FlowKey`].
const fn echo_ports(request: bool, id: u16) -> (u16, u16) {
    if request { (id, 0) } else { (0, id) }
}
