//! What a node tells the other one about itself, once a second, beside agreement.
//!
//! The verdict is about the pair, so each node needs the other one's figures. They may be a second old,
//! and nothing depends on their arrival: a node that is silent is judged by its silence.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::{Digest, ShardDigest};

use crate::drift::{Equality, Found};
use crate::lag::Lag;
use crate::verdict::NodeFacts;

/// A report older than this tells nothing any more.
pub const REPORT_HOLDS: Duration = Duration::from_secs(5);

/// One node about itself.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What the verdict needs.
    pub facts: NodeFacts,
    /// What it knows to be agreed on.
    pub agreed: Agreed,
    /// What its session processors hold.
    pub programmed: Digest,
    /// Its own comparison of the two, and what came of it.
    pub drift: DriftFigures,
    /// From its processors to agreement, and from there to its processors.
    pub outbound: Direction,
    /// From agreement to its processors.
    pub inbound: Direction,
    /// Changes of an earlier generation that it has still to tell.
    pub backlog: u64,
}

/// The agreed table at one place of the log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Agreed {
    /// Foundation of the state group.
    pub generation: u64,
    /// Index of the last entry in it.
    pub applied: u64,
    /// What it sums up to.
    pub total: ShardDigest,
}

/// A node's comparison of its processors' tables with the agreed one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct DriftFigures {
    /// Shards.
    pub equality: Equality,
    /// Sessions that were found to differ at the last listing, and have not been mended since.
    pub sessions_differing: u64,
    /// Sessions that were found to differ since the start, by kind.
    pub found: Found,
    /// What became of them.
    pub repaired: Repairs,
}

/// Repairs since the node's start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Repairs {
    /// Agreed sessions that were put into the processors' tables.
    pub installed: u64,
    /// Sessions that nobody else knew, removed from a standby.
    pub removed: u64,
    /// Sessions that the active node told the cluster again.
    pub told_again: u64,
    /// Ends of sessions that it told again.
    pub ended_again: u64,
    /// Agreed sessions for which the table had no room.
    pub full: u64,
}

impl Repairs {
    /// All that succeeded.
    pub const fn sum(&self) -> u64 {
        self.installed + self.removed + self.told_again + self.ended_again
    }
}

/// One way of session changes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// How late changes are.
    pub lag: Lag,
    /// Changes that wait.
    pub pending: u64,
    /// Changes that were given up, to be found as drift.
    pub refused: u64,
    /// Times that everything was taken over at once instead of what had changed.
    pub resyncs: u64,
}
