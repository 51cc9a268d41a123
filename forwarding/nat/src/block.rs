//! Port blocks: the unit in which the cluster hands an address's ports to its nodes.

/// 512 ports of an external address, from `1024 + 512 * index` on.
///
/// Well-known ports are in no block: an inside port below 1024 is translated to one above it, as RFC
/// 4787 REQ-3 leaves open, because servers on the gateway's own address live there.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Block(u16);

impl Block {
    /// How many blocks an address has: 1024 to 65535.
    pub const COUNT: u16 = 126;
    /// Ports of a block.
    pub const PORTS: u16 = 512;
    const FIRST_PORT: u16 = 1024;

    /// `None` from [`Block::COUNT`] on.
    pub const fn new(index: u16) -> Option<Self> {
        if index < Self::COUNT {
            Some(Self(index))
        } else {
            None
        }
    }

    /// Its number, from 0.
    pub const fn index(self) -> u16 {
        self.0
    }

    /// Its lowest port.
    pub const fn first_port(self) -> u16 {
        Self::FIRST_PORT + self.0 * Self::PORTS
    }

    /// The block of a port and the port's place in it; `None` for well-known ports.
    pub const fn of(port: u16) -> Option<(Self, u16)> {
        match port.checked_sub(Self::FIRST_PORT) {
            Some(above) => Some((Self(above / Self::PORTS), above % Self::PORTS)),
            None => None,
        }
    }

    pub(crate) const fn bit(self) -> u128 {
        1 << self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_each_port_from_1024_on_exactly_once() {
        assert_eq!(Block::of(1023), None);
        for port in 1024..=u16::MAX {
            let (block, offset) = Block::of(port).unwrap();
            assert_eq!(block.first_port() + offset, port);
            assert_eq!(Block::new(block.index()), Some(block));
        }
        assert_eq!(Block::new(Block::COUNT), None);
    }
}
