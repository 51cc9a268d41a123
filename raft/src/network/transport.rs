//! The way to other members, as messages: what carries them is somebody else's business.
//!
//! The product carries them by gRPC, the simulation through a network of its own making. A transport
//! says as exactly as it can what became of a message, because a proposal depends on it: one that was
//! certainly not heard may be called failed, any other is unknown.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use proto::raft::{HelloReply, HelloRequest, Reply, Request, SnapshotChunk};
use types::NodeId;

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lane {
    /// Votes, heartbeats, questions: small and in a hurry.
    Urgent,
    /// Entries, snapshots, forwarded proposals.
    Bulk,
}

/// Why a question has no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Failure {
    /// It never left this member: there is no connection.
    #[error("not sent: {0}")]
    Unsent(String),
    /// The other side says that it is not meant, or not allowed to, and has done nothing.
    #[error("refused: {0}")]
    Refused(String),
    /// The other side could not read it, and has done nothing.
    #[error("not understood: {0}")]
    Invalid(String),
    /// The sender could not show that it is the member that it says it is.
    #[error("not trusted: {0}")]
    Untrusted(String),
    /// Nobody answered in time; it may have been heard.
    #[error("no answer: {0}")]
    Late(String),
    /// Something else went wrong; it may have been heard.
    #[error("broken: {0}")]
    Broken(String),
}

/// Carries questions to other members and their answers back. Cancelling a question leaves open whether
/// it is heard.
pub trait Transport: Debug + Send + Sync + 'static {
    /// One question about a group, one answer.
    fn call(
        &self,
        to: NodeId,
        lane: Lane,
        question: Request,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, Failure>>;

    /// A snapshot in chunks; the first one carries the header.
    fn snapshot(
        &self,
        to: NodeId,
        chunks: BoxStream<'static, SnapshotChunk>,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, Failure>>;

    /// How are you?
    fn hello(
        &self,
        to: NodeId,
        question: HelloRequest,
        patience: Duration,
    ) -> BoxFuture<'_, Result<HelloReply, Failure>>;

    /// The same transport as one on which entries flow without waiting for answers, if it is one.
    fn streaming(&self) -> Option<&dyn Streaming> {
        None
    }
}

/// What came back on a stream of questions, in their order.
pub type Replies = BoxStream<'static, Result<Reply, Failure>>;

/// A transport on which entries need not wait for the answers to earlier ones.
pub trait Streaming: Send + Sync {
    /// Opens a stream of questions; each has one answer.
    fn append(
        &self,
        to: NodeId,
        lane: Lane,
        questions: BoxStream<'static, Request>,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Replies, Failure>>;
}

/// The way to all other members; cheap to clone.
pub(crate) type Peers = Arc<dyn Transport>;
