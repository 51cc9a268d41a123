//! Which ports of a block are free, and a search that takes the same time however full it is.

use crate::block::Block;
use crate::random::Random;

const WORDS: usize = Block::PORTS as usize / 64;

/// Which of a port's neighbours will do. RTP and RTCP want even and odd (RFC 4787 REQ-4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Parity {
    Even,
    Odd,
}

impl Parity {
    pub(crate) const fn of(port: u16) -> Self {
        if port.is_multiple_of(2) {
            Self::Even
        } else {
            Self::Odd
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }

    /// Blocks begin at even ports, so a port's parity is its bit's.
    const fn mask(self) -> u64 {
        match self {
            Self::Even => 0x5555_5555_5555_5555,
            Self::Odd => 0xaaaa_aaaa_aaaa_aaaa,
        }
    }
}

/// A bit for each port of a block; set means free.
#[derive(Clone, Debug)]
pub(crate) struct Bitmap([u64; WORDS]);

impl Bitmap {
    pub(crate) const ALL_FREE: Self = Self([u64::MAX; WORDS]);

    pub(crate) fn is_free(&self, offset: u16) -> bool {
        let (word, bit) = split(offset);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(crate) fn set_free(&mut self, offset: u16) {
        let (word, bit) = split(offset);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    pub(crate) fn set_taken(&mut self, offset: u16) {
        let (word, bit) = split(offset);
        if let Some(word) = self.0.get_mut(word) {
            *word &= !bit;
        }
    }

    pub(crate) fn has_free(&self, parity: Parity) -> bool {
        self.0.iter().any(|word| word & parity.mask() != 0)
    }

    pub(crate) fn count_free(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// A free offset of this parity, searched from a random place on.
    pub(crate) fn pick(&self, parity: Parity, random: &mut Random) -> Option<u16> {
        let start = random.below(u32::from(Block::PORTS)) as usize / 64;
        let turn = random.below(64);
        let words = (0..WORDS).map(|step| (start + step) % WORDS);
        words
            .filter_map(|at| Some((at, self.0.get(at)? & parity.mask())))
            .find(|(_, word)| *word != 0)
            .and_then(|(at, word)| {
                let bit = (word.rotate_right(turn).trailing_zeros() + turn) % 64;
                u16::try_from(at * 64 + bit as usize).ok()
            })
    }
}

const fn split(offset: u16) -> (usize, u64) {
    (offset as usize / 64, 1 << (offset % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picking_finds_the_last_free_port_of_a_parity_wherever_it_is() {
        let mut random = Random::new(1);
        for offset in 0..Block::PORTS {
            let mut bitmap = Bitmap([0; WORDS]);
            bitmap.set_free(offset);
            let parity = Parity::of(offset);
            assert_eq!(bitmap.pick(parity, &mut random), Some(offset));
            assert_eq!(bitmap.pick(parity.other(), &mut random), None);
            assert!(bitmap.is_free(offset) && bitmap.has_free(parity));
            assert!(!bitmap.has_free(parity.other()));
            assert_eq!(bitmap.count_free(), 1);
            bitmap.set_taken(offset);
            assert_eq!(bitmap.pick(parity, &mut random), None);
        }
    }

    #[test]
    fn picks_are_spread_over_the_block() {
        let mut random = Random::new(7);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            seen.insert(Bitmap::ALL_FREE.pick(Parity::Even, &mut random).unwrap());
        }
        assert!(
            seen.len() > 200,
            "only {} of 256 even ports in 1000 picks",
            seen.len()
        );
    }
}
