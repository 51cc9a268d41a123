//! A member's end of the network: questions go into a box that the world empties after each step.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use proto::raft::{HelloReply, HelloRequest, Reply, Request, SnapshotChunk};
use raft::seam::{Failure, Lane, Replies, Streaming, Transport};
use tokio::sync::oneshot;
use types::NodeId;

use super::flow::{Outflow, Part, Replying};
use super::letter::{Answer, Body, Letter, Question, read};

/// A connection that is silent for so long is dead, however patient the one is who asked: on a real one
/// the transport's own pings find that out. Longer than any snapshot takes here.
pub(super) const SILENCE: Duration = Duration::from_millis(1_500);

/// What members have handed in, and who waits for an answer. Shared by all members: there is but one
/// thread.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) letters: Vec<Letter>,
    waiting: BTreeMap<u64, oneshot::Sender<Answer>>,
    /// Streams that somebody listens to.
    flows: BTreeMap<u64, Replying>,
    tickets: u64,
}

impl Outbox {
    fn ask(
        &mut self,
        from: NodeId,
        to: NodeId,
        question: Question,
    ) -> (u64, oneshot::Receiver<Answer>) {
        self.tickets += 1;
        let ticket = self.tickets;
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(ticket, sender);
        self.letters.push(Letter {
            from,
            to,
            ticket,
            body: Body::Question(question),
        });
        (ticket, receiver)
    }

    /// Hands `answer` to whoever still waits for it; says whether anybody did.
    pub(crate) fn answer(&mut self, ticket: u64, answer: Answer) -> bool {
        let waiting = self.waiting.remove(&ticket);
        waiting.is_some_and(|sender| sender.send(answer).is_ok())
    }

    /// Hands a reply to whoever listens to its stream.
    pub(crate) fn replied(&mut self, ticket: u64, number: u64, reply: Answer) {
        if let Some(flow) = self.flows.get_mut(&ticket)
            && !flow.arrived(number, reply)
        {
            self.flows.remove(&ticket);
        }
    }

    pub(super) fn forget_flow(&mut self, ticket: u64) {
        self.flows.remove(&ticket);
    }
}

/// The way of one life of a member to the others.
pub(crate) struct Post {
    pub(crate) me: NodeId,
    pub(crate) outbox: Arc<Mutex<Outbox>>,
    /// Whether entries flow on streams, or are asked one by one.
    pub(crate) streams: bool,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Post of node {}", self.me)
    }
}

impl Post {
    async fn ask(&self, to: NodeId, question: Question, patience: Duration) -> Answer {
        let (ticket, answer) = self.outbox.lock().ask(self.me, to, question);
        if let Ok(Ok(answer)) = tokio::time::timeout(patience, answer).await {
            return answer;
        }
        self.outbox.lock().waiting.remove(&ticket);
        Err(Failure::Late(format!("nothing within {patience:?}")))
    }

    /// Asks `to` to listen to a stream.
    fn open(&self, to: NodeId) -> Outflow {
        let mut outbox = self.outbox.lock();
        outbox.tickets += 1;
        let ticket = outbox.tickets;
        let (replying, replies) = Replying::new();
        outbox.flows.insert(ticket, replying);
        let envelope = Letter {
            from: self.me,
            to,
            ticket,
            body: Body::Part(Part::Open),
        };
        outbox.letters.push(envelope.clone());
        Outflow::new(Arc::clone(&self.outbox), envelope, replies)
    }
}

fn reply<T: prost::Message + Default>(answer: Bytes) -> Result<T, Failure> {
    read(answer).map_err(|error| Failure::Broken(error.to_string()))
}

impl Transport for Post {
    fn call(
        &self,
        to: NodeId,
        _lane: Lane,
        question: Request,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(async move {
            let question = Question::call(&question);
            reply(self.ask(to, question, patience).await?)
        })
    }

    fn snapshot(
        &self,
        to: NodeId,
        chunks: BoxStream<'static, SnapshotChunk>,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(async move {
            let chunks: Vec<_> = chunks.collect().await;
            let question = Question::snapshot(&chunks);
            reply(self.ask(to, question, patience.min(SILENCE)).await?)
        })
    }

    fn hello(
        &self,
        to: NodeId,
        question: HelloRequest,
        patience: Duration,
    ) -> BoxFuture<'_, Result<HelloReply, Failure>> {
        Box::pin(async move {
            let question = Question::hello(&question);
            reply(self.ask(to, question, patience).await?)
        })
    }

    fn streaming(&self) -> Option<&dyn Streaming> {
        self.streams.then_some(self as &dyn Streaming)
    }
}

impl Streaming for Post {
    fn append(
        &self,
        to: NodeId,
        _lane: Lane,
        questions: BoxStream<'static, Request>,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Replies, Failure>> {
        Box::pin(async move {
            let mut flow = self.open(to);
            match tokio::time::timeout(patience, flow.replies.next()).await {
                Ok(Some(Ok(_listens))) => Ok(flow.run(questions)),
                Ok(Some(Err(failure))) => Err(failure),
                Ok(None) => Err(Failure::Broken("the stream has ended".to_owned())),
                Err(_late) => Err(Failure::Late(format!("nothing within {patience:?}"))),
            }
        })
    }
}
