//! Sessions by id, merged by rank: of two changes of one session the higher (epoch, version) is true.
//!
//! The table is cut into shards behind `Arc`s. A clone shares them all, and only a shard that changes
//! afterwards is copied: so a snapshot of a million sessions costs a thousand pointers, not a pause.
//! Ended sessions leave a tombstone, so that a late record of the old owner does not bring them back;
//! each shard keeps the last few, which covers far more time than a batch can be late.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use types::{
    DIGEST_SHARDS as SHARDS, Digest, Epoch, SessionChange, SessionId, SessionRecord, ShardDigest,
};

use super::names::Names;
use super::packed::{Packed, PackedChange};
use super::shard::Shard;
use crate::checksum::Checksum;

/// Sessions and tombstones.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Table {
    shards: Vec<Arc<Shard>>,
    /// Derived from the shards.
    sum: Checksum,
    /// Derived from the shards.
    live: usize,
    /// Derived from the shards: their digests in one.
    total: ShardDigest,
}

impl Default for Table {
    fn default() -> Self {
        // All shards share one empty map until they differ.
        Self {
            shards: vec![Arc::default(); SHARDS],
            sum: Checksum::default(),
            live: 0,
            total: ShardDigest::default(),
        }
    }
}

impl Table {
    /// Takes `change` over unless a newer one of the same session is known; says whether it did.
    pub(super) fn merge(&mut self, change: PackedChange<'_>) -> bool {
        let id = change.id();
        let Some(shard) = self.shards.get_mut(id.shard()) else {
            return false;
        };
        // Looking before writing: a shard that does not change must not be copied.
        let known = shard.get(id);
        if known.is_some_and(|known| known.rank() >= change.rank()) {
            return false;
        }
        let old = known.filter(PackedChange::is_live).map(hash);
        let outdated = known.map_or(0, |known| known.fingerprint());
        let was_ended = known.is_some() && old.is_none();
        let ends = !change.is_live();
        let shard = Arc::make_mut(shard);
        if !shard.put(change) {
            return false;
        }
        for digest in [&mut shard.digest, &mut self.total] {
            digest.remove(outdated);
            digest.add(change.fingerprint());
        }
        if let Some(old) = old {
            self.sum -= old;
            self.live -= 1;
        }
        if !ends {
            self.sum += hash(change);
            self.live += 1;
        }
        match (was_ended, ends) {
            (false, true) => shard.bury(id),
            (true, false) => shard.unbury(id),
            (false, false) | (true, true) => {}
        }
        true
    }

    pub(super) fn get(&self, id: SessionId) -> Option<SessionRecord> {
        live(self.known(id)?, &mut Names::default())
    }

    fn known(&self, id: SessionId) -> Option<PackedChange<'_>> {
        self.shards.get(id.shard())?.get(id)
    }

    /// Every live session, in an order that is the same on all nodes.
    pub(super) fn iter(&self) -> impl Iterator<Item = SessionRecord> {
        let mut names = Names::default();
        self.changes()
            .filter_map(move |change| live(change, &mut names))
    }

    /// Everything the table knows as changes: what a new table merges to become like this one.
    pub(super) fn changes(&self) -> impl Iterator<Item = PackedChange<'_>> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// Rank of what is known of a session, living or ended.
    pub(super) fn rank(&self, id: SessionId) -> Option<(Epoch, u32)> {
        Some(self.known(id)?.rank())
    }

    /// Rank of a session that lives.
    pub(super) fn living_rank(&self, id: SessionId) -> Option<(Epoch, u32)> {
        self.known(id)
            .filter(PackedChange::is_live)
            .map(|known| known.rank())
    }

    pub(super) const fn len(&self) -> usize {
        self.live
    }

    pub(super) const fn checksum(&self) -> Checksum {
        self.sum
    }

    /// What the live sessions sum up to, shard by shard.
    pub(super) fn digest(&self) -> Digest {
        Digest::from_shards(self.shards.iter().map(|shard| shard.digest))
    }

    /// The same in one.
    pub(super) const fn total(&self) -> ShardDigest {
        self.total
    }

    /// The live sessions of some shards with their ranks.
    pub(super) fn ranks_in(
        &self,
        shards: impl IntoIterator<Item = usize>,
    ) -> impl Iterator<Item = (SessionId, (Epoch, u32))> {
        let chosen = shards
            .into_iter()
            .filter_map(|place| self.shards.get(place));
        chosen
            .flat_map(|shard| shard.iter())
            .filter(PackedChange::is_live)
            .map(|known| (known.id(), known.rank()))
    }

    /// A table of these shards; `None` when they never were one.
    fn restored(shards: Vec<(Packed, VecDeque<SessionId>)>) -> Option<Self> {
        if shards.len() != SHARDS {
            return None;
        }
        let mut table = Self::default();
        for (number, (place, (stored, ended))) in (0..).zip(table.shards.iter_mut().zip(shards)) {
            for change in stored.iter() {
                if change.id().shard() != number {
                    return None;
                }
                if change.is_live() {
                    table.sum += hash(change);
                    table.live += 1;
                }
            }
            if !stored.is_empty() || !ended.is_empty() {
                let shard = Shard::restored(&stored, ended)?;
                table.total.join(shard.digest);
                *place = Arc::new(shard);
            }
        }
        // The same id twice would be counted twice.
        let live = table.changes().filter(PackedChange::is_live).count();
        (live == table.live).then_some(table)
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.shards.iter().map(|shard| shard.stored()))
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        Self::restored(Vec::deserialize(deserializer)?)
            .ok_or_else(|| D::Error::custom("sessions are in the wrong shard"))
    }
}

fn live(change: PackedChange<'_>, names: &mut Names) -> Option<SessionRecord> {
    match change.unpack(names)? {
        SessionChange::Put(record) => Some(record),
        SessionChange::Remove { .. } => None,
    }
}

fn hash(change: PackedChange<'_>) -> Checksum {
    Checksum::of_bytes(change.id().0, change.body)
}
