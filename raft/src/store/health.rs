//! How the durable group's store is: what operators and readiness see of a disk.

use types::Instant;

use super::keyspace::Headroom;

/// How the store is, as the storage loop saw it last: some seconds ago, or one while it is full.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StorageHealth {
    /// How much room there is; `None` when that cannot be told.
    pub room: Option<Headroom>,
    /// What the store waits for, while its disk is full.
    pub full: Option<NoRoom>,
}

impl StorageHealth {
    /// Why a write would have to wait now, if it would.
    pub fn lacks_room(&self) -> Option<String> {
        if let Some(full) = &self.full {
            return Some(full.error.clone());
        }
        let room = self.room.filter(|room| room.free < room.needed)?;
        let Headroom { free, needed, .. } = room;
        Some(format!(
            "no room for the store: {free} bytes are free, {needed} are needed"
        ))
    }
}

/// A write that waits for room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoRoom {
    /// Since when.
    pub since: Instant,
    /// Bytes that must be free for it.
    pub needed_bytes: u64,
    /// Why it could not be made, with the path.
    pub error: String,
}
