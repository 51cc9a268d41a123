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
use raft_state::Incarnation;

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
    /// The life that used it last, which is noted before anything else is written.
    life: Option<Incarnation>,
    /// What was copied from it, and is beside it.
    copy: Option<Copied>,
    /// How long a sync takes, at least and at most.
    latency: (Millis, Millis),
    full: bool,
    random: Random,
}

#[derive(Clone, Debug)]
struct Copied {
    durable: BTreeMap<Key, Vec<u8>>,
    life: Option<Incarnation>,
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
            life: None,
            copy: None,
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
        self.0.lock().clear();
    }

    /// A copy is taken, of what would be there after a crash.
    pub fn copy(&self) {
        let mut platter = self.0.lock();
        let (durable, life) = (platter.durable.clone(), platter.life);
        platter.copy = Some(Copied { durable, life });
    }

    /// Whether there is one, if need be of an earlier life: nothing tells one of the same life from the newest.
    pub fn has_copy(&self, earlier: bool) -> bool {
        let platter = self.0.lock();
        let mut copy = platter.copy.iter();
        copy.any(|copy| !earlier || copy.life < platter.life)
    }

    /// The copy takes its place, if there is one.
    pub fn put_back(&self) {
        let mut platter = self.0.lock();
        if let Some(copy) = platter.copy.clone() {
            platter.clear();
            platter.seen.clone_from(&copy.durable);
            platter.durable = copy.durable;
            platter.life = copy.life;
        }
    }

    /// The life `begins` with it, as at a member's start: one that was used last by an earlier life than the one
    /// `in_force` is put away unless it is `believed`. Returns the life that used it last.
    pub(crate) fn begin(
        &self,
        begins: Incarnation,
        in_force: Option<Incarnation>,
        believed: bool,
    ) -> Option<Incarnation> {
        let mut platter = self.0.lock();
        if platter.life.is_some() && platter.life < in_force && !believed {
            platter.clear();
        }
        platter.life.replace(begins)
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
    fn clear(&mut self) {
        self.unsynced.clear();
        self.durable.clear();
        self.seen.clear();
        self.life = None;
    }

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

    #[test]
    fn a_copy_is_what_a_crash_would_have_left_and_is_known_by_its_life() {
        let put = |value| [Change::Put(Key::Vote, vec![value])];
        let mut disk = Disk::new(Random::new(1));
        let lives = [1, 2, 3].map(Incarnation);
        assert_eq!(disk.begin(lives[0], None, false), None);
        disk.write(&put(1)).unwrap();
        disk.sync().unwrap();
        disk.write(&put(2)).unwrap();
        disk.copy();
        disk.sync().unwrap();
        assert_eq!(disk.begin(lives[1], Some(lives[0]), false), Some(lives[0]));

        disk.put_back();
        assert_eq!(disk.get(Key::Vote).unwrap(), Some(vec![1]));
        assert_eq!(disk.begin(lives[2], Some(lives[1]), true), Some(lives[0]));
        assert!(disk.get(Key::Vote).unwrap().is_some());

        disk.put_back();
        assert_eq!(disk.begin(lives[2], Some(lives[1]), false), None);
        assert!(disk.get(Key::Vote).unwrap().is_none());
    }
}
