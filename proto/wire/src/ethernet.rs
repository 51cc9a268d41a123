//! Ethernet II frames: two MAC addresses and what follows them. No VLAN tags, no 802.3 lengths.

use types::MacAddr;

/// Length of the header.
pub const HEADER_LEN: usize = 14;

/// What a frame carries.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4 (RFC 894).
    pub const IPV4: Self = Self(0x0800);
    /// ARP (RFC 826).
    pub const ARP: Self = Self(0x0806);
    /// IPv6 (RFC 2464).
    pub const IPV6: Self = Self(0x86dd);
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Who shall take the frame.
    pub dst: MacAddr,
    /// Who sent it on this link.
    pub src: MacAddr,
    /// What it carries.
    pub ether_type: EtherType,
}

impl Header {
    /// Reads the header and gives what follows; `None` when the frame is shorter than a header.
    #[inline]
    pub fn parse(frame: &[u8]) -> Option<(Self, &[u8])> {
        let (header, payload) = frame.split_first_chunk::<HEADER_LEN>()?;
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = *header;
        let header = Self {
            dst: MacAddr([a, b, c, d, e, f]),
            src: MacAddr([g, h, i, j, k, l]),
            ether_type: EtherType(u16::from_be_bytes([m, n])),
        };
        Some((header, payload))
    }

    /// Appends the header.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.dst.0);
        out.extend_from_slice(&self.src.0);
        out.extend_from_slice(&self.ether_type.0.to_be_bytes());
    }
}
