//! What a node makes of the evidence, and why it is not more certain.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::Name;

/// What follows from the evidence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// The cluster agrees on things: there is nothing to decide.
    Settled,
    /// There is no quorum, and not enough evidence yet to do anything about it.
    Waiting(Vec<Doubt>),
    /// There is no quorum, and the policy leaves it to the peer's return or to an operator.
    Frozen,
    /// The peer is gone by all evidence: this node goes on alone.
    Surviving,
}

impl Verdict {
    /// The word that commands print.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Waiting(_) => "waiting",
            Self::Frozen => "frozen",
            Self::Surviving => "surviving",
        }
    }

    /// Whether both say the same to an operator: times that run down are no news.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Waiting(mine), Self::Waiting(theirs)) => {
                mine.len() == theirs.len()
                    && mine
                        .iter()
                        .zip(theirs)
                        .all(|(mine, theirs)| mine.is_like(theirs))
            }
            (
                Self::Settled | Self::Waiting(_) | Self::Frozen | Self::Surviving,
                Self::Settled | Self::Waiting(_) | Self::Frozen | Self::Surviving,
            ) => self == other,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a node does not go on alone yet.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Doubt {
    /// The lack of a quorum may be an election.
    Election {
        /// For so long still.
        left: Duration,
    },
    /// The peer is heard.
    PeerHeard {
        /// On this HA link or shared interface.
        on: Name,
    },
    /// The peer has not been silent for long enough.
    Hold {
        /// For so long still.
        left: Duration,
    },
    /// No anchor answers: this node may be the one that is cut off.
    NoAnchor,
}

impl Doubt {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Election { .. }, Self::Election { .. })
            | (Self::Hold { .. }, Self::Hold { .. }) => true,
            (
                Self::Election { .. } | Self::PeerHeard { .. } | Self::Hold { .. } | Self::NoAnchor,
                Self::Election { .. } | Self::PeerHeard { .. } | Self::Hold { .. } | Self::NoAnchor,
            ) => self == other,
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Election { left } => {
                write!(
                    f,
                    "an election may be under way for {} ms",
                    left.as_millis()
                )
            }
            Self::PeerHeard { on } => write!(f, "the peer is heard on {on}"),
            Self::Hold { left } => {
                write!(
                    f,
                    "the peer must stay silent for {} ms more",
                    left.as_millis()
                )
            }
            Self::NoAnchor => {
                f.write_str("no anchor answers: this node may be the one that is cut off")
            }
        }
    }
}
