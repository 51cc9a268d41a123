//! What a node tells the state group, in batches.

use core::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{NeighborRecord, NodeId};

use super::packed::Packed;
use crate::snapshot::Versioned;

/// Which life of a node: counted up at each start, never used again.
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
)]
pub struct Incarnation(pub u32);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What one node did in a few milliseconds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Who did it.
    pub proposer: NodeId,
    /// In which life.
    pub incarnation: Incarnation,
    /// Counts the batches of one life, from 1. A batch that is proposed again keeps its number, and
    /// the second one changes nothing.
    pub sequence: u64,
    /// Sessions that began, changed, ended; at most one change of each.
    pub sessions: Packed,
    /// Neighbours that were resolved.
    pub neighbors: Vec<NeighborRecord>,
}

/// A change of the state group's state.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum StateCommand {
    /// What one node did. Shared, because the log hands every entry to each peer and to `apply`.
    Batch(Arc<Batch>),
    /// What a witness stores instead.
    Stripped,
}

impl From<Batch> for StateCommand {
    fn from(batch: Batch) -> Self {
        Self::Batch(Arc::new(batch))
    }
}

impl Versioned for StateCommand {
    /// 2: sessions are packed.
    const VERSION: u8 = 2;
}

impl fmt::Display for StateCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(batch) => write!(
                f,
                "batch {} of node {}.{}: {} sessions, {} neighbors",
                batch.sequence,
                batch.proposer,
                batch.incarnation,
                batch.sessions.len(),
                batch.neighbors.len()
            ),
            Self::Stripped => f.write_str("stripped"),
        }
    }
}

/// What became of a [`StateCommand`].
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum StateOutcome {
    /// The batch is part of the state.
    Applied {
        /// Places in `Batch::sessions` of the changes that came too late: a newer one of the same
        /// session was there already. Usually empty.
        stale: Vec<u32>,
    },
    /// This batch or a later one of its proposer was applied before.
    Duplicate,
    /// Nothing to do: an entry of the consensus itself, or a witness that keeps nothing.
    Nothing,
}

impl fmt::Display for StateOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied { stale } => write!(f, "applied, {} stale", stale.len()),
            Self::Duplicate => f.write_str("duplicate"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}
