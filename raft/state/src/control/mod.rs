//! The durable group: what must survive everything (configuration, roles, port blocks).

mod apply;
mod command;
mod state;

pub use command::{ControlCommand, ControlOutcome};
pub use state::{ConfigRecord, ControlState, Lineage, Role};
