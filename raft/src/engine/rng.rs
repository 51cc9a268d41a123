//! Random numbers of the consensus: the system's, unless this thread was given a seed.

use std::cell::Cell;
use std::convert::Infallible;

use rand::{Rng, TryRng};

thread_local! {
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From now on, what the consensus draws on this thread follows from `seed`; without one it is the
/// operating system's again. For simulations: in the product nobody calls this.
pub fn seed(seed: Option<u64>) {
    SEED.set(seed);
}

/// Draws from this thread's seed, or from the system's generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadRng;

impl TryRng for ThreadRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        // The upper half of the word is the better mixed one.
        let high = self.try_next_u64()? >> 32;
        Ok(u32::try_from(high).unwrap_or(u32::MAX))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(SEED.get().map_or_else(
            || rand::rng().next_u64(),
            |state| {
                let (next, drawn) = split_mix(state);
                SEED.set(Some(next));
                drawn
            },
        ))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            for (byte, random) in chunk.iter_mut().zip(word) {
                *byte = random;
            }
        }
        Ok(())
    }
}

/// `SplitMix64`: the next state and what is drawn from it.
const fn split_mix(state: u64) -> (u64, u64) {
    let next = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (next, mixed ^ (mixed >> 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_what_was_drawn_and_its_absence_does_not() {
        let draw = || [0; 4].map(|_: u32| ThreadRng.next_u64());
        seed(Some(7));
        let first = draw();
        seed(Some(7));
        assert_eq!(draw(), first);
        seed(None);
        assert_ne!(draw(), draw());
    }
}
