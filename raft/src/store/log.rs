//! The log: in memory for everybody who reads, and through the storage thread on the disk if durable.
//!
//! Both groups use it. What is appended can be read at once; the consensus is told when it is on the
//! disk. Votes and entries go through one queue, so they reach the disk in the order in which they were
//! made. The log is short (snapshots are cheap and frequent), so that keeping it in memory costs little
//! and reading never touches the disk.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::Arc;

use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{EntryPayload, OptionalSend, RaftTypeConfig};
use parking_lot::RwLock;
use raft_state::{ControlLineage, Incarnation, Versioned};

use super::codec::{decode, encode};
use super::journal::Journal;
use super::kept::{Keeping, Kept};
use super::keyspace::{Change, Key, KvStore, StoreError};
use crate::group::{Entry, Group, LogId, SnapshotMeta, Types, Vote, position};

mod turn;

pub(crate) use turn::{Aside, Held};

/// The log of one group; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LogStore<G: Group> {
    // One writer (the consensus), many readers (one for each peer), each for microseconds.
    log: Arc<RwLock<Log<G>>>,
    journal: Journal,
    keeping: Keeping,
}

#[derive(Clone, Debug)]
struct Log<G: Group> {
    entries: BTreeMap<u64, Entry<G>>,
    purged: Option<LogId<G>>,
    committed: Option<LogId<G>>,
    vote: Option<Vote<G>>,
}

impl<G: Group> Default for Log<G> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            purged: None,
            committed: None,
            vote: None,
        }
    }
}

/// A snapshot with its description.
pub(crate) type StoredSnapshot<G> = (SnapshotMeta<G>, <G as Group>::State);

/// What a durable store held when it was opened.
#[derive(Debug)]
pub(crate) struct Recovered<G: Group> {
    log: Log<G>,
    pub(crate) snapshot: Option<StoredSnapshot<G>>,
    /// The member that the store belongs to; absent in a new store.
    pub(crate) founded: Option<Incarnation>,
    /// The lineage that it takes part in; absent in a new store and in an old one.
    pub(crate) lineage: Option<ControlLineage>,
    /// What lineages that lost have left here.
    pub(crate) aside: Vec<Aside>,
}

/// The last guard before something that was agreed on is lost.
#[derive(Debug, thiserror::Error)]
#[error(
    "entries from {from} on were to be removed, and those up to {agreed} are agreed on: nothing was changed"
)]
struct Agreed {
    from: u64,
    agreed: u64,
}

impl<G: Group> Recovered<G> {
    /// Reads everything, and refuses what cannot have been written.
    pub(crate) fn read(store: &impl KvStore) -> Result<Self, StoreError> {
        let value = |key| store.get(key);
        let damaged = |what: &str, error: &dyn std::error::Error| {
            store.damaged(format!("{what} cannot be read: {error}"))
        };
        let founded = value(Key::Founded)?
            .map(|bytes| decode(&bytes).map_err(|error| damaged("its founder", &error)))
            .transpose()?;
        let mut log = Log {
            entries: BTreeMap::new(),
            purged: read(store, Key::Purged)?,
            committed: read(store, Key::Committed)?,
            vote: read(store, Key::Vote)?,
        };
        let mut next = log.purged.as_ref().map_or(0, |purged| purged.index() + 1);
        for (index, bytes) in store.entries()? {
            if index < next {
                continue;
            }
            let entry: Entry<G> =
                decode(&bytes).map_err(|error| damaged(&format!("entry {index}"), &error))?;
            if index != next || entry.index() != index {
                return Err(store.damaged(format!("entry {next} is missing")));
            }
            log.entries.insert(index, entry);
            next += 1;
        }
        let snapshot = value(Key::Snapshot)?
            .map(|bytes| {
                decode_snapshot::<G>(&bytes).map_err(|error| damaged("its snapshot", &error))
            })
            .transpose()?;
        let covered = snapshot
            .as_ref()
            .and_then(|(meta, _)| meta.last_log_id.as_ref());
        if covered.map(LogId::<G>::index) < log.purged.as_ref().map(LogId::<G>::index) {
            return Err(store.damaged("entries were removed that no snapshot holds".to_owned()));
        }
        Ok(Self {
            log,
            snapshot,
            founded,
            lineage: read(store, Key::Lineage)?,
            aside: read(store, Key::Aside)?.unwrap_or_default(),
        })
    }

    /// Reads everything, and makes a new store that of the life `incarnation`.
    pub(crate) fn claim(
        store: &mut impl KvStore,
        incarnation: Incarnation,
    ) -> Result<Self, StoreError> {
        let mut recovered = Self::read(store)?;
        if recovered.founded.is_none() {
            if !recovered.is_blank() {
                return Err(store.damaged("it does not say whose it is".to_owned()));
            }
            let founded = encode(&incarnation).map_err(|error| store.damaged(error.to_string()))?;
            store.write(&[Change::Put(Key::Founded, founded)])?;
            store.sync()?;
            recovered.founded = Some(incarnation);
        }
        Ok(recovered)
    }

    /// Whether there is something that was agreed on, or may have been.
    pub(crate) fn holds_anything(&self) -> bool {
        !self.log.entries.is_empty() || self.snapshot.is_some()
    }

    /// Whether nothing was ever written by a consensus.
    pub(crate) fn is_blank(&self) -> bool {
        self.log.vote.is_none() && self.log.entries.is_empty() && self.snapshot.is_none()
    }
}

fn read<T: serde::de::DeserializeOwned>(
    store: &impl KvStore,
    key: Key,
) -> Result<Option<T>, StoreError> {
    store
        .get(key)?
        .map(|bytes| {
            decode(&bytes)
                .map_err(|error| store.damaged(format!("{key:?} cannot be read: {error}")))
        })
        .transpose()
}

/// What goes to the disk for a snapshot.
pub(crate) fn encode_snapshot<G: Group>(
    meta: &SnapshotMeta<G>,
    state: &G::State,
) -> io::Result<Vec<u8>> {
    encode(&(meta, state.encode().map_err(io::Error::other)?))
}

fn decode_snapshot<G: Group>(bytes: &[u8]) -> io::Result<StoredSnapshot<G>> {
    let (meta, state): (SnapshotMeta<G>, Vec<u8>) = decode(bytes)?;
    let state = G::State::decode(&state).map_err(io::Error::other)?;
    Ok((meta, state))
}

impl<G: Group> LogStore<G> {
    /// An empty log in memory.
    pub(crate) fn in_memory() -> Self {
        Self {
            log: Arc::default(),
            journal: Journal::None,
            keeping: Keeping::from((0, 0)),
        }
    }

    /// The commands that the log holds, committed or not.
    pub(crate) fn commands(&self) -> Vec<G::Command> {
        let log = self.log.read();
        let command = |entry: &Entry<G>| match &entry.payload {
            EntryPayload::Normal(command) => Some(command.clone()),
            EntryPayload::Blank | EntryPayload::Membership(_) => None,
        };
        log.entries.values().filter_map(command).collect()
    }

    /// The log that was on the disk, going on there.
    pub(crate) fn durable(recovered: Recovered<G>, journal: Journal) -> Self {
        let log = recovered.log;
        let newest = log.entries.values().next_back().map(RaftEntry::log_id);
        let last = newest.or(log.purged);
        Self {
            keeping: Keeping::from(last.as_ref().map_or((0, 0), position::<G>)),
            log: Arc::new(RwLock::new(log)),
            journal,
        }
    }

    /// How far the log is on the disk; `None` of one that is on none.
    pub(crate) fn kept(&self) -> Option<Kept> {
        (!self.journal.is_none()).then(|| self.keeping.watch())
    }
}

impl<G: Group> Default for LogStore<G> {
    fn default() -> Self {
        Self::in_memory()
    }
}

impl<G: Group> RaftLogReader<Types<G>> for LogStore<G> {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Result<Vec<Entry<G>>, io::Error> {
        let log = self.log.read();
        Ok(log
            .entries
            .range(range)
            .map(|(_, entry)| entry.clone())
            .collect())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote<G>>, io::Error> {
        Ok(self.log.read().vote)
    }
}

impl<G: Group> RaftLogStorage<Types<G>> for LogStore<G> {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types<G>>, io::Error> {
        let log = self.log.read();
        Ok(LogState {
            last_purged_log_id: log.purged,
            last_log_id: log
                .entries
                .last_key_value()
                .map(|(_, entry)| entry.log_id())
                .or(log.purged),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<G>) -> Result<(), io::Error> {
        self.log.write().vote = Some(*vote);
        if self.journal.is_none() {
            return Ok(());
        }
        let change = Change::Put(Key::Vote, encode(vote)?);
        #[cfg(feature = "mutants")]
        if crate::mutants::is(crate::mutants::Mutant::VoteBeforeSync) {
            return self.journal.note(vec![change]).await;
        }
        self.journal.write(vec![change]).await
    }

    async fn save_committed(&mut self, committed: Option<LogId<G>>) -> Result<(), io::Error> {
        self.log.write().committed = committed;
        if self.journal.is_none() {
            return Ok(());
        }
        let change = match committed {
            Some(committed) => Change::Put(Key::Committed, encode(&committed)?),
            None => Change::Delete(Key::Committed),
        };
        self.journal.note(vec![change]).await
    }

    async fn read_committed(&mut self) -> Result<Option<LogId<G>>, io::Error> {
        Ok(self.log.read().committed)
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: IOFlushed<Types<G>>,
    ) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = <Types<G> as RaftTypeConfig>::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut changes = Vec::new();
        let mut last = (0, 0);
        {
            let durable = !self.journal.is_none();
            let mut log = self.log.write();
            for entry in entries {
                let index = entry.index();
                if durable {
                    changes.push(Change::Put(Key::Entry(index), encode(&entry)?));
                }
                last = position::<G>(&entry.log_id());
                log.entries.insert(index, entry);
            }
        }
        let keeping = self.keeping.clone();
        #[cfg(feature = "mutants")]
        if crate::mutants::is(crate::mutants::Mutant::AppendBeforeSync) {
            keeping.reached(last);
            callback.io_completed(Ok(()));
            return self.journal.note(changes).await;
        }
        let done = Box::new(move |result: io::Result<()>| {
            if result.is_ok() {
                keeping.reached(last);
            }
            callback.io_completed(result);
        });
        self.journal.submit(changes, done).await;
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId<G>>) -> Result<(), io::Error> {
        let removed = {
            let mut log = self.log.write();
            let from = last.map_or(0, |last| last.index() + 1);
            if let Some(agreed) = log.committed.map(|committed| committed.index())
                && agreed >= from
            {
                return Err(io::Error::other(Agreed { from, agreed }));
            }
            log.entries.split_off(&from)
        };
        // From the end: a crash in the middle leaves no hole.
        let changes = removed.into_keys().rev().map(delete).collect();
        self.journal.write(changes).await
    }

    async fn purge(&mut self, upto: LogId<G>) -> Result<(), io::Error> {
        let removed = {
            let mut log = self.log.write();
            log.purged = Some(upto);
            let kept = log.entries.split_off(&(upto.index() + 1));
            std::mem::replace(&mut log.entries, kept)
        };
        if self.journal.is_none() {
            return Ok(());
        }
        let mut changes = vec![Change::Put(Key::Purged, encode(&upto)?)];
        changes.extend(removed.into_keys().map(delete));
        self.journal.write(changes).await
    }
}

const fn delete(index: u64) -> Change {
    Change::Delete(Key::Entry(index))
}
