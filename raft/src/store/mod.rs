//! What a member keeps, and the only place that knows the libraries that keep it.
//!
//! ```text
//!   consensus ── append, vote, purge ──► LogStore ── jobs ──► storage loop ────► KvStore
//!       │                                (log in memory)       one flush for all that wait
//!       └───── apply, snapshot ────────► Machine ──────────────┘ (snapshots of the durable group)
//!
//!   KvStore:  DiskStore ── ledger, watermark ──► engine (sled | redb)
//!             MemoryStore (tests)
//! ```

mod blame;
mod codec;
mod engine;
mod files;
mod folder;
mod health;
mod incarnation;
mod journal;
mod kept;
mod keyspace;
mod ledger;
mod log;
mod machine;
#[cfg(test)]
mod memory;
mod on_disk;
mod recovery;
mod reserve;
#[cfg(test)]
mod tests;
mod watermark;

pub(crate) use codec::{decode, encode};
pub use engine::StoreKind;
pub(crate) use folder::occupy;
pub use health::{NoRoom, StorageHealth};
pub(crate) use incarnation::{last_incarnation, next_incarnation, note_incarnation};
pub(crate) use journal::Journal;
#[cfg(test)]
pub(crate) use kept::Keeping;
pub(crate) use kept::Kept;
pub use keyspace::{Change, Headroom, Key, KvStore, StoreError};
pub(crate) use log::{Aside, Held, LogStore, Recovered};
pub(crate) use machine::{Applied, Machine, Observer, SharedSnapshot};
#[cfg(test)]
pub(crate) use memory::MemoryStore;
pub(crate) use on_disk::DiskStore;
pub(crate) use recovery::{open_or_replace, put_away_if_older};
pub(crate) use reserve::{make_room, put_by};
