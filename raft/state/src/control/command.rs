//! What may be asked of the control group, and what it may answer.
//!
//! A proposal whose answer got lost is *unknown*, and is simply made again: every command says what it
//! was based on, so that the second time finds its work done and changes nothing.

use core::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{Epoch, Name, NodeId, Revision};

use super::candidate::Candidate;
use super::members::{MembersCommand, MembersOutcome};
use super::state::{Lineage, Role};
use super::survival::Survival;
use crate::cluster::Incarnation;
use crate::snapshot::Versioned;

/// A change of the control group's state.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum ControlCommand {
    /// Make `text` the running configuration, if `base` still is.
    SetConfig {
        /// The revision that the author started from.
        base: Revision,
        /// The whole configuration in the operators' grammar, validated before it was proposed.
        text: String,
        /// Who commits it.
        author: String,
        /// When, in milliseconds of Unix time: for people only.
        at_unix_ms: u64,
    },
    /// Record that `node` is active for a redundancy group under `epoch`. It already is: roles are
    /// taken at once and recorded afterwards.
    TakeRole {
        /// The redundancy group.
        group: Name,
        /// Who took it.
        node: NodeId,
        /// Under which epoch.
        epoch: Epoch,
    },
    /// Give `node` more port blocks of an external address.
    ClaimPortBlocks {
        /// Who needs them.
        node: NodeId,
        /// The external address.
        address: IpAddr,
        /// How many granted blocks the node knows to hold; another number means that an earlier claim
        /// was granted without its answer having arrived, and grants nothing.
        held: u16,
        /// How many more it asks for.
        count: u16,
    },
    /// Take back every granted block, of all addresses, of a node that was removed. Its number is never given
    /// again, so nobody else would ever get them.
    ReleasePortBlocks {
        /// Who had them.
        node: NodeId,
    },
    /// Begin a new generation of the state group, founded by one member alone. The others join it.
    FormState {
        /// The new generation; must be the next one.
        generation: u64,
        /// Who begins it.
        founder: NodeId,
        /// Which life of that node.
        incarnation: Incarnation,
    },
    /// What a witness stores instead of most commands: it votes on log positions, not on content.
    Stripped,
    // Logs hold commands by their place in this list: new ones come at its end.
    /// Keep a configuration of a lineage that lost.
    KeepCandidate {
        /// What to call it; a number is added where another one has the name.
        name: Name,
        /// What to keep.
        candidate: Candidate,
    },
    /// An operator has decided about a candidate: forget it.
    DropCandidate {
        /// Its name.
        name: Name,
    },
    /// Record that a node went on without the other one. It already does: this is the first command of
    /// its lineage.
    Survived(Survival),
    /// Change who is a member.
    Members(MembersCommand),
}

impl ControlCommand {
    /// Leaves what a witness may hold: it has to know which state group to vote in, and no more.
    pub fn strip(&mut self) {
        match self {
            Self::FormState { .. } | Self::Stripped => {}
            Self::Members(command) if command.is_for_witnesses() => {}
            Self::SetConfig { .. }
            | Self::TakeRole { .. }
            | Self::ClaimPortBlocks { .. }
            | Self::ReleasePortBlocks { .. }
            | Self::KeepCandidate { .. }
            | Self::DropCandidate { .. }
            | Self::Survived(_)
            | Self::Members(_) => *self = Self::Stripped,
        }
    }
}

impl Versioned for ControlCommand {
    const VERSION: u8 = 1;
}

/// One line for logs; never the configuration's text.
impl fmt::Display for ControlCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetConfig { base, author, .. } => {
                write!(f, "set configuration on {base} by {author}")
            }
            Self::TakeRole { group, node, epoch } => {
                write!(f, "node {node} takes {group} under epoch {epoch}")
            }
            Self::ClaimPortBlocks {
                node,
                address,
                count,
                ..
            } => write!(f, "node {node} claims {count} port blocks of {address}"),
            Self::ReleasePortBlocks { node } => write!(f, "release the port blocks of node {node}"),
            Self::FormState {
                generation,
                founder,
                ..
            } => write!(f, "node {founder} forms state generation {generation}"),
            Self::Stripped => f.write_str("stripped"),
            Self::KeepCandidate { name, .. } => write!(f, "keep candidate {name}"),
            Self::DropCandidate { name } => write!(f, "drop candidate {name}"),
            Self::Survived(survival) => {
                write!(
                    f,
                    "lineage {} began by {}",
                    survival.lineage, survival.reason
                )
            }
            Self::Members(command) => command.fmt(f),
        }
    }
}

/// What became of a [`ControlCommand`]. A refusal is an answer, not an error.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum ControlOutcome {
    /// The configuration runs under this revision.
    ConfigSet {
        /// Its revision.
        revision: Revision,
    },
    /// Somebody else has committed since `base`.
    ConfigStale {
        /// The running revision.
        current: Revision,
    },
    /// The text is longer than [`super::ControlState::MAX_CONFIG_BYTES`].
    ConfigTooLarge {
        /// Its length.
        bytes: u64,
    },
    /// The role is recorded.
    RoleTaken,
    /// A role under this or a higher epoch is already recorded for somebody else.
    RoleRefused {
        /// Whom the group belongs to.
        current: Role,
    },
    /// All blocks that are granted to the node, old and new.
    PortBlocks {
        /// The external address.
        address: IpAddr,
        /// Block numbers, ascending.
        blocks: Vec<u16>,
    },
    /// Every block of the node was taken back, now or since earlier.
    PortBlocksReleased,
    /// The state group begins anew.
    StateFormed,
    /// Another generation is already the running one.
    StateFormRefused {
        /// The running one, if there is one.
        current: Option<Lineage>,
    },
    /// Nothing to do: an entry of the consensus itself, or a witness that keeps nothing.
    Nothing,
    // Members of two versions may talk to each other: new outcomes come at the end.
    /// The candidate is kept, now or since earlier.
    CandidateKept {
        /// Under this name.
        name: Name,
    },
    /// It need not be kept: the running history holds the same commit.
    CandidateKnown {
        /// Under this revision.
        revision: Revision,
    },
    /// There is no room; whoever handed it in still has it, and an operator must drop others first.
    CandidatesFull {
        /// How many are kept.
        count: u64,
        /// With how many bytes of text.
        bytes: u64,
    },
    /// The candidate is forgotten.
    CandidateDropped,
    /// There is no candidate of this name.
    CandidateUnknown {
        /// The name.
        name: Name,
    },
    /// The foundation of the lineage is on record.
    SurvivalRecorded,
    /// What became of a change of members.
    Members(MembersOutcome),
}

impl fmt::Display for ControlOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfigSet { revision } => write!(f, "configuration {revision}"),
            Self::ConfigStale { current } => write!(f, "stale: configuration is {current}"),
            Self::ConfigTooLarge { bytes } => write!(f, "{bytes} bytes are too many"),
            Self::RoleTaken => f.write_str("role taken"),
            Self::RoleRefused { current } => write!(f, "refused: epoch is {}", current.epoch),
            Self::PortBlocks { address, blocks } => {
                write!(f, "{} blocks of {address}", blocks.len())
            }
            Self::PortBlocksReleased => f.write_str("port blocks released"),
            Self::StateFormed => f.write_str("state group formed"),
            Self::StateFormRefused { current } => {
                let generation = current.map_or(0, |current| current.generation);
                write!(f, "refused: generation is {generation}")
            }
            Self::Nothing => f.write_str("nothing"),
            Self::CandidateKept { name } => write!(f, "candidate {name} kept"),
            Self::CandidateKnown { revision } => write!(f, "already configuration {revision}"),
            Self::CandidatesFull { count, bytes } => {
                write!(
                    f,
                    "refused: {count} candidates of {bytes} bytes leave no room"
                )
            }
            Self::CandidateDropped => f.write_str("candidate dropped"),
            Self::CandidateUnknown { name } => write!(f, "there is no candidate {name}"),
            Self::SurvivalRecorded => f.write_str("survival recorded"),
            Self::Members(outcome) => outcome.fmt(f),
        }
    }
}
