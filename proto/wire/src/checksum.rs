//! The Internet checksum (RFC 1071): whole sums, and the change of one (RFC 1624, equation 3).
//!
//! Sums are kept unfolded in 64 bits. 2^16 is 1 modulo 0xffff, so 32-bit words may be added as they
//! are; a folded sum is zero only when every word was zero, which keeps 0x0000 and 0xffff apart just
//! as a computation from scratch does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use types::Protocol;

/// A one's-complement sum that grows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct Sum(u64);

impl Sum {
    /// Nothing added yet.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds bytes in network order. Only the last piece of a message may have an odd length.
    #[inline]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let (words, tail) = bytes.as_chunks::<4>();
        let mut sum = self.0;
        for word in words {
            sum += u64::from(u32::from_be_bytes(*word));
        }
        let mut last = [0; 4];
        for (to, from) in last.iter_mut().zip(tail) {
            *to = *from;
        }
        Self(sum + u64::from(u32::from_be_bytes(last)))
    }

    /// Adds a 16-bit number.
    #[inline]
    pub fn word(self, word: u16) -> Self {
        Self(self.0 + u64::from(word))
    }

    /// Adds IPv4's pseudo-header (RFC 9293 §3.1, RFC 768).
    #[inline]
    pub fn pseudo_v4(self, ends: (Ipv4Addr, Ipv4Addr), protocol: Protocol, length: u32) -> Self {
        let addresses = u64::from(ends.0.to_bits()) + u64::from(ends.1.to_bits());
        Self(self.0 + addresses + u64::from(protocol.0) + u64::from(length))
    }

    /// Adds IPv6's pseudo-header (RFC 8200 §8.1).
    #[inline]
    pub fn pseudo_v6(self, ends: (Ipv6Addr, Ipv6Addr), protocol: Protocol, length: u32) -> Self {
        self.bytes(&ends.0.octets())
            .bytes(&ends.1.octets())
            .word(u16::from(protocol.0))
            .add(length)
    }

    #[inline]
    fn add(self, long: u32) -> Self {
        Self(self.0 + u64::from(long))
    }

    /// The 16-bit sum.
    #[inline]
    pub fn fold(self) -> u16 {
        fold(self.0)
    }

    /// What goes into a checksum field that was zero while the sum was taken.
    #[inline]
    pub fn checksum(self) -> u16 {
        !self.fold()
    }

    /// Whether a message, its checksum field included, is intact.
    #[inline]
    pub fn is_intact(self) -> bool {
        self.fold() == 0xffff
    }
}

/// What a rewrite does to every checksum that covers it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct Change(u64);

impl Change {
    /// Nothing changed.
    pub const fn none() -> Self {
        Self(0)
    }

    /// A 16-bit word at an even offset of the message changed.
    #[inline]
    pub fn word(self, old: u16, new: u16) -> Self {
        Self(self.0 + u64::from(!old) + u64::from(new))
    }

    /// A 32-bit word at an even offset of the message changed.
    #[inline]
    pub fn long(self, old: u32, new: u32) -> Self {
        Self(self.0 + u64::from(!old) + u64::from(new))
    }

    /// An IPv4 address changed.
    #[inline]
    pub fn v4(self, old: Ipv4Addr, new: Ipv4Addr) -> Self {
        self.long(old.to_bits(), new.to_bits())
    }

    /// An IPv6 address changed.
    #[inline]
    pub fn v6(self, old: Ipv6Addr, new: Ipv6Addr) -> Self {
        let words = |address: Ipv6Addr| {
            let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address.octets();
            [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]].map(u32::from_be_bytes)
        };
        let [a, b, c, d] = words(old);
        let [e, f, g, h] = words(new);
        self.long(a, e).long(b, f).long(c, g).long(d, h)
    }

    /// The checksum after the change (RFC 1624 §3, equation 3).
    #[inline]
    pub fn apply(self, checksum: u16) -> u16 {
        !fold(self.0 + u64::from(!checksum))
    }

    /// A UDP checksum after the change: zero means "none" in IPv4 and stays, and a result of zero is
    /// sent as all ones (RFC 768).
    #[inline]
    pub fn apply_udp(self, checksum: u16) -> u16 {
        if checksum == 0 {
            return 0;
        }
        match self.apply(checksum) {
            0 => 0xffff,
            other => other,
        }
    }
}

/// Adds the carries back in until 16 bits hold the sum.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the last addition leaves at most 16 bits"
)]
fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    sum as u16
}

/// The checksum of a TCP, UDP, ICMPv6 … message whose checksum field is zero, with the pseudo-header
/// of its addresses. `None` when the addresses are of two families.
pub fn transport(src: IpAddr, dst: IpAddr, protocol: Protocol, message: &[u8]) -> Option<u16> {
    pseudo(src, dst, protocol, message.len()).map(|sum| sum.bytes(message).checksum())
}

/// The pseudo-header's sum. `None` when the addresses are of two families or the length is absurd.
pub(crate) fn pseudo(src: IpAddr, dst: IpAddr, protocol: Protocol, length: usize) -> Option<Sum> {
    let length = u32::try_from(length).ok()?;
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            Some(Sum::new().pseudo_v4((src, dst), protocol, length))
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            Some(Sum::new().pseudo_v6((src, dst), protocol, length))
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071 §3's worked example.
    #[test]
    fn the_sum_of_the_rfcs_example_is_ddf2() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::new().bytes(&bytes).fold(), 0xddf2);
    }

    /// RFC 1624 §4: the case that equation 2 of RFC 1141 gets wrong.
    #[test]
    fn the_change_of_the_rfcs_example_gives_zero_not_ffff() {
        assert_eq!(Change::none().word(0x5555, 0x3285).apply(0xdd2f), 0x0000);
    }

    #[test]
    fn an_odd_last_byte_counts_as_the_high_half_of_a_word() {
        assert_eq!(Sum::new().bytes(&[1, 2, 3]).fold(), 0x0402);
        assert_eq!(Sum::new().bytes(&[1]).fold(), 0x0100);
    }

    #[test]
    fn a_udp_checksum_of_zero_stays_and_none_becomes_zero() {
        assert_eq!(Change::none().word(1, 2).apply_udp(0), 0);
        assert_eq!(
            Change::none().word(0x5555, 0x3285).apply_udp(0xdd2f),
            0xffff
        );
    }
}
