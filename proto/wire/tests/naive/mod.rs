//! The naive model: packets written byte by byte and checksums taken from scratch, word by word,
//! sharing nothing with the crate under test.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of the model"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test's model fails loudly"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use types::{Endpoint, FlowKey, MacAddr, Protocol};

pub const SRC_MAC: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x0a]);
pub const DST_MAC: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x0b]);

/// The transport of a packet whose endpoints stand elsewhere.
#[derive(Clone, Debug)]
pub enum Transport {
    Tcp {
        seq: u32,
        ack: u32,
        flags: u8,
        options: Vec<u8>,
    },
    Udp {
        checksum: bool,
    },
    EchoRequest,
    EchoReply,
}

/// A packet as a person would describe it.
#[derive(Clone, Debug)]
pub struct Spec {
    pub src: Endpoint,
    pub dst: Endpoint,
    pub ttl: u8,
    pub transport: Transport,
    /// Words of IPv4 options, or extension headers of IPv6.
    pub extra: usize,
    pub data: Vec<u8>,
}

/// The Internet checksum as RFC 1071 §1 describes it.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(pair[0]) * 256 + u32::from(low);
        if sum > 0xffff {
            sum -= 0xffff;
        }
    }
    !u16::try_from(sum).unwrap()
}

pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap().to_be_bytes();
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => [
            &src.octets()[..],
            &dst.octets(),
            &[0, protocol],
            &length[2..],
        ]
        .concat(),
        (IpAddr::V6(src), IpAddr::V6(dst)) => [
            &src.octets()[..],
            &dst.octets(),
            &length,
            &[0, 0, 0, protocol],
        ]
        .concat(),
        _ => panic!("two families"),
    }
}

/// The checksum of a message whose checksum field is zero.
pub fn sealed(src: IpAddr, dst: IpAddr, protocol: u8, message: &[u8]) -> u16 {
    if protocol == 1 {
        return checksum(message);
    }
    let pseudo = pseudo_header(src, dst, protocol, message.len());
    checksum(&[&pseudo[..], message].concat())
}

impl Spec {
    pub fn protocol(&self) -> u8 {
        match (&self.transport, self.src.ip) {
            (Transport::Tcp { .. }, _) => 6,
            (Transport::Udp { .. }, _) => 17,
            (_, IpAddr::V4(_)) => 1,
            (_, IpAddr::V6(_)) => 58,
        }
    }

    /// The flow key, by the words of its definition.
    pub fn key(&self) -> FlowKey {
        let (src_port, dst_port) = match self.transport {
            Transport::Tcp { .. } | Transport::Udp { .. } => (self.src.port, self.dst.port),
            Transport::EchoRequest => (self.src.port, 0),
            Transport::EchoReply => (0, self.dst.port),
        };
        FlowKey {
            src: Endpoint::new(self.src.ip, src_port),
            dst: Endpoint::new(self.dst.ip, dst_port),
            protocol: Protocol(self.protocol()),
        }
    }

    /// Transport header and data.
    pub fn message(&self) -> Vec<u8> {
        let (src, dst) = (self.src.port.to_be_bytes(), self.dst.port.to_be_bytes());
        let (mut bytes, at) = match &self.transport {
            Transport::Tcp {
                seq,
                ack,
                flags,
                options,
            } => {
                assert_eq!(options.len() % 4, 0);
                let offset = u8::try_from(5 + options.len() / 4).unwrap() << 4;
                let fixed = [&src[..], &dst, &seq.to_be_bytes(), &ack.to_be_bytes()].concat();
                let rest = [offset, *flags, 0x20, 0, 0, 0, 0, 0];
                ([&fixed[..], &rest, options, &self.data].concat(), 16)
            }
            Transport::Udp { .. } => {
                let length = u16::try_from(8 + self.data.len()).unwrap().to_be_bytes();
                ([&src[..], &dst, &length, &[0, 0], &self.data].concat(), 6)
            }
            Transport::EchoRequest => {
                let kind = if self.src.ip.is_ipv4() { 8 } else { 128 };
                (
                    [&[kind, 0, 0, 0], &src[..], &[0, 7], &self.data].concat(),
                    2,
                )
            }
            Transport::EchoReply => {
                let kind = if self.src.ip.is_ipv4() { 0 } else { 129 };
                (
                    [&[kind, 0, 0, 0], &dst[..], &[0, 7], &self.data].concat(),
                    2,
                )
            }
        };
        let sum = match self.transport {
            Transport::Udp { checksum: false } => 0,
            Transport::Udp { checksum: true } => {
                match sealed(self.src.ip, self.dst.ip, 17, &bytes) {
                    0 => 0xffff,
                    sum => sum,
                }
            }
            _ => sealed(self.src.ip, self.dst.ip, self.protocol(), &bytes),
        };
        bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    /// IP header, options or extensions, and message.
    pub fn packet(&self) -> Vec<u8> {
        ip(
            self.src.ip,
            self.dst.ip,
            self.protocol(),
            self.ttl,
            self.extra,
            &self.message(),
        )
    }

    pub fn frame(&self) -> Vec<u8> {
        framed(&self.packet())
    }

    /// The same packet between other endpoints.
    pub fn between(&self, src: Endpoint, dst: Endpoint) -> Self {
        Self {
            src,
            dst,
            ..self.clone()
        }
    }

    /// Where the message begins in the frame.
    pub fn l4(&self) -> usize {
        14 + if self.src.ip.is_ipv4() {
            20 + self.extra * 4
        } else {
            40 + self.extra * 8
        }
    }
}

/// An IP packet around `message`.
pub fn ip(
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    ttl: u8,
    extra: usize,
    message: &[u8],
) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let header_len = 20 + extra * 4;
            let total = u16::try_from(header_len + message.len())
                .unwrap()
                .to_be_bytes();
            let words = u8::try_from(header_len / 4).unwrap();
            let fixed = [
                0x40 | words,
                0,
                total[0],
                total[1],
                0x12,
                0x34,
                0,
                0,
                ttl,
                protocol,
                0,
                0,
            ];
            let mut header = [&fixed[..], &src.octets(), &dst.octets()].concat();
            // Router alert (RFC 2113), as often as asked.
            header.extend([148, 4, 0, 0].repeat(extra));
            let sum = checksum(&header).to_be_bytes();
            header[10..12].copy_from_slice(&sum);
            [header, message.to_vec()].concat()
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let payload = u16::try_from(extra * 8 + message.len())
                .unwrap()
                .to_be_bytes();
            // Hop-by-hop options first, destination options behind them.
            let first = if extra == 0 { protocol } else { 0 };
            let fixed = [0x60, 0, 0, 0, payload[0], payload[1], first, ttl];
            let mut bytes = [&fixed[..], &src.octets(), &dst.octets()].concat();
            for left in (0..extra).rev() {
                let next = if left == 0 { protocol } else { 60 };
                bytes.extend([next, 0, 1, 4, 0, 0, 0, 0]);
            }
            [bytes, message.to_vec()].concat()
        }
        _ => panic!("two families"),
    }
}

/// An Ethernet frame around an IP packet.
pub fn framed(packet: &[u8]) -> Vec<u8> {
    let ether_type = if packet[0] >> 4 == 4 {
        [0x08, 0x00]
    } else {
        [0x86, 0xdd]
    };
    [&DST_MAC.0[..], &SRC_MAC.0, &ether_type, packet].concat()
}

/// An ICMP error from `src` to `dst` that quotes `quoted`; time exceeded in both families.
pub fn error_frame(src: IpAddr, dst: IpAddr, quoted: &[u8]) -> Vec<u8> {
    let (protocol, kind) = if src.is_ipv4() { (1, 11) } else { (58, 3) };
    let mut message = [&[kind, 0, 0, 0, 0, 0, 0, 0], quoted].concat();
    let sum = sealed(src, dst, protocol, &message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    framed(&ip(src, dst, protocol, 60, 0, &message))
}

/// Panics unless every checksum of a whole, unfragmented packet without options is right.
pub fn assert_intact(frame: &[u8]) {
    let packet = &frame[14..];
    let (src, dst, protocol, message) = if packet[0] >> 4 == 4 {
        assert_eq!(packet[0], 0x45, "an IPv4 header without options");
        assert_eq!(checksum(&packet[..20]), 0, "header checksum");
        let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
        assert_eq!(total, packet.len(), "total length");
        let address = |at: usize| -> IpAddr {
            Ipv4Addr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap()).into()
        };
        (address(12), address(16), packet[9], &packet[20..])
    } else {
        assert_eq!(packet[0] >> 4, 6, "version");
        let length = usize::from(u16::from_be_bytes([packet[4], packet[5]]));
        assert_eq!(length + 40, packet.len(), "payload length");
        let address = |at: usize| -> IpAddr {
            Ipv6Addr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).unwrap()).into()
        };
        (address(8), address(24), packet[6], &packet[40..])
    };
    assert_eq!(
        sealed(src, dst, protocol, message),
        0,
        "checksum of protocol {protocol}"
    );
}

pub fn endpoint(v6: bool) -> BoxedStrategy<Endpoint> {
    if v6 {
        (any::<[u8; 16]>(), any::<u16>())
            .prop_map(|(ip, port)| Endpoint::new(IpAddr::from(ip), port))
            .boxed()
    } else {
        (any::<[u8; 4]>(), any::<u16>())
            .prop_map(|(ip, port)| Endpoint::new(IpAddr::from(ip), port))
            .boxed()
    }
}

fn transport() -> impl Strategy<Value = Transport> {
    let options = vec(any::<[u8; 4]>(), 0..=10).prop_map(|words| words.concat());
    prop_oneof![
        (any::<u32>(), any::<u32>(), any::<u8>(), options).prop_map(
            |(seq, ack, flags, options)| Transport::Tcp {
                seq,
                ack,
                flags,
                options
            }
        ),
        any::<bool>().prop_map(|checksum| Transport::Udp { checksum }),
        Just(Transport::EchoRequest),
        Just(Transport::EchoReply),
    ]
}

/// Data that makes the edges of one's-complement arithmetic likely: zeros and ones.
pub fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..64),
        vec(prop_oneof![Just(0_u8), Just(0xff_u8)], 0..64),
    ]
}

pub fn spec_of(v6: bool) -> impl Strategy<Value = Spec> {
    let extra = if v6 { 0..=4_usize } else { 0..=10_usize };
    (
        endpoint(v6),
        endpoint(v6),
        any::<u8>(),
        transport(),
        extra,
        data(),
    )
        .prop_map(|(src, dst, ttl, transport, extra, data)| Spec {
            src,
            dst,
            ttl,
            transport,
            extra,
            data,
        })
}

pub fn spec() -> impl Strategy<Value = Spec> {
    any::<bool>().prop_flat_map(spec_of)
}

/// A packet and two other endpoints of its family.
pub fn spec_and_endpoints() -> impl Strategy<Value = (Spec, Endpoint, Endpoint)> {
    any::<bool>().prop_flat_map(|v6| (spec_of(v6), endpoint(v6), endpoint(v6)))
}
