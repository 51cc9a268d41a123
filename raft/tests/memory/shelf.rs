//! A store that keeps everything at once, as long as the test runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use raft::StoreError;
use raft::seam::{Change, Key, KvStore};

/// Clones are the same shelf, so that it outlives a member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>);

impl Shelf {
    /// Another shelf with the same on it.
    pub(crate) fn copied(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().clone())))
    }
}

impl KvStore for Shelf {
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut kept = self.0.lock();
        for change in changes {
            match change {
                Change::Put(key, value) => drop(kept.insert(key.to_bytes(), value.clone())),
                Change::Delete(key) => drop(kept.remove(&key.to_bytes())),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().get(&key.to_bytes()).cloned())
    }

    fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let kept = self.0.lock();
        let entry =
            |(key, value): (&Vec<u8>, &Vec<u8>)| Some((Key::entry_index(key)?, value.clone()));
        Ok(kept.iter().filter_map(entry).collect())
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged {
            path: "(in memory)".into(),
            reason,
        }
    }
}
