//! A record that never changes any more, with its hash: large texts are cloned and hashed once.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::checksum::Checksum;

/// A shared record. It is stored as the record alone; the hash is computed when it is read.
#[derive(Clone, Debug)]
pub struct Sealed<T> {
    record: Arc<T>,
    digest: Checksum,
}

impl<T: Serialize> Sealed<T> {
    /// Seals `record`.
    pub fn new(record: T) -> Self {
        Self {
            digest: Checksum::of(&record),
            record: Arc::new(record),
        }
    }
}

impl<T> Sealed<T> {
    /// The record's hash.
    pub const fn digest(&self) -> Checksum {
        self.digest
    }
}

impl<T> Deref for Sealed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.record
    }
}

impl<T: PartialEq> PartialEq for Sealed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
            && (Arc::ptr_eq(&self.record, &other.record) || self.record == other.record)
    }
}

impl<T: Eq> Eq for Sealed<T> {}

impl<T: Serialize> Serialize for Sealed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.record.serialize(serializer)
    }
}

impl<'de, T: Serialize + Deserialize<'de>> Deserialize<'de> for Sealed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}
