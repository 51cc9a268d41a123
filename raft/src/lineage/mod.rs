//! The control group, one lineage after the other.
//!
//! ```text
//!   empty disk ── who is there? ──► adopt a lineage, or found the first one
//!        ▲                                   │
//!        │                                   ▼
//!        │            ┌──────────────► one reign: the group runs, answers, hears how others stand
//!        │            │                      │
//!        │   survive: everything held,       ├── an order: go on alone ──► one write ──┐
//!        │   next generation, alone ◄────────┼───────────────────────────────────────-┘
//!        │                                   │
//!        └── one write: all put aside ◄──────┴── another lineage has won: give way
//! ```
//! [`Keeper`] owns the group's one instance and changes it; whoever else wants something of the group
//! finds the instance on its seat. Who gives way is decided by `raft_state::yielding`, what the store
//! becomes by `store::Held`; here are the tasks, the messages and the order of steps.

mod aside;
mod instance;
mod keeper;
mod order;
mod reign;

pub(crate) use instance::Publisher;
pub(crate) use keeper::{Channels, Keeper};
pub(crate) use order::{Asked, Order};
pub use order::{LineageView, SurviveError};
