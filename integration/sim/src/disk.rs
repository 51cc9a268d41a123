//! A disk that keeps what was synced, forgets the rest in a crash, may be slow and may be full.
//!
//! A crash keeps some of the writes that were not synced, from the oldest on: that is what a store with
//! a log may find on a disk. Each write is there whole or not at all, which is what such a store makes
//! of a torn one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use raft::StoreError;
use raft::seam::{Change, Key, KvStore};

use crate::clock::Millis;
use crate::random::Random;

/// The disk of one member; clones are the same disk, which outlives the member's lives.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug)]
struct Platter {
    /// What is there after a crash, whatever happens.
    durable: BTreeMap<Key, Vec<u8>>,
    /// What a reader sees.
    seen: BTreeMap<Key, Vec<u8>>,
    unsynced: VecDeque<Vec<Change>>,
    /// How long a sync takes, at least and at most.
    latency: (Millis, Millis),
    full: bool,
    random: Random,
}

/// A healthy disk's.
const LATENCY: (Millis, Millis) = (Millis(0), Millis(3));

impl Disk {
    /// An empty disk.
    pub fn new(random: Random) -> Self {
        Self(Arc::new(Mutex::new(Platter {
            durable: BTreeMap::new(),
            seen: BTreeMap::new(),
            unsynced: VecDeque::new(),
            latency: LATENCY,
            full: false,
            random,
        })))
    }

    /// The power goes: some of the newest writes are gone. Returns how many.
    pub fn crash(&self) -> usize {
        let mut platter = self.0.lock();
        let unsynced = u64::try_from(platter.unsynced.len()).unwrap_or(u64::MAX);
        let kept = platter.random.between(0, unsynced);
        for _ in 0..kept {
            platter.sync_oldest();
        }
        let lost = platter.unsynced.len();
        platter.unsynced.clear();
        platter.seen = platter.durable.clone();
        lost
    }

    /// From now on a sync takes at least and at most that long.
    pub fn slow_down(&self, least: Millis, most: Millis) {
        self.0.lock().latency = (least, most);
    }

    /// There is no room any more, or there is again.
    pub fn set_full(&self, full: bool) {
        self.0.lock().full = full;
    }

    /// Everything is as it should be again, but for what was lost.
    pub fn repair(&self) {
        let mut platter = self.0.lock();
        platter.latency = LATENCY;
        platter.full = false;
    }

    /// Whether something was written that a crash would lose.
    pub fn has_unsynced(&self) -> bool {
        !self.0.lock().unsynced.is_empty()
    }

    /// Whether a vote was written that a crash would lose.
    pub fn has_unsynced_vote(&self) -> bool {
        let is_vote = |change: &Change| matches!(change, Change::Put(Key::Vote, _));
        let platter = self.0.lock();
        let mut unsynced = platter.unsynced.iter().flatten();
        unsynced.any(is_vote)
    }

    /// Whether an entry was written that a crash would lose.
    pub fn has_unsynced_entry(&self) -> bool {
        let is_entry = |change: &Change| matches!(change, Change::Put(Key::Entry(_), _));
        let platter = self.0.lock();
        let mut unsynced = platter.unsynced.iter().flatten();
        unsynced.any(is_entry)
    }

    /// Whether the entry of that index is there after a crash, whatever happens.
    pub fn keeps(&self, index: u64) -> bool {
        self.0.lock().durable.contains_key(&Key::Entry(index))
    }

    /// Another one takes its place, with nothing on it.
    pub fn replace(&self) {
        let mut platter = self.0.lock();
        platter.unsynced.clear();
        platter.durable.clear();
        platter.seen.clear();
    }

    /// Whether any value contains `needle`.
    pub fn contains(&self, needle: &[u8]) -> bool {
        let platter = self.0.lock();
        platter.seen.values().any(|value| contains(value, needle))
    }
}

/// Whether `haystack` contains `needle`.
pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

impl Platter {
    fn sync_oldest(&mut self) {
        for change in self.unsynced.pop_front().into_iter().flatten() {
            make(&mut self.durable, change);
        }
    }
}

fn make(map: &mut BTreeMap<Key, Vec<u8>>, change: Change) {
    match change {
        Change::Put(key, value) => drop(map.insert(key, value)),
        Change::Delete(key) => drop(map.remove(&key)),
    }
}

impl KvStore for Disk {
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut platter = self.0.lock();
        if platter.full {
            return Err(StoreError::NoSpace {
                path: "(simulated)".into(),
                free_bytes: 0,
                needed_bytes: 1,
            });
        }
        for change in changes {
            make(&mut platter.seen, change.clone());
        }
        platter.unsynced.push_back(changes.to_vec());
        Ok(())
    }

    async fn before_sync(&mut self) {
        let pause = {
            let mut platter = self.0.lock();
            let (least, most) = platter.latency;
            platter.random.between(least.0, most.0)
        };
        if pause > 0 {
            tokio::time::sleep(Millis(pause).duration()).await;
        }
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let mut platter = self.0.lock();
        while !platter.unsynced.is_empty() {
            platter.sync_oldest();
        }
        Ok(())
    }

    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().seen.get(&key).cloned())
    }

    fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let platter = self.0.lock();
        let entry = |(key, value): (&Key, &Vec<u8>)| {
            let index = Key::entry_index(&key.to_bytes())?;
            Some((index, value.clone()))
        };
        Ok(platter.seen.iter().filter_map(entry).collect())
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged {
            path: "(simulated)".into(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_keeps_what_was_synced_and_the_oldest_of_the_rest() {
        let put = |value| [Change::Put(Key::Vote, vec![value])];
        for seed in 0..20 {
            let mut disk = Disk::new(Random::new(seed));
            disk.write(&put(1)).unwrap();
            disk.sync().unwrap();
            disk.write(&put(2)).unwrap();
            disk.write(&put(3)).unwrap();
            let lost = disk.crash();
            let left = disk.get(Key::Vote).unwrap().unwrap();
            assert_eq!(left, [3 - u8::try_from(lost).unwrap()]);
        }
    }
}
