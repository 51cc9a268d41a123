//! The blocks that this node allocates from, and which of them have room.

use crate::bitmap::{Bitmap, Parity};
use crate::block::Block;
use crate::random::Random;

/// Sets of blocks, one bit each.
#[derive(Debug, Default)]
pub(super) struct Grants {
    granted: u128,
    /// Of those, blocks with a free even port and with a free odd port.
    open_even: u128,
    open_odd: u128,
}

impl Grants {
    pub(super) const fn has(&self, block: Block) -> bool {
        self.granted & block.bit() != 0
    }

    pub(super) const fn add(&mut self, block: Block) {
        self.granted |= block.bit();
    }

    pub(super) const fn remove(&mut self, block: Block) {
        self.granted &= !block.bit();
    }

    /// Brings the sets of blocks with room up to date with a block's free ports.
    pub(super) fn refresh(&mut self, block: Block, free: &Bitmap) {
        let granted = self.has(block);
        let even = granted && free.has_free(Parity::Even);
        let odd = granted && free.has_free(Parity::Odd);
        for (mask, open) in [(&mut self.open_even, even), (&mut self.open_odd, odd)] {
            if open {
                *mask |= block.bit();
            } else {
                *mask &= !block.bit();
            }
        }
    }

    /// A block with a free port of that parity; where the search begins is random.
    pub(super) fn choose(&self, parity: Parity, random: &mut Random) -> Option<Block> {
        let open = match parity {
            Parity::Even => self.open_even,
            Parity::Odd => self.open_odd,
        };
        let start = random.below(u128::BITS);
        let index = (open != 0)
            .then(|| (open.rotate_right(start).trailing_zeros() + start) % u128::BITS)?;
        Block::new(u16::try_from(index).ok()?)
    }
}
