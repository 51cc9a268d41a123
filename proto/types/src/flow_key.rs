//! What identifies one direction of a session, and the hash that spreads sessions over processors.

use core::fmt;
use core::hash::Hash;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// IP protocol number (IPv4 protocol, IPv6 next header).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP for IPv4 (RFC 792).
    pub const ICMP: Self = Self(1);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
    /// ICMP for IPv6 (RFC 4443).
    pub const ICMPV6: Self = Self(58);
    /// VRRP (RFC 9568).
    pub const VRRP: Self = Self(112);
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ICMP => f.pad("ICMP"),
            Self::TCP => f.pad("TCP"),
            Self::UDP => f.pad("UDP"),
            Self::ICMPV6 => f.pad("ICMPv6"),
            Self(other) => f.pad(&other.to_string()),
        }
    }
}

/// Address and port, or address and ICMP query identifier (RFC 5508 §3).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Endpoint {
    /// The address.
    pub ip: IpAddr,
    /// TCP or UDP port, or ICMP query identifier.
    pub port: u16,
}

impl Endpoint {
    /// Address and port.
    pub const fn new(ip: IpAddr, port: u16) -> Self {
        Self { ip, port }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// The five-tuple of one direction, as the packet carries it on the wire.
///
/// ICMP echo has one identifier instead of two ports. A request has it as source port and zero as
/// destination port, a reply the other way round: so the reply is the request's [`reversed`] key,
/// and a request that comes from outside never matches a session that was opened from inside.
///
/// [`reversed`]: FlowKey::reversed
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct FlowKey {
    /// Where the packet comes from.
    pub src: Endpoint,
    /// Where the packet goes.
    pub dst: Endpoint,
    /// TCP, UDP, ICMP, ICMPv6.
    pub protocol: Protocol,
}

impl FlowKey {
    /// The key of the opposite direction, without any translation.
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self {
            src: self.dst,
            dst: self.src,
            protocol: self.protocol,
        }
    }

    /// The same number for both directions (without translation), so that both reach one processor.
    pub fn symmetric_hash(&self, seed: &ahash::RandomState) -> u64 {
        let (low, high) = if self.src <= self.dst {
            (self.src, self.dst)
        } else {
            (self.dst, self.src)
        };
        seed.hash_one((low, high, self.protocol))
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.protocol, self.src, self.dst)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_directions_hash_alike(a: [u8; 4], b: [u8; 16], pa: u16, pb: u16, protocol: u8) {
            let seed = ahash::RandomState::with_seeds(1, 2, 3, 4);
            let key = FlowKey {
                src: Endpoint::new(a.into(), pa),
                dst: Endpoint::new(b.into(), pb),
                protocol: Protocol(protocol),
            };
            prop_assert_eq!(key.symmetric_hash(&seed), key.reversed().symmetric_hash(&seed));
        }
    }
}
