//! What the keeper of the lineage may be told and asked, and what it shows.

use raft_state::yielding::{Answer, Question};
use raft_state::{ControlLineage, Standing, SurvivalReason};
use tokio::sync::oneshot;

/// An order to go on alone.
pub(crate) struct Order {
    pub(crate) reason: SurvivalReason,
    pub(crate) by: String,
    pub(crate) done: oneshot::Sender<Result<ControlLineage, SurviveError>>,
}

/// Another member's question whether it may give way.
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// Why a node does not go on alone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SurviveError {
    /// There is a quorum: nothing is missing.
    #[error("the control group has a quorum: there is nothing to survive")]
    HasQuorum,
    /// This node has never taken part in agreement, so it has nothing to go on with.
    #[error("this node has not taken part in the cluster yet: it has nothing to go on with")]
    Empty,
    /// A witness holds no content.
    #[error("this member is a witness: it has nothing to go on with")]
    Witness,
    /// The group has ended here.
    #[error("the control group has stopped here: {0}")]
    Stopped(String),
}

/// Where this member is among the lineages.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LineageView {
    /// The lineage that it takes part in; `None` before it has found one.
    pub lineage: Option<ControlLineage>,
    /// How it stands, while it leads.
    pub standing: Option<Standing>,
    /// Nothing can be committed, because this node may have to give way to another survivor.
    pub frozen: bool,
    /// Lineages that lost, of which something is still to be handed over.
    pub aside: usize,
    /// There is no room for what is to be handed over: an operator must drop candidates.
    pub no_room: bool,
}
