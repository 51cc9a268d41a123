//! Sessions by id, merged by rank: of two changes of one session the higher (epoch, version) is true.
//!
//! The table is cut into shards behind `Arc`s. A clone shares them all, and only a shard that changes
//! afterwards is copied: so a snapshot of a million sessions costs a thousand pointers, not a pause.
//! Ended sessions leave a tombstone, so that a late record of the old owner does not bring them back;
//! each shard keeps the last few, which covers far more time than a batch can be late.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{
    DIGEST_SHARDS as SHARDS, Digest, Epoch, SessionChange, SessionId, SessionRecord, ShardDigest,
};

use crate::checksum::Checksum;

/// With all shards 65 536: two thirds of a second at 100 000 ended sessions a second.
const TOMBSTONES: usize = 64;

/// Sessions and tombstones.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct Table {
    shards: Vec<Arc<Shard>>,
    /// Derived from the shards.
    #[serde(skip)]
    sum: Checksum,
    /// Derived from the shards.
    #[serde(skip)]
    live: usize,
    /// Derived from the shards: their digests in one.
    #[serde(skip)]
    total: ShardDigest,
}

#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
struct Shard {
    entries: BTreeMap<SessionId, Entry>,
    /// Ids of the tombstones, oldest first.
    ended: VecDeque<SessionId>,
    /// Derived from the live entries.
    #[serde(skip)]
    digest: ShardDigest,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
enum Entry {
    Live {
        record: Arc<SessionRecord>,
        /// Derived from the record.
        #[serde(skip)]
        hash: Checksum,
    },
    Ended {
        epoch: Epoch,
        version: u32,
    },
}

impl Entry {
    fn rank(&self) -> (Epoch, u32) {
        match self {
            Self::Live { record, .. } => (record.epoch, record.version),
            Self::Ended { epoch, version } => (*epoch, *version),
        }
    }

    fn fingerprint(&self) -> u64 {
        match self {
            Self::Live { record, .. } => record.fingerprint(),
            Self::Ended { .. } => 0,
        }
    }

    fn hash(&self) -> Option<Checksum> {
        match self {
            Self::Live { hash, .. } => Some(*hash),
            Self::Ended { .. } => None,
        }
    }
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
    pub(super) fn merge(&mut self, change: &SessionChange) -> bool {
        let id = change.id();
        let Some(shard) = self.shards.get_mut(id.shard()) else {
            return false;
        };
        // Looking before writing: a shard that does not change must not be copied.
        if shard
            .entries
            .get(&id)
            .is_some_and(|known| known.rank() >= change.rank())
        {
            return false;
        }
        let (sum, live) = (&mut self.sum, &mut self.live);
        let shard = Arc::make_mut(shard);
        let entry = match change {
            SessionChange::Put(record) => {
                let hash = Checksum::of(record);
                *sum += hash;
                *live += 1;
                Entry::Live {
                    record: Arc::new(record.clone()),
                    hash,
                }
            }
            SessionChange::Remove { epoch, version, .. } => Entry::Ended {
                epoch: *epoch,
                version: *version,
            },
        };
        let ends = matches!(entry, Entry::Ended { .. });
        let fingerprint = entry.fingerprint();
        let replaced = shard.entries.insert(id, entry);
        let outdated = replaced.as_ref().map_or(0, Entry::fingerprint);
        for digest in [&mut shard.digest, &mut self.total] {
            digest.remove(outdated);
            digest.add(fingerprint);
        }
        if let Some(hash) = replaced.as_ref().and_then(Entry::hash) {
            *sum -= hash;
            *live -= 1;
        }
        let was_ended = matches!(replaced, Some(Entry::Ended { .. }));
        match (was_ended, ends) {
            (false, true) => shard.bury(id),
            (true, false) => shard.ended.retain(|ended| *ended != id),
            (false, false) | (true, true) => {}
        }
        true
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Arc<SessionRecord>> {
        match self.shards.get(id.shard())?.entries.get(&id)? {
            Entry::Live { record, .. } => Some(record),
            Entry::Ended { .. } => None,
        }
    }

    /// Every live session, in an order that is the same on all nodes.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<SessionRecord>> {
        self.shards
            .iter()
            .flat_map(|shard| shard.entries.values())
            .filter_map(|entry| match entry {
                Entry::Live { record, .. } => Some(record),
                Entry::Ended { .. } => None,
            })
    }

    /// Everything the table knows as changes: what a new table merges to become like this one.
    pub(super) fn changes(&self) -> impl Iterator<Item = SessionChange> + '_ {
        self.shards
            .iter()
            .flat_map(|shard| &shard.entries)
            .map(|(id, entry)| match entry {
                Entry::Live { record, .. } => SessionChange::Put(SessionRecord::clone(record)),
                Entry::Ended { epoch, version } => SessionChange::Remove {
                    id: *id,
                    epoch: *epoch,
                    version: *version,
                },
            })
    }

    /// Rank of what is known of a session, living or ended.
    pub(super) fn rank(&self, id: SessionId) -> Option<(Epoch, u32)> {
        Some(self.shards.get(id.shard())?.entries.get(&id)?.rank())
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

    /// The live sessions of some shards.
    pub(super) fn in_shards(
        &self,
        shards: impl IntoIterator<Item = usize>,
    ) -> impl Iterator<Item = &Arc<SessionRecord>> {
        let chosen = shards
            .into_iter()
            .filter_map(|place| self.shards.get(place));
        chosen
            .flat_map(|shard| shard.entries.values())
            .filter_map(|entry| match entry {
                Entry::Live { record, .. } => Some(record),
                Entry::Ended { .. } => None,
            })
    }

    /// Computes what is not stored; `None` when these shards never were a table.
    pub(super) fn completed(mut self) -> Option<Self> {
        if self.shards.len() != SHARDS {
            return None;
        }
        for (place, shard) in self.shards.iter_mut().enumerate() {
            let shard = Arc::make_mut(shard);
            for (id, entry) in &mut shard.entries {
                if id.shard() != place {
                    return None;
                }
                if let Entry::Live { record, hash } = entry {
                    *hash = Checksum::of(record.as_ref());
                    self.sum += *hash;
                    self.live += 1;
                    shard.digest.add(record.fingerprint());
                }
            }
            self.total.join(shard.digest);
        }
        Some(self)
    }
}

impl Shard {
    fn bury(&mut self, id: SessionId) {
        self.ended.push_back(id);
        if self.ended.len() > TOMBSTONES
            && let Some(oldest) = self.ended.pop_front()
            && matches!(self.entries.get(&oldest), Some(Entry::Ended { .. }))
        {
            self.entries.remove(&oldest);
        }
    }
}
