//! Packets: where each one goes, and sending it there.
//!
//! ```text
//!            ┌────────────── SessionProc-NN, one thread each ───────────────┐
//!  device ──►│ Port ─► Worker ─► Shard (pipeline: session, NAT, egress) ─►──│──► device
//!            └───▲────────▲──────────────┬──────────────────┬───────────────┘
//!                │        │ commands     │ Needed, Heard    │ events
//!            EpochGate  Handle ◄─ node   ▼                  ▼
//!            (heartbeat thread)    NeighborActor ────────► node
//! ```
//!
//! The way in: [`start()`] with a [`Plan`], then the [`Handle`]. A packet's way is `pipeline/`; what a
//! shard decides without a thread or a socket is [`shard::Shard`], and that is what most tests drive.
//!
//! What is deliberately absent: a lock or an allocation for a packet of a known session, a packet that
//! vanishes without a [`types::DropReason`], and any knowledge of VRRP or Raft. The gate says whether
//! this node forwards, and one load of it a batch is all that a takeover takes.

mod audit;
mod device;
mod driver;
mod error;
mod event;
mod fragments;
mod handle;
mod io;
mod limiter;
mod neighbors;
mod offload;
mod opening;
mod pending;
mod pipeline;
mod pool;
mod reconfigure;
mod start;
mod status;
mod upkeep;
mod waker;
mod worker;

pub mod counters;
pub mod outbox;
pub mod plan;
pub mod port;
pub mod ports;
pub mod shard;
pub mod shared;
pub mod steering;

pub use audit::{Asked, RepairCounts, TableReport};
pub use device::{Device, DeviceError, LinkState};
pub use error::StartError;
pub use event::Event;
pub use handle::{Handle, Stopped};
pub use neighbors::NeighborMap;
pub use pending::NeighborKey;
pub use pipeline::Outcome;
pub use plan::{InterfacePlan, Plan};
pub use port::PortKind;
pub use reconfigure::ReconfigureError;
pub use start::{start, start_on};
pub use status::{Counts, DropCount, InterfaceRole, InterfaceStatus, ProcessorStatus, Traffic};
