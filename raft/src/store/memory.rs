//! A store that forgets: an implementation without a disk, which shows that nothing depends on one.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::keyspace::{Change, Key, KvStore, StoreError};

/// A map. Clones share it, so that a test can open it again.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryStore(Arc<Mutex<BTreeMap<Key, Vec<u8>>>>);

impl KvStore for MemoryStore {
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut map = self.0.lock();
        for change in changes {
            match change {
                Change::Put(key, value) => drop(map.insert(*key, value.clone())),
                Change::Delete(key) => drop(map.remove(key)),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().get(&key).cloned())
    }

    fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        Ok(self
            .0
            .lock()
            .iter()
            .filter_map(|(key, value)| {
                let Key::Entry(index) = key else { return None };
                Some((*index, value.clone()))
            })
            .collect())
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged {
            path: "(memory)".into(),
            reason,
        }
    }
}
