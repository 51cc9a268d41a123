//! What the API asks of a node. The `node` crate implements it with its channels to the actors.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use proto::Stamp;
use proto::ops::{
    ClusterReply, CommitConfigReply, ConfigReply, DropCandidateReply, DropsReply, FibReply,
    HaDriftReply, HaLinksReply, HaReply, InterfacesReply, LineageReply, NeighborsReply,
    ProcessorsReply, SessionsReply, VersionReply, VrrpReply,
};
use types::Revision;

use crate::members::MembersPort;
use crate::view::SessionFilter;

/// A reply that is being put together. Boxed, so that [`Node`] can be a `dyn` port.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unanswered>> + Send + 'a>>;

/// What stands at the top of every reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// The node's name.
    pub node: String,
    /// The router's name.
    pub router: String,
    /// Now, in milliseconds of Unix time.
    pub unix_ms: u64,
}

impl Header {
    pub(crate) fn stamp(&self) -> Stamp<'_> {
        Stamp {
            node: &self.node,
            router: &self.router,
            unix_ms: self.unix_ms,
        }
    }
}

/// A running node as its operators see it.
///
/// Replies may leave `node`, `router` and `unix_ms` at their defaults: the server fills them in from
/// [`Node::header`]. An answer that takes longer than the server's patience is dropped, so the
/// futures must be cancel safe.
pub trait Node: Send + Sync + 'static {
    /// Who answers, and when.
    fn header(&self) -> Header;
    /// Role, readiness, HA links, past takeovers.
    fn ha(&self) -> Answer<'_, HaReply>;
    /// Equality of the session tables, and repairs.
    fn ha_drift(&self) -> Answer<'_, HaDriftReply>;
    /// HA links.
    fn ha_links(&self) -> Answer<'_, HaLinksReply>;
    /// VRRP virtual routers.
    fn vrrp(&self) -> Answer<'_, VrrpReply>;
    /// Network interfaces.
    fn interfaces(&self) -> Answer<'_, InterfacesReply>;
    /// Sessions that `filter` admits; [`crate::view::sessions`] makes the reply from records.
    fn sessions(&self, filter: SessionFilter) -> Answer<'_, SessionsReply>;
    /// Raft groups and their members.
    fn cluster(&self) -> Answer<'_, ClusterReply>;
    /// Routes that packets follow.
    fn fib(&self) -> Answer<'_, FibReply>;
    /// Drop counters; [`crate::view::drops`] makes the reply from them.
    fn drops(&self) -> Answer<'_, DropsReply>;
    /// The running configuration as text, or the candidate of that name.
    fn config(&self, candidate: Option<String>) -> Answer<'_, ConfigReply>;
    /// Resolved neighbours; [`crate::view::neighbors`] makes the reply from records.
    fn neighbors(&self) -> Answer<'_, NeighborsReply>;
    /// Session processors.
    fn processors(&self) -> Answer<'_, ProcessorsReply>;
    /// Which software runs, and since when.
    fn version(&self) -> Answer<'_, VersionReply>;
    /// Goes on without the other node, in the name of `by`.
    fn go_on(&self, order: GoOn, by: String) -> Answer<'_, LineageReply>;
    /// Forgets the candidate `name`.
    fn drop_candidate(&self, name: String) -> Answer<'_, DropCandidateReply>;
    /// Makes `commit` the running configuration of the cluster, in the name of `by`. Dropping the future
    /// leaves open whether it is done.
    fn commit(&self, commit: Commit, by: String) -> Answer<'_, CommitConfigReply>;
    /// What operators may do about members; `None` where there are none.
    fn members_port(&self) -> Option<&dyn MembersPort> {
        None
    }
}

/// A configuration that an operator wants to run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Commit {
    /// The whole tree in the operators' grammar; nobody has checked it yet.
    pub text: String,
    /// The revision that it was made from; without it, the newest one that the node knows of.
    pub base: Option<Revision>,
}

/// How an operator ends the lack of a quorum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GoOn {
    /// If the other node is not heard anywhere.
    Survive,
    /// Even if it is.
    SurviveForced,
    /// The node has frozen, and the operator confirms that the other one is off.
    Thaw,
}

/// Why the node could not answer a question.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unanswered {
    /// The actor that knows has ended or was never started.
    #[error("the {part} is not running")]
    NotRunning {
        /// The actor, such as `control group`.
        part: &'static str,
    },
    /// The actor that knows is too busy, or stuck.
    #[error("the {part} did not answer within {waited:?}")]
    Late {
        /// The actor.
        part: &'static str,
        /// How long it was given.
        waited: Duration,
    },
    /// What was asked for does not exist yet on this node.
    #[error("there is no {missing} on this node yet")]
    NotYet {
        /// Such as `committed configuration`.
        missing: &'static str,
    },
    /// The node will not do what it was told to.
    #[error("{reason}")]
    Refused {
        /// Why, and what to do instead.
        reason: String,
    },
    /// It was tried, and may be done now or later: nobody knows.
    #[error("{reason}")]
    OutcomeUnknown {
        /// What happened, and how to find out.
        reason: String,
    },
    /// The node will not do it without being forced, because it may disturb traffic or lose work.
    #[error("{reason}")]
    NeedsForce {
        /// What speaks against it.
        reason: String,
    },
}
