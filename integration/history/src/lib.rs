//! What clients asked of the configuration and what they were told, put to the proof afterwards.
//!
//! ```text
//! asked ├─────── commit, base 4 ───────┤ told: 5        one order of all commits must explain every
//!    asked ├── commit, base 4 ──┤ told: stale, 5          answer, each taking effect between question
//!      asked ├── commit, base 5 ── … never told           and answer: `linearize`, over `register`
//! asked ├─ read at a ─┤ 4   asked ├─ read at a ─┤ 5      no node goes back, none invents: `local_reads`
//! ```
//!
//! The checker believes nobody: it knows nothing of Raft, of nodes' logs or of who led, only what came
//! out at the operators' end. It has no clock and no I/O, so whoever records a history can use it.

mod linearize;
mod local_reads;
mod record;
mod register;
mod violation;

pub use linearize::{Call, Model, Stuck, linearize};
pub use record::{Answer, Commit, End, History, Moment, Read, Source, Summary, Version};
pub use register::{Operation, Register};
pub use violation::Violation;

#[cfg(test)]
mod tests;
