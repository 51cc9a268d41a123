//! What is carried: the members' own messages, encoded as they are on a real wire.

use bytes::Bytes;
use prost::Message;
use proto::raft::{HelloReply, HelloRequest, Kind, Reply, Request, SnapshotChunk};
use raft::seam::{Failure, Server};
use types::NodeId;

use super::flow::Part;

/// One message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    /// Question and answer carry the same number.
    pub(crate) ticket: u64,
    pub(crate) body: Body,
}

impl Letter {
    /// A proposal never does: no connection repeats a request, and a member that asks again knows that
    /// it does. All else that members say must bear it.
    pub(crate) fn may_come_twice(&self) -> bool {
        match &self.body {
            Body::Question(Question::Call(bytes)) => {
                Request::decode(bytes.clone()).is_ok_and(|request| request.kind() != Kind::Propose)
            }
            Body::Question(Question::Snapshot(_) | Question::Hello(_))
            | Body::Answer(_)
            | Body::Part(_) => true,
        }
    }

    /// Whether a connection sends it again when it is lost.
    pub(crate) const fn is_repeated(&self) -> bool {
        matches!(self.body, Body::Part(_))
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Question(Question),
    Answer(Answer),
    /// Of a stream.
    Part(Part),
}

/// A question, encoded.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    Call(Bytes),
    Snapshot(Vec<Bytes>),
    Hello(Bytes),
}

/// An answer: the encoded reply, or the refusal.
pub(crate) type Answer = Result<Bytes, Failure>;

impl Question {
    pub(crate) fn call(request: &Request) -> Self {
        Self::Call(request.encode_to_vec().into())
    }

    pub(crate) fn snapshot(chunks: &[SnapshotChunk]) -> Self {
        let encoded = chunks.iter().map(|chunk| chunk.encode_to_vec().into());
        Self::Snapshot(encoded.collect())
    }

    pub(crate) fn hello(question: &HelloRequest) -> Self {
        Self::Hello(question.encode_to_vec().into())
    }

    /// All bytes of it.
    pub(crate) fn parts(&self) -> &[Bytes] {
        match self {
            Self::Call(bytes) | Self::Hello(bytes) => std::slice::from_ref(bytes),
            Self::Snapshot(chunks) => chunks,
        }
    }

    /// Lets `server` answer.
    pub(crate) async fn put_to(self, server: &Server) -> Answer {
        match self {
            Self::Call(bytes) => {
                let reply = server.call(read(bytes)?).await?;
                Ok(Reply::encode_to_vec(&reply).into())
            }
            Self::Snapshot(chunks) => {
                let chunks = chunks
                    .into_iter()
                    .map(read)
                    .collect::<Result<Vec<_>, _>>()?;
                let mut chunks = chunks.into_iter();
                let first: SnapshotChunk = chunks.next().ok_or_else(empty)?;
                let rest = Box::pin(futures::stream::iter(chunks.map(Ok)));
                let reply = server.snapshot(first, rest).await?;
                Ok(Reply::encode_to_vec(&reply).into())
            }
            Self::Hello(bytes) => {
                let reply = server.hello(&read(bytes)?)?;
                Ok(HelloReply::encode_to_vec(&reply).into())
            }
        }
    }
}

/// For traces.
impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call(bytes) => f.write_str(&summary(bytes)),
            Self::Snapshot(chunks) => write!(f, "snapshot in {} chunks", chunks.len()),
            Self::Hello(_) => f.write_str("hello"),
        }
    }
}

/// A request in a few words.
pub(super) fn summary(bytes: &Bytes) -> String {
    let request = match Request::decode(bytes.clone()) {
        Ok(request) => request,
        Err(error) => return format!("unreadable: {error}"),
    };
    let header = request.header.clone().unwrap_or_default();
    let kind = match request.kind() {
        Kind::Unspecified => "?",
        Kind::Append => "append",
        Kind::Vote => "vote",
        Kind::PreVote => "pre-vote",
        Kind::TransferLeader => "transfer",
        Kind::Propose => "propose",
        Kind::Join => "join",
        Kind::Yield => "yield",
    };
    let (group, generation) = (header.group, header.generation);
    format!("{kind} g{group}.{generation} #{:08x}", digest(bytes))
}

/// Tells two contents apart in a trace (FNV-1a).
pub(crate) fn digest(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum: u32, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

pub(super) fn read<T: Message + Default>(bytes: Bytes) -> Result<T, Failure> {
    T::decode(bytes).map_err(|error| Failure::Invalid(error.to_string()))
}

fn empty() -> Failure {
    Failure::Invalid("the snapshot is empty".to_owned())
}
