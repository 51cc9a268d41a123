//! Who is at which MAC address: ARP (RFC 826) and neighbour discovery (RFC 4861 §7.2–7.3) as one machine.
//!
//! ```text
//!   Needed ──► Incomplete ──answer──► Reachable ──30 s──► Stale ──Used──► Probe ──answer──► Reachable
//!                  │ three questions                       ▲                │ six questions
//!                  ▼                                       │                ▼
//!              Unreachable          asked us, or told us ──┘            Unreachable
//! ```
//!
//! A stale address goes on being used: packets never wait for its confirmation. What was replicated is
//! stale too, so a takeover asks nobody before it forwards.

mod entry;
mod event;
mod machine;
mod schedule;

pub use event::{Action, Event, Heard, Settings};
pub use machine::Neighbors;
