//! The entries with their orders: by deadline, and by who gives way first when the table is full.

use std::collections::{BTreeMap, BTreeSet};

use types::{Giid, Instant};

use crate::entry::{Entry, Key, State};

/// Entries, always in step with their orders: change them only through [`Schedule::put`].
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    entries: BTreeMap<Key, Entry>,
    deadlines: BTreeSet<(Instant, Key)>,
    /// Those with a MAC address: first those that only asked us, each group the longest unheard first.
    idle: BTreeSet<(bool, Instant, Key)>,
}

impl Schedule {
    pub(crate) fn get(&self, key: Key) -> Option<Entry> {
        self.entries.get(&key).copied()
    }

    pub(crate) fn put(&mut self, key: Key, entry: Entry) {
        self.remove(key);
        if let Some(deadline) = entry.deadline {
            self.deadlines.insert((deadline, key));
        }
        if entry.state.mac().is_some() {
            self.idle.insert((entry.needed, entry.heard_at, key));
        }
        self.entries.insert(key, entry);
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(&key)?;
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        self.idle.remove(&(entry.needed, entry.heard_at, key));
        Some(entry)
    }

    /// The next entry whose deadline has come.
    pub(crate) fn due(&self, now: Instant) -> Option<(Key, Entry)> {
        let (_, key) = self
            .deadlines
            .first()
            .filter(|(deadline, _)| *deadline <= now)?;
        Some((*key, self.get(*key)?))
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Who gives way to somebody that we need, or to somebody that only asked us.
    pub(crate) fn gives_way(&self, to_needed: bool) -> Option<Key> {
        let (needed, _, key) = self.idle.first()?;
        (to_needed || !needed).then_some(*key)
    }

    pub(crate) fn keys_on(&self, interface: Giid) -> Vec<Key> {
        self.entries
            .keys()
            .filter(|(on, _)| *on == interface)
            .copied()
            .collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, State)> {
        self.entries.iter().map(|(key, entry)| (*key, entry.state))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Entries that wait for a first answer.
    pub(crate) fn incomplete(&self) -> usize {
        self.entries.len() - self.idle.len()
    }
}
