//! What a member keeps, and the only place that knows sled.
//!
//! ```text
//!   consensus ── append, vote, purge ──► LogStore ── jobs ──► storage loop ────► KvStore (sled | memory)
//!       │                                (log in memory)       one flush for all that wait
//!       └───── apply, snapshot ────────► Machine ──────────────┘ (snapshots of the durable group)
//! ```

mod codec;
mod incarnation;
mod journal;
mod keyspace;
mod log;
mod machine;
#[cfg(test)]
mod memory;
mod on_disk;
mod recovery;
#[cfg(test)]
mod tests;

pub(crate) use codec::{decode, encode};
pub(crate) use incarnation::next_incarnation;
pub(crate) use journal::Journal;
pub use keyspace::{Change, Key, KvStore, StoreError};
pub(crate) use log::{Aside, Held, LogStore, Recovered};
pub(crate) use machine::{Applied, Machine, Observer, SharedSnapshot};
#[cfg(test)]
pub(crate) use memory::MemoryStore;
pub(crate) use on_disk::DiskStore;
pub(crate) use recovery::open_or_replace;
