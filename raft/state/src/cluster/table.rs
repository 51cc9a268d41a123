//! Sessions by id, merged by rank: of two changes of one session the higher (epoch, version) is true.
//!
//! The table is cut into shards behind `Arc`s. A clone shares them all, and only a shard that changes
//! afterwards is copied: so a snapshot of a million sessions costs a thousand pointers, not a pause.
//! Ended sessions leave a tombstone, so that a late record of the old owner does not bring them back;
//! each shard keeps the last few, which covers far more time than a batch can be late.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{Epoch, SessionChange, SessionId, SessionRecord};

use crate::checksum::Checksum;

/// Enough that copying one after a snapshot takes microseconds at a million sessions.
const SHARDS: usize = 1024;
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
}

#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
struct Shard {
    entries: BTreeMap<SessionId, Entry>,
    /// Ids of the tombstones, oldest first.
    ended: VecDeque<SessionId>,
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
        }
    }
}

impl Table {
    /// Takes `change` over unless a newer one of the same session is known; says whether it did.
    pub(super) fn merge(&mut self, change: &SessionChange) -> bool {
        let id = change.id();
        let Some(shard) = self.shards.get_mut(shard_of(id)) else {
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
        let replaced = shard.entries.insert(id, entry);
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
        match self.shards.get(shard_of(id))?.entries.get(&id)? {
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
        Some(self.shards.get(shard_of(id))?.entries.get(&id)?.rank())
    }

    pub(super) const fn len(&self) -> usize {
        self.live
    }

    pub(super) const fn checksum(&self) -> Checksum {
        self.sum
    }

    /// Computes what is not stored; `None` when these shards never were a table.
    pub(super) fn completed(mut self) -> Option<Self> {
        if self.shards.len() != SHARDS {
            return None;
        }
        for (place, shard) in self.shards.iter_mut().enumerate() {
            let shard = Arc::make_mut(shard);
            for (id, entry) in &mut shard.entries {
                if shard_of(*id) != place {
                    return None;
                }
                if let Entry::Live { record, hash } = entry {
                    *hash = Checksum::of(record.as_ref());
                    self.sum += *hash;
                    self.live += 1;
                }
            }
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

/// The shard of a session: ids may be counters, so their bits are mixed first.
fn shard_of(id: SessionId) -> usize {
    let folded = (id.0 ^ (id.0 >> 64)) & u128::from(u64::MAX);
    let mixed = u64::try_from(folded)
        .unwrap_or_default()
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 54).unwrap_or_default()
}
