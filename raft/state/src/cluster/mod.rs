//! The state group: what must outlive a node, and may be lost with all of them (sessions, neighbours).

mod bytes;
mod command;
mod names;
mod packed;
mod record;
mod shard;
mod state;
mod table;

pub use command::{Batch, Incarnation, StateCommand, StateOutcome};
pub use names::Names;
pub use packed::{Packed, PackedChange};
pub use state::ClusterState;
