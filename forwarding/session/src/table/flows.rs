//! Where a session's packets come from and go to, in little memory.
//!
//! A million sessions are kept beside each other, and nearly all of them are IPv4: their addresses and
//! ports take 32 bytes here, and 124 as values. The others pay for an allocation when they are opened.

use std::net::{IpAddr, Ipv4Addr};

use types::{Direction, Endpoint, FlowKey, Protocol};

/// Both keys, as packets arrive, and the neighbours that they leave to.
#[derive(Debug)]
pub(super) enum Flows {
    /// Everything is IPv4 and one protocol.
    V4(V4),
    /// Anything else.
    Wide(Box<Wide>),
}

#[derive(Debug)]
pub(super) struct V4 {
    forward: Pair,
    reverse: Pair,
    forward_neighbor: u32,
    reverse_neighbor: u32,
    protocol: Protocol,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Pair {
    src: u32,
    dst: u32,
    src_port: u16,
    dst_port: u16,
}

/// The same as values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide {
    pub(super) forward: FlowKey,
    pub(super) reverse: FlowKey,
    pub(super) forward_neighbor: IpAddr,
    pub(super) reverse_neighbor: IpAddr,
}

impl Pair {
    const fn of(key: &FlowKey) -> Option<Self> {
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (key.src.ip, key.dst.ip) else {
            return None;
        };
        Some(Self {
            src: src.to_bits(),
            dst: dst.to_bits(),
            src_port: key.src.port,
            dst_port: key.dst.port,
        })
    }

    const fn key(self, protocol: Protocol) -> FlowKey {
        FlowKey {
            src: Endpoint::new(address(self.src), self.src_port),
            dst: Endpoint::new(address(self.dst), self.dst_port),
            protocol,
        }
    }
}

const fn address(bits: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(bits))
}

impl From<Wide> for Flows {
    fn from(wide: Wide) -> Self {
        match V4::of(&wide) {
            Some(v4) => Self::V4(v4),
            None => Self::Wide(Box::new(wide)),
        }
    }
}

impl V4 {
    fn of(wide: &Wide) -> Option<Self> {
        let (IpAddr::V4(forward_neighbor), IpAddr::V4(reverse_neighbor)) =
            (wide.forward_neighbor, wide.reverse_neighbor)
        else {
            return None;
        };
        let protocol = wide.forward.protocol;
        if wide.reverse.protocol != protocol {
            return None;
        }
        Some(Self {
            forward: Pair::of(&wide.forward)?,
            reverse: Pair::of(&wide.reverse)?,
            forward_neighbor: forward_neighbor.to_bits(),
            reverse_neighbor: reverse_neighbor.to_bits(),
            protocol,
        })
    }

    const fn pair(&self, direction: Direction) -> Pair {
        match direction {
            Direction::Forward => self.forward,
            Direction::Reverse => self.reverse,
        }
    }
}

impl Wide {
    const fn key(&self, direction: Direction) -> &FlowKey {
        match direction {
            Direction::Forward => &self.forward,
            Direction::Reverse => &self.reverse,
        }
    }
}

impl Flows {
    /// The key with which packets of a direction arrive.
    #[inline]
    pub(super) fn key(&self, direction: Direction) -> FlowKey {
        match self {
            Self::V4(flows) => flows.pair(direction).key(flows.protocol),
            Self::Wide(flows) => *flows.key(direction),
        }
    }

    /// Whether packets with `key` are of this direction.
    #[inline]
    pub(super) fn matches(&self, direction: Direction, key: &FlowKey) -> bool {
        match self {
            Self::V4(flows) => {
                flows.protocol == key.protocol && Pair::of(key) == Some(flows.pair(direction))
            }
            Self::Wide(flows) => flows.key(direction) == key,
        }
    }

    /// Who gets packets of a direction.
    #[inline]
    pub(super) const fn neighbor(&self, direction: Direction) -> IpAddr {
        match (self, direction) {
            (Self::V4(flows), Direction::Forward) => address(flows.forward_neighbor),
            (Self::V4(flows), Direction::Reverse) => address(flows.reverse_neighbor),
            (Self::Wide(flows), Direction::Forward) => flows.forward_neighbor,
            (Self::Wide(flows), Direction::Reverse) => flows.reverse_neighbor,
        }
    }

    /// Other neighbours.
    pub(super) fn with_neighbor(&self, direction: Direction, neighbor: IpAddr) -> Self {
        let (forward, reverse) = (self.key(Direction::Forward), self.key(Direction::Reverse));
        let mut wide = Wide {
            forward,
            reverse,
            forward_neighbor: self.neighbor(Direction::Forward),
            reverse_neighbor: self.neighbor(Direction::Reverse),
        };
        match direction {
            Direction::Forward => wide.forward_neighbor = neighbor,
            Direction::Reverse => wide.reverse_neighbor = neighbor,
        }
        Self::from(wide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(ip: &str, port: u16) -> Endpoint {
        Endpoint::new(ip.parse().unwrap(), port)
    }

    fn wide(inside: &str, outside: &str, peer: &str, neighbor: &str, back: Protocol) -> Wide {
        let forward = FlowKey {
            src: endpoint(inside, 4000),
            dst: endpoint(peer, 443),
            protocol: Protocol::UDP,
        };
        Wide {
            forward,
            reverse: FlowKey {
                src: forward.dst,
                dst: endpoint(outside, 5000),
                protocol: back,
            },
            forward_neighbor: neighbor.parse().unwrap(),
            reverse_neighbor: forward.src.ip,
        }
    }

    #[test]
    fn whatever_goes_in_comes_out() {
        let (v4, v6) = ("192.0.2.1", "2001:db8::1");
        for (inside, peer, neighbor, back) in [
            (v4, "198.51.100.1", "203.0.113.1", Protocol::UDP),
            (v4, "198.51.100.1", "203.0.113.1", Protocol::TCP),
            (v4, "198.51.100.1", "2001:db8::9", Protocol::UDP),
            (v6, "2001:db8::2", "2001:db8::9", Protocol::UDP),
        ] {
            let wide = wide(inside, inside, peer, neighbor, back);
            let flows = Flows::from(wide);
            for (direction, other) in [
                (Direction::Forward, Direction::Reverse),
                (Direction::Reverse, Direction::Forward),
            ] {
                assert_eq!(flows.key(direction), *wide.key(direction));
                assert!(flows.matches(direction, wide.key(direction)));
                assert!(!flows.matches(direction, wide.key(other)));
            }
            assert_eq!(flows.neighbor(Direction::Forward), wide.forward_neighbor);
            let moved = flows.with_neighbor(Direction::Reverse, wide.forward_neighbor);
            assert_eq!(moved.neighbor(Direction::Reverse), wide.forward_neighbor);
            assert_eq!(moved.key(Direction::Reverse), wide.reverse);
        }
    }

    #[test]
    fn ipv4_needs_no_allocation_and_forty_bytes() {
        let flows = Flows::from(wide(
            "192.0.2.1",
            "203.0.113.1",
            "198.51.100.1",
            "198.51.100.1",
            Protocol::UDP,
        ));
        assert!(matches!(flows, Flows::V4(_)));
        assert!(size_of::<Flows>() <= 40);
    }
}
