//! Snapshots on the wire, in chunks; what has arrived need not be sent again.
//!
//! ```text
//!   leader                                        member
//!   Parcel ── how much of this do you have? ────► Partial of the group, if it is of this parcel
//!          ◄───────────────────── so many bytes ──
//!          ── description, chunk, chunk, ✂
//!          ── how much …? ──────────────────────►
//!          ── description, the chunks after that ► complete: decoded, installed
//! ```
//! The consensus reads a new snapshot for each try, and the state group's is another one each time. So
//! one try of the consensus is as many streams here as it takes, as long as each of them gets on.

mod parcel;
mod partial;

use std::time::Duration;

pub(super) use parcel::{Parcel, deliver};
pub(super) use partial::Announced;
pub(crate) use partial::Partials;

/// Largest piece that a broken stream costs.
const CHUNK: usize = 256 << 10;
/// A million sessions are about a tenth of it.
const MAX_STATE_BYTES: u64 = 2 << 30;
/// The history of configurations, each of some megabytes.
const MAX_CONTROL_BYTES: u64 = 512 << 20;
/// Of either group, for a member that gets no content: who takes part, with certificates.
const MAX_WITNESS_BYTES: u64 = 1 << 20;
/// What nobody goes on with is dropped after that.
const KEPT: Duration = Duration::from_mins(1);
