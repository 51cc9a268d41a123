//! The state group: what must outlive a node, and may be lost with all of them (sessions, neighbours).

mod command;
mod state;
mod table;

pub use command::{Batch, Incarnation, StateCommand, StateOutcome};
pub use state::ClusterState;
