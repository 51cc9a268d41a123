//! What the storage thread asks of a key-value store, and how the keys look.
//!
//! One tree a group, with the kind in the first byte of the key: then one batch is one atomic write,
//! whatever it touches.

use std::path::PathBuf;

use super::engine::StoreKind;

/// Why the store did not do what it was asked. Once it has failed to write for any other reason than a
/// full disk, it writes no more.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk has no room left. Nothing was written.
    #[error("no room for the store {path}: {free_bytes} bytes are free, {needed_bytes} are needed")]
    NoSpace {
        /// The store.
        path: PathBuf,
        /// What is left.
        free_bytes: u64,
        /// What must be left.
        needed_bytes: u64,
    },
    /// Another library than the chosen one has written it. Nothing was touched.
    #[error(
        "the store {path} was written by {found}, and {wanted} was chosen: choose {found}, or move \
         the store away and let the other members fill a new one"
    )]
    OtherKind {
        /// The store.
        path: PathBuf,
        /// The library that has written it.
        found: StoreKind,
        /// The one that was to open it.
        wanted: StoreKind,
    },
    /// The store can be opened but its content is damaged, or it has forgotten what it had confirmed.
    #[error("the store {path} is damaged: {reason}")]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another process has the store open.
    #[error("{path} is in use by another process: stop that one first")]
    InUse {
        /// The store.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("the store {path} cannot be used")]
    Io {
        /// The store.
        path: PathBuf,
        /// What it says.
        #[source]
        source: std::io::Error,
    },
}

/// Place of a value. Numbers are big-endian, so that the order of keys is the order of entries.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Key {
    /// A log entry by its index.
    Entry(u64),
    /// The vote.
    Vote,
    /// The last log id that was committed, as far as noted.
    Committed,
    /// The last log id that was removed from the front.
    Purged,
    /// The snapshot with its description.
    Snapshot,
    /// The incarnation under which this store began: the member that it belongs to.
    Founded,
    /// The lineage of the group that the store takes part in; absent in a store of before there were any.
    Lineage,
    /// What lineages that lost have left here and has not been handed over yet.
    Aside,
}

impl Key {
    /// First byte of all entries' keys.
    pub(crate) const ENTRIES: u8 = b'l';

    /// The key as bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Entry(index) => {
                let mut key = vec![Self::ENTRIES];
                key.extend_from_slice(&index.to_be_bytes());
                key
            }
            Self::Vote => b"vote".to_vec(),
            Self::Committed => b"committed".to_vec(),
            Self::Purged => b"purged".to_vec(),
            Self::Snapshot => b"snapshot".to_vec(),
            Self::Founded => b"founded".to_vec(),
            // Not "lineage": that would be among the entries, whose keys begin alike.
            Self::Lineage => b"generation".to_vec(),
            Self::Aside => b"aside".to_vec(),
        }
    }

    /// The index in an entry's key.
    pub fn entry_index(key: &[u8]) -> Option<u64> {
        let (&Self::ENTRIES, index) = key.split_first()? else {
            return None;
        };
        Some(u64::from_be_bytes(index.try_into().ok()?))
    }
}

/// One change of the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// A value takes the place of what was there.
    Put(Key, Vec<u8>),
    /// Nothing is there any more.
    Delete(Key),
}

impl Change {
    /// Roughly what it needs on the disk.
    pub(crate) const fn bytes(&self) -> usize {
        match self {
            Self::Put(_, value) => value.len() + 16,
            Self::Delete(_) => 16,
        }
    }
}

/// What a store finds on its disk, and what it wants to find there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Headroom {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes that the disk has in all.
    pub total: u64,
    /// Bytes below which even the smallest write is refused.
    pub needed: u64,
}

impl Headroom {
    /// How much of the disk is free, in whole percent.
    pub fn free_percent(&self) -> u8 {
        let percent = u128::from(self.free) * 100 / u128::from(self.total.max(1));
        u8::try_from(percent.min(100)).unwrap_or(100)
    }
}

/// A key-value store that one thread owns.
pub trait KvStore: Send + 'static {
    /// Makes all `changes` or none. They need not be on the disk yet. After [`StoreError::NoSpace`]
    /// nothing has changed, and the same may be tried again; after any other error the store is useless.
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError>;
    /// How long a disk takes before everything is on it. A real one makes [`KvStore::sync`] wait, so
    /// that only a simulated one has something to say here.
    fn before_sync(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
    /// Returns when everything written before is on the disk.
    fn sync(&mut self) -> Result<(), StoreError>;
    /// One value.
    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError>;
    /// All entries with their index, ascending.
    fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError>;
    /// An error that blames the content.
    fn damaged(&self, reason: String) -> StoreError;
    /// How much room there is. A store without a disk has enough.
    fn headroom(&self) -> Result<Headroom, StoreError> {
        Ok(Headroom {
            free: u64::MAX,
            total: u64::MAX,
            needed: 0,
        })
    }
    /// Gives back what deleted values still take up, if it has become too much. Returns whether it did.
    /// Everything waits meanwhile, and everything written before is on the disk afterwards. After an
    /// error a store goes on as before, unless it says at the next write that it failed.
    fn rebuild_if_wasteful(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_room_is_told_in_whole_percent_even_of_no_disk_at_all() {
        let percent = |free, total| {
            let needed = 0;
            Headroom {
                free,
                total,
                needed,
            }
            .free_percent()
        };
        assert_eq!((percent(0, 100), percent(49, 1_000)), (0, 4));
        assert_eq!((percent(u64::MAX, u64::MAX), percent(0, 0)), (100, 0));
        assert_eq!(percent(7, 0), 100);
    }

    #[test]
    fn no_other_key_is_among_those_of_the_entries() {
        let others = [
            Key::Vote,
            Key::Committed,
            Key::Purged,
            Key::Snapshot,
            Key::Founded,
            Key::Lineage,
            Key::Aside,
        ];
        for key in others {
            assert_ne!(key.to_bytes().first(), Some(&Key::ENTRIES), "{key:?}");
        }
    }
}
