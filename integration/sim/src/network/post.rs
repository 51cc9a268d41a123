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
use raft::seam::{Failure, Lane, Transport};
use tokio::sync::oneshot;
use types::NodeId;

use super::letter::{Answer, Body, Letter, Question, read};

/// What members have handed in, and who waits for an answer. Shared by all members: there is but one
/// thread.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) letters: Vec<Letter>,
    waiting: BTreeMap<u64, oneshot::Sender<Answer>>,
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
}

/// The way of one life of a member to the others.
pub(crate) struct Post {
    pub(crate) me: NodeId,
    pub(crate) outbox: Arc<Mutex<Outbox>>,
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
            reply(self.ask(to, question, patience).await?)
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
}
