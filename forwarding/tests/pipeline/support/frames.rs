//! Frames written by hand, field by field, so that what the pipeline sends can be compared with what
//! RFCs say and not with what the code under test computes.

use std::net::IpAddr;

use types::MacAddr;

pub(crate) const UDP: u8 = 17;
pub(crate) const TCP: u8 = 6;

/// A frame in the making; the defaults are what a host sends.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    pub src_mac: MacAddr,
    pub dst_mac: MacAddr,
    pub src: IpAddr,
    pub dst: IpAddr,
    pub ttl: u8,
    pub dont_fragment: bool,
    pub id: u16,
    /// Offset in bytes, and whether more follow.
    pub fragment: Option<(u16, bool)>,
    pub tos: u8,
}

impl Build {
    pub(crate) fn new(src_mac: MacAddr, dst_mac: MacAddr, src: &str, dst: &str) -> Self {
        Self {
            src_mac,
            dst_mac,
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            ttl: 64,
            dont_fragment: false,
            id: 0x1234,
            fragment: None,
            tos: 0,
        }
    }

    pub(crate) fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    pub(crate) fn dont_fragment(mut self) -> Self {
        self.dont_fragment = true;
        self
    }

    pub(crate) fn fragment(mut self, offset: u16, more: bool) -> Self {
        self.fragment = Some((offset, more));
        self
    }

    pub(crate) fn udp(&self, src_port: u16, dst_port: u16, data: &[u8]) -> Vec<u8> {
        self.ip(UDP, &self.datagram(src_port, dst_port, data))
    }

    /// A UDP datagram without its IP header, to be cut into fragments.
    pub(crate) fn datagram(&self, src_port: u16, dst_port: u16, data: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        message.extend(src_port.to_be_bytes());
        message.extend(dst_port.to_be_bytes());
        message.extend(u16::try_from(8 + data.len()).unwrap().to_be_bytes());
        message.extend([0, 0]);
        message.extend(data);
        let sum = self.sum(UDP, &message);
        message[6..8].copy_from_slice(&sum);
        message
    }

    pub(crate) fn tcp(
        &self,
        ports: (u16, u16),
        flags: u8,
        seq: u32,
        ack: u32,
        data: &[u8],
    ) -> Vec<u8> {
        let mut message = Vec::new();
        message.extend(ports.0.to_be_bytes());
        message.extend(ports.1.to_be_bytes());
        message.extend(seq.to_be_bytes());
        message.extend(ack.to_be_bytes());
        message.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        message.extend(data);
        let sum = self.sum(TCP, &message);
        message[16..18].copy_from_slice(&sum);
        self.ip(TCP, &message)
    }

    /// An echo of either family.
    pub(crate) fn echo(&self, request: bool, id: u16, data: &[u8]) -> Vec<u8> {
        let kind = match (self.src, request) {
            (IpAddr::V4(_), true) => 8,
            (IpAddr::V4(_), false) => 0,
            (IpAddr::V6(_), true) => 128,
            (IpAddr::V6(_), false) => 129,
        };
        let mut body = id.to_be_bytes().to_vec();
        body.extend([0, 1]);
        body.extend(data);
        self.icmp(kind, 0, &body)
    }

    /// An ICMP message of either family; `body` is what follows the checksum.
    pub(crate) fn icmp(&self, kind: u8, code: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![kind, code, 0, 0];
        message.extend(body);
        let protocol = match self.src {
            IpAddr::V4(_) => 1,
            IpAddr::V6(_) => 58,
        };
        let sum = match self.src {
            IpAddr::V4(_) => checksum(&[&message]),
            IpAddr::V6(_) => self.sum(protocol, &message),
        };
        message[2..4].copy_from_slice(&sum);
        self.ip(protocol, &message)
    }

    /// The frame with this transport message, or piece of one.
    pub(crate) fn ip(&self, protocol: u8, message: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        frame.extend(self.dst_mac.0);
        frame.extend(self.src_mac.0);
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                frame.extend([0x08, 0x00]);
                let mut header = vec![0x45, self.tos];
                header.extend(u16::try_from(20 + message.len()).unwrap().to_be_bytes());
                header.extend(self.id.to_be_bytes());
                let (offset, more) = self.fragment.unwrap_or((0, false));
                let flags = u16::from(self.dont_fragment) << 14 | u16::from(more) << 13;
                header.extend((flags | (offset / 8)).to_be_bytes());
                header.extend([self.ttl, protocol, 0, 0]);
                header.extend(src.octets());
                header.extend(dst.octets());
                let sum = checksum(&[&header]);
                header[10..12].copy_from_slice(&sum);
                frame.extend(header);
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                frame.extend([0x86, 0xdd, 0x60 | self.tos >> 4, self.tos << 4, 0, 0]);
                frame.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
                frame.extend([protocol, self.ttl]);
                frame.extend(src.octets());
                frame.extend(dst.octets());
            }
            _ => panic!("two families"),
        }
        frame.extend(message);
        frame
    }

    fn sum(&self, protocol: u8, message: &[u8]) -> [u8; 2] {
        let mut pseudo = Vec::new();
        for address in [self.src, self.dst] {
            match address {
                IpAddr::V4(address) => pseudo.extend(address.octets()),
                IpAddr::V6(address) => pseudo.extend(address.octets()),
            }
        }
        pseudo.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        pseudo.extend([0, 0, 0, protocol]);
        checksum(&[&pseudo, message])
    }
}

/// RFC 1071 as its text has it: 16-bit words, carries folded at the end.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u32::from(pair[0]) << 8 | u32::from(low);
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).unwrap()).to_be_bytes()
}

/// The IP packet of a frame, as an ICMP error quotes it.
pub(crate) fn quoted(frame: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(&frame[14..]);
    body
}

/// An ARP packet in its frame.
pub(crate) fn arp(
    operation: u8,
    dst: MacAddr,
    sender: (MacAddr, &str),
    target: (MacAddr, &str),
) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(dst.0);
    frame.extend(sender.0.0);
    frame.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation]);
    for (mac, ip) in [sender, target] {
        let ip: std::net::Ipv4Addr = ip.parse().unwrap();
        frame.extend(mac.0);
        frame.extend(ip.octets());
    }
    frame
}

/// A neighbour solicitation for `target` to its group.
pub(crate) fn solicitation(src_mac: MacAddr, src: &str, target: &str) -> Vec<u8> {
    let target_ip: std::net::Ipv6Addr = target.parse().unwrap();
    let group = types::net::solicited_node(target_ip);
    let mut build = Build::new(
        src_mac,
        MacAddr::multicast_v6(group),
        src,
        &group.to_string(),
    );
    build.ttl = 255;
    let mut body = vec![0; 4];
    body.extend(target_ip.octets());
    body.extend([1, 1]);
    body.extend(src_mac.0);
    build.icmp(135, 0, &body)
}
