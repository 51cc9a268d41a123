//! What a set of sessions sums up to, shard by shard: two tables with equal digests hold the same.
//!
//! The cluster's agreed table and the session processors' tables cut the sessions into the same shards,
//! and each keeps its sums with every change. So a difference is found without looking at a session, and
//! only its shard has to be listed. The sums guard against mistakes, not against an attacker.

use core::borrow::Borrow;

use serde::{Deserialize, Serialize};

use crate::id::{Epoch, SessionId};
use crate::session::SessionRecord;

/// Into how many shards sessions are cut, in every table alike: at a million sessions, listing one is a
/// thousand sessions.
pub const DIGEST_SHARDS: usize = 1024;

impl SessionId {
    /// The shard of a session. Ids may be counters, so their bits are mixed first.
    pub fn shard(self) -> usize {
        let folded = (self.0 ^ (self.0 >> 64)) & u128::from(u64::MAX);
        let mixed = u64::try_from(folded)
            .unwrap_or_default()
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::try_from(mixed >> 54).unwrap_or_default()
    }

    /// A number for one version of a session; see [`SessionRecord::fingerprint`].
    pub fn fingerprint(self, (epoch, version): (Epoch, u32)) -> u64 {
        if epoch == Epoch::NONE {
            return 0;
        }
        let bytes = self.0.to_be_bytes();
        let (high, low) = bytes.split_at(8);
        let word = |half: &[u8]| {
            half.iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte))
        };
        [word(high), word(low), epoch.0, u64::from(version)]
            .into_iter()
            .fold(0, |sum, word| mix(sum ^ word))
    }
}

/// `SplitMix64`'s output function: each bit of the input reaches each bit of the output.
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// How many sessions there are and the sum of their fingerprints. Sessions that were never offered to
/// the cluster do not count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ShardDigest {
    /// How many.
    pub sessions: u64,
    /// Sum of their fingerprints, modulo 2^64.
    pub sum: u64,
}

impl ShardDigest {
    /// A session came; `fingerprint` is [`SessionRecord::fingerprint`].
    pub const fn add(&mut self, fingerprint: u64) {
        if fingerprint != 0 {
            self.sessions = self.sessions.wrapping_add(1);
            self.sum = self.sum.wrapping_add(fingerprint);
        }
    }

    /// A session went.
    pub const fn remove(&mut self, fingerprint: u64) {
        if fingerprint != 0 {
            self.sessions = self.sessions.wrapping_sub(1);
            self.sum = self.sum.wrapping_sub(fingerprint);
        }
    }

    /// Another part of the same shard.
    pub const fn join(&mut self, other: Self) {
        self.sessions = self.sessions.wrapping_add(other.sessions);
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// The digests of all shards.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    shards: Vec<ShardDigest>,
    /// All shards in one.
    total: ShardDigest,
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            shards: vec![ShardDigest::default(); DIGEST_SHARDS],
            total: ShardDigest::default(),
        }
    }
}

impl Digest {
    /// The digest of a table that has these shards, in order; missing ones are empty.
    pub fn from_shards(shards: impl IntoIterator<Item = ShardDigest>) -> Self {
        let mut shards: Vec<_> = shards.into_iter().take(DIGEST_SHARDS).collect();
        shards.resize(DIGEST_SHARDS, ShardDigest::default());
        let mut total = ShardDigest::default();
        for shard in &shards {
            total.join(*shard);
        }
        Self { shards, total }
    }

    /// A session came.
    pub fn add(&mut self, id: SessionId, fingerprint: u64) {
        if let Some(shard) = self.shards.get_mut(id.shard()) {
            shard.add(fingerprint);
            self.total.add(fingerprint);
        }
    }

    /// A session went.
    pub fn remove(&mut self, id: SessionId, fingerprint: u64) {
        if let Some(shard) = self.shards.get_mut(id.shard()) {
            shard.remove(fingerprint);
            self.total.remove(fingerprint);
        }
    }

    /// Another part of the same table, such as another processor's.
    pub fn join(&mut self, other: &Self) {
        for (shard, part) in self.shards.iter_mut().zip(&other.shards) {
            shard.join(*part);
        }
        self.total.join(other.total);
    }

    /// Every shard, in order.
    pub fn shards(&self) -> impl Iterator<Item = ShardDigest> + '_ {
        self.shards.iter().copied()
    }

    /// All shards in one.
    pub const fn total(&self) -> ShardDigest {
        self.total
    }

    /// Numbers of the shards that differ.
    pub fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let pairs = self.shards.iter().zip(&other.shards).enumerate();
        pairs.filter_map(|(number, (here, there))| (here != there).then_some(number))
    }
}

impl<R: Borrow<SessionRecord>> FromIterator<R> for Digest {
    fn from_iter<T: IntoIterator<Item = R>>(records: T) -> Self {
        let mut digest = Self::default();
        for record in records {
            let record = record.borrow();
            digest.add(record.id, record.fingerprint());
        }
        digest
    }
}

/// Some of the shards.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ShardSet {
    /// One bit a shard.
    words: Vec<u64>,
}

impl ShardSet {
    /// Whether the shard of `id` is among them.
    pub fn has(&self, id: SessionId) -> bool {
        let shard = id.shard();
        let word = self.words.get(shard / 64).copied().unwrap_or_default();
        word >> (shard % 64) & 1 == 1
    }
}

impl FromIterator<usize> for ShardSet {
    fn from_iter<T: IntoIterator<Item = usize>>(shards: T) -> Self {
        let mut words = vec![0_u64; DIGEST_SHARDS / 64];
        for shard in shards {
            if let Some(word) = words.get_mut(shard / 64) {
                *word |= 1 << (shard % 64);
            }
        }
        Self { words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_row_spread_over_all_shards() {
        let mut seen = vec![0_u32; DIGEST_SHARDS];
        for id in 0..64 * DIGEST_SHARDS as u128 {
            seen[SessionId(id).shard()] += 1;
        }
        assert!(seen.iter().all(|count| (16..=256).contains(count)));
    }

    #[test]
    fn removing_undoes_adding_and_the_order_does_not_matter() {
        let mut one = Digest::default();
        one.add(SessionId(1), 11);
        one.add(SessionId(2), 22);
        one.remove(SessionId(1), 11);
        let mut other = Digest::default();
        other.add(SessionId(2), 22);
        assert_eq!(one, other);
        other.add(SessionId(3), 33);
        let differing: Vec<_> = one.differing(&other).collect();
        assert_eq!(differing, [SessionId(3).shard()]);
    }

    #[test]
    fn a_session_that_nobody_was_told_of_does_not_count() {
        let mut digest = Digest::default();
        digest.add(SessionId(1), 0);
        assert_eq!(digest, Digest::default());
    }

    #[test]
    fn a_set_knows_its_shards() {
        let set: ShardSet = [SessionId(5).shard()].into_iter().collect();
        assert!(set.has(SessionId(5)));
        let other = (0..10_000)
            .map(SessionId)
            .find(|id| id.shard() != SessionId(5).shard());
        assert!(!set.has(other.unwrap()));
    }
}
