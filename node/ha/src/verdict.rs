//! One word about the pair, computed from facts of both nodes, with every check that failed.
//!
//! ```text
//! maintenance ─────────────────────────────────────────────► maintenance
//! both nodes active ───────────────────────────────────────► split-brain
//! a group has no leader or has ended here ─────────────────► no-quorum
//! no standby that could take over, or nobody active ───────► unprotected
//! any other check failed: a takeover would lose something,
//! or what guards against the next failure is reduced ──────► degraded
//! none ────────────────────────────────────────────────────► protected
//! ```
//! [`crate::readiness`] says what one node is; this says what the site has.

mod checks;

pub use checks::DISK_LOW_PERCENT;

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::{Epoch, Name, Revision};

use crate::readiness::NodeRole;

/// The word. The order is that of severity.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Verdict {
    /// Either node may fail now, and no session is lost.
    Protected,
    /// A takeover would work, but not with everything, or one guard is missing.
    Degraded,
    /// Nobody could take over.
    Unprotected,
    /// Nothing can be agreed on: the configuration is read-only, sessions are not replicated.
    NoQuorum,
    /// Both nodes forward.
    SplitBrain,
    /// Somebody works on this router and has said so.
    Maintenance,
}

impl Verdict {
    /// The word that commands print.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Degraded => "degraded",
            Self::Unprotected => "unprotected",
            Self::NoQuorum => "no-quorum",
            Self::SplitBrain => "split-brain",
            Self::Maintenance => "maintenance",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Check {
    /// The router is not in maintenance mode.
    Maintenance,
    /// Exactly one node is active.
    Roles,
    /// Both Raft groups have a leader.
    Quorum,
    /// The other node is heard and says how it is.
    Peer,
    /// The node that is not active could take over.
    Standby,
    /// Every HA link works in both directions.
    HaLinks,
    /// The witness is heard.
    Witness,
    /// The interfaces of the redundancy group are up.
    Interfaces,
    /// The committed configuration runs.
    Configuration,
    /// Committed session changes are applied in time, and new ones find room.
    Replication,
    /// No session change was given up lately.
    Refusals,
    /// The tables of the session processors hold what was agreed on.
    Drift,
    /// There is room on the disk.
    Storage,
    /// No configuration that was committed while the nodes were apart waits for somebody to read it.
    Candidates,
}

impl Check {
    /// The word that commands print.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Roles => "roles",
            Self::Quorum => "quorum",
            Self::Peer => "peer",
            Self::Standby => "standby",
            Self::HaLinks => "ha-links",
            Self::Witness => "witness",
            Self::Interfaces => "interfaces",
            Self::Configuration => "configuration",
            Self::Replication => "replication",
            Self::Refusals => "refusals",
            Self::Drift => "drift",
            Self::Storage => "storage",
            Self::Candidates => "candidates",
        }
    }
}

/// A check that failed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Which.
    pub check: Check,
    /// What it alone makes of the pair.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do next.
    pub next_step: String,
}

/// Verdict and reasons.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// The word.
    pub verdict: Verdict,
    /// Why it is not better; the worst first.
    pub failed: Vec<Failed>,
}

/// Whether a Raft group can agree on something, as one member sees it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Quorum {
    /// It has a leader.
    Ok,
    /// It has none.
    Lacking,
    /// It has ended on this node.
    Stopped {
        /// Why, with the path if a disk is to blame.
        why: String,
    },
}

/// One node about itself.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// What it is, in one word.
    pub role: NodeRole,
    /// The epoch under which it forwards.
    pub active: Option<Epoch>,
    /// The control group.
    pub control: Quorum,
    /// The state group.
    pub state: Quorum,
    /// The committed configuration.
    pub revision: Revision,
    /// The running configuration.
    pub running: Revision,
    /// Interfaces of the redundancy group that are down.
    pub interfaces_down: Vec<Name>,
    /// How late changes of either direction are now.
    pub lag: Duration,
    /// Session changes that wait to be agreed on.
    pub pending: u64,
    /// How many may wait.
    pub capacity: u64,
    /// Session changes that were given up in the last minute.
    pub refused_lately: u64,
    /// Shards whose tables are known to differ.
    pub shards_different: u32,
    /// How long ago the tables were last verified as a whole.
    pub verified_ago: Option<Duration>,
    /// The disk under the store.
    pub storage: StorageFacts,
}

/// The disk under a node's store.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct StorageFacts {
    /// Space left on it; `None` when that is not known.
    pub free_percent: Option<u8>,
    /// Why nothing can be written now, if so.
    pub lacks_room: Option<String>,
}

/// One HA link, as this node sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkFacts {
    /// Its name.
    pub name: Name,
    /// The peer is heard.
    pub up: bool,
    /// The peer says that it hears this node.
    pub peer_hears_us: bool,
}

/// The other node, as this one knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PeerFacts {
    /// Its name.
    pub name: String,
    /// It is heard on an HA link.
    pub heard: bool,
    /// The epoch that its heartbeats claim to forward under, while it is heard.
    pub active: Option<Epoch>,
    /// What it says of itself, unless that is too old.
    pub report: Option<NodeFacts>,
}

/// The witness.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WitnessFacts {
    /// Its name.
    pub name: String,
    /// How long ago it was heard; `None` for never.
    pub heard_ago: Option<Duration>,
    /// Its vote counts in both groups.
    pub votes: bool,
}

/// Everything that the verdict depends on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PairFacts {
    /// Somebody has said that they work on this router.
    pub maintenance: bool,
    /// This node.
    pub here: NodeFacts,
    /// The other node; `None` on a router of one.
    pub peer: Option<PeerFacts>,
    /// The witness; `None` without one.
    pub witness: Option<WitnessFacts>,
    /// The HA links.
    pub links: Vec<LinkFacts>,
    /// Whether both nodes agree on the same at the same place of the log; `None` while no place was
    /// seen on both.
    pub agrees: Option<bool>,
    /// Configurations that were committed in a generation that lost.
    pub candidates: Vec<Name>,
}

/// Judges the facts. Total and pure.
pub fn judge(facts: &PairFacts) -> Judgement {
    let mut failed = checks::failed(facts);
    // Stable: checks of one severity stay in the order of the chain that a takeover needs.
    failed.sort_by_key(|check| core::cmp::Reverse(check.verdict));
    Judgement {
        verdict: failed
            .first()
            .map_or(Verdict::Protected, |worst| worst.verdict),
        failed,
    }
}

#[cfg(test)]
mod tests;
