//! Whole clusters on one thread: virtual clock, virtual network, virtual disks, real agreement.
//!
//! ```text
//!   seed ─► world ─┬─ members   the product's own groups, each on a runtime whose time stands still
//!                  ├─ network   delay, loss, duplicates, partitions; the product's own messages
//!                  ├─ disks     keep what was synced, are slow, are full
//!                  ├─ fault     what goes wrong when
//!                  ├─ policy    may a node go on alone? the product's own, on simulated evidence
//!                  ├─ workload  commits, roles, port blocks, sessions
//!                  └─ invariant what must hold, one a file
//! ```
//! One seed is one history, down to the byte: [`run`] with a kept [`Trace`] shows it again.
//! [`campaign`] runs many seeds on all processors.

pub mod campaign;
pub mod clock;
pub mod disk;
pub mod fault;
pub mod invariant;
mod member;
pub mod network;
mod operator;
mod policy;
pub mod random;
mod seeds;
mod topology;
mod trace;
mod workload;
mod world;

pub use clock::Millis;
pub use seeds::{BeyondLastSeed, Seeds};
pub use topology::{Topology, UnknownTopology};
pub use trace::Trace;
pub use workload::{Opened, Request, RequestId, Told};
pub use world::{Run, Violation, run, run_plain};
