//! Where searches begin. Not for secrets: it makes ports hard to guess for those who cannot watch them
//! (RFC 6056 §3.3), from a seed that is random at each start.

/// The `SplitMix64` generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `end`, which is small enough for the bias not to matter.
    #[expect(clippy::cast_possible_truncation, reason = "a remainder below a u32")]
    pub(crate) const fn below(&mut self, end: u32) -> u32 {
        (self.word() % end as u64) as u32
    }

    pub(crate) fn hasher(&mut self) -> ahash::RandomState {
        ahash::RandomState::with_seeds(self.word(), self.word(), self.word(), self.word())
    }
}
