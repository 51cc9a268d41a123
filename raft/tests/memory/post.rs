//! The ways between members: each with its delay, each message written down.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use proto::raft::{HelloReply, HelloRequest, Reply, Request, SnapshotChunk};
use raft::seam::{Failure, Lane, Replies, Server, Streaming, Transport};
use runtime::Clock;
use tokio::sync::mpsc;
use types::NodeId;

/// Messages under way on one stream.
const UNDER_WAY: usize = 1_024;

/// A message that was sent.
#[derive(Clone, Debug)]
pub(crate) enum Carried {
    Call(Request),
    Append(Request),
    Chunk(SnapshotChunk),
    Hello(HelloRequest),
}

/// How a stream with a snapshot ends early.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// After so many chunks.
    After(usize),
    /// In the middle of the chunk after so many.
    Within(usize),
}

/// All ways between all members.
#[derive(Default)]
pub(crate) struct Wires {
    servers: Mutex<BTreeMap<NodeId, Server>>,
    /// Counts the lives of members that ended: what an ended one still sends is not carried.
    ends: Mutex<BTreeMap<NodeId, u64>>,
    delays: Mutex<BTreeMap<NodeId, Duration>>,
    /// Those who do not hear each other.
    parted: Mutex<Vec<[NodeId; 2]>>,
    carried: Mutex<Vec<(NodeId, NodeId, Carried)>>,
    recording: Mutex<bool>,
    /// What becomes of the next streams with snapshots.
    cuts: Mutex<VecDeque<Cut>>,
    /// As long as it is set, nobody can be sent a snapshot, or be asked about one.
    no_snapshots: Mutex<bool>,
}

impl Wires {
    pub(crate) fn post_of(self: &Arc<Self>, me: NodeId) -> Arc<dyn Transport> {
        Arc::new(Post {
            me,
            ends: self.ends_of(me),
            wires: Arc::clone(self),
        })
    }

    fn ends_of(&self, id: NodeId) -> u64 {
        self.ends.lock().get(&id).copied().unwrap_or_default()
    }

    pub(super) fn connect(&self, id: NodeId, server: Server) {
        self.servers.lock().insert(id, server);
    }

    pub(super) fn disconnect(&self, id: NodeId) {
        self.servers.lock().remove(&id);
        *self.ends.lock().entry(id).or_default() += 1;
    }

    pub(crate) fn server(&self, id: NodeId) -> Result<Server, Failure> {
        let server = self.servers.lock().get(&id).cloned();
        server.ok_or_else(|| Failure::Unsent("nobody is there".to_owned()))
    }

    /// From now on everything to and from `far` takes `one_way`.
    pub(crate) fn put_away(&self, far: NodeId, one_way: Duration) {
        self.delays.lock().insert(far, one_way);
    }

    /// From now on these do not hear each other, and all others do. What is on its way is lost.
    pub(crate) fn part(&self, pairs: &[[NodeId; 2]]) {
        *self.parted.lock() = pairs.to_vec();
    }

    fn are_parted(&self, one: NodeId, other: NodeId) -> bool {
        let parted = self.parted.lock();
        let mut parted = parted.iter();
        parted.any(|pair| pair.contains(&one) && pair.contains(&other))
    }

    /// The next streams with snapshots break, one after the other.
    pub(crate) fn cut(&self, cuts: impl IntoIterator<Item = Cut>) {
        self.cuts.lock().extend(cuts);
    }

    /// How many cuts are still to come.
    pub(crate) fn cuts_left(&self) -> usize {
        self.cuts.lock().len()
    }

    pub(crate) fn forbid_snapshots(&self, forbidden: bool) {
        *self.no_snapshots.lock() = forbidden;
    }

    /// From now on what is sent is written down.
    pub(crate) fn record(&self) {
        *self.recording.lock() = true;
    }

    /// Begins a new page.
    pub(crate) fn forget(&self) {
        self.carried.lock().clear();
    }

    /// What was written down.
    pub(crate) fn recorded(&self) -> Vec<(NodeId, NodeId, Carried)> {
        self.carried.lock().clone()
    }

    fn note(&self, from: NodeId, to: NodeId, message: impl FnOnce() -> Carried) {
        if *self.recording.lock() {
            self.carried.lock().push((from, to, message()));
        }
    }

    fn delay(&self, from: NodeId, to: NodeId) -> Duration {
        let delays = self.delays.lock();
        let of = |id| delays.get(&id).copied().unwrap_or_default();
        of(from) + of(to)
    }
}

/// One member's end.
struct Post {
    me: NodeId,
    ends: u64,
    wires: Arc<Wires>,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Post of node {}", self.me)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what was sent arrives, whether or not the sender still waits"
)]
fn send(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

impl Post {
    /// Whether this life and the one that `to` has now still last, whenever it is asked.
    fn both_live(&self, to: NodeId) -> impl Fn() -> bool + Clone + Send + Sync + 'static {
        let (wires, me, mine) = (Arc::clone(&self.wires), self.me, self.ends);
        let theirs = self.wires.ends_of(to);
        move || {
            wires.ends_of(me) == mine && wires.ends_of(to) == theirs && !wires.are_parted(me, to)
        }
    }

    /// Asks once; who gives up waiting has asked all the same.
    async fn ask<A: Send + 'static, F>(
        &self,
        to: NodeId,
        patience: Duration,
        question: impl FnOnce(Server) -> F + Send + 'static,
    ) -> Result<A, Failure>
    where
        F: Future<Output = Result<A, Failure>> + Send,
    {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let (wires, me) = (Arc::clone(&self.wires), self.me);
        let live = self.both_live(to);
        send(async move {
            tokio::time::sleep(wires.delay(me, to)).await;
            if !live() {
                return;
            }
            let reply = match wires.server(to) {
                Ok(server) => question(server).await,
                Err(failure) => Err(failure),
            };
            tokio::time::sleep(wires.delay(me, to)).await;
            if live() {
                let _given_up = answer.send(reply);
            }
        });
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(Failure::Late(format!("nothing within {patience:?}"))),
        }
    }
}

/// Whatever goes in comes out `delay` later, in its order.
fn later<T: Send + 'static>(
    mut stream: BoxStream<'static, T>,
    delay: Duration,
) -> BoxStream<'static, T> {
    if delay.is_zero() {
        return stream;
    }
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    let clock = Clock::start();
    send(async move {
        while let Some(item) = stream.next().await {
            if sender.send((clock.now() + delay, item)).await.is_err() {
                break;
            }
        }
    });
    futures::stream::unfold(receiver, move |mut receiver| async move {
        let (at, item) = receiver.recv().await?;
        clock.wait_until(Some(at)).await;
        Some((item, receiver))
    })
    .boxed()
}

impl Transport for Post {
    fn call(
        &self,
        to: NodeId,
        _lane: Lane,
        question: Request,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, Failure>> {
        self.wires
            .note(self.me, to, || Carried::Call(question.clone()));
        Box::pin(self.ask(to, patience, move |server| async move {
            server.call(question).await
        }))
    }

    fn snapshot(
        &self,
        to: NodeId,
        chunks: BoxStream<'static, SnapshotChunk>,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, Failure>> {
        let (wires, me) = (Arc::clone(&self.wires), self.me);
        if *wires.no_snapshots.lock() {
            let unsent = Failure::Unsent("no snapshots now".to_owned());
            return Box::pin(std::future::ready(Err(unsent)));
        }
        Box::pin(self.ask(to, patience, move |server| async move {
            let mut chunks = chunks;
            let first = chunks.next().await.unwrap();
            wires.note(me, to, || Carried::Chunk(first.clone()));
            let cut = if first.asks {
                None
            } else {
                wires.cuts.lock().pop_front()
            };
            let broken = || Err(Failure::Broken("the stream broke".to_owned()));
            let rest = match cut {
                None => chunks.map(Ok).boxed(),
                Some(Cut::After(whole)) => {
                    let end = futures::stream::once(async move { broken() });
                    chunks.take(whole).map(Ok).chain(end).boxed()
                }
                Some(Cut::Within(whole)) => {
                    let numbered = chunks.take(whole + 1).enumerate();
                    let torn = numbered.map(move |(number, mut chunk)| {
                        if number == whole {
                            chunk.data.truncate(chunk.data.len() / 2);
                        }
                        Ok(chunk)
                    });
                    let end = futures::stream::once(async move { broken() });
                    torn.chain(end).boxed()
                }
            };
            let rest = rest.inspect(move |chunk| {
                if let Ok(chunk) = chunk {
                    wires.note(me, to, || Carried::Chunk(chunk.clone()));
                }
            });
            server.snapshot(first, rest.boxed()).await
        }))
    }

    fn hello(
        &self,
        to: NodeId,
        question: HelloRequest,
        patience: Duration,
    ) -> BoxFuture<'_, Result<HelloReply, Failure>> {
        self.wires
            .note(self.me, to, || Carried::Hello(question.clone()));
        Box::pin(self.ask(to, patience, move |server| async move {
            server.hello(&question)
        }))
    }

    fn streaming(&self) -> Option<&dyn Streaming> {
        Some(self)
    }
}

impl Streaming for Post {
    fn append(
        &self,
        to: NodeId,
        _lane: Lane,
        questions: BoxStream<'static, Request>,
        _patience: Duration,
    ) -> BoxFuture<'_, Result<Replies, Failure>> {
        Box::pin(async move {
            let delay = self.wires.delay(self.me, to);
            let live = self.both_live(to);
            let (wires, me) = (Arc::clone(&self.wires), self.me);
            let questions = questions.map(move |question| {
                wires.note(me, to, || Carried::Append(question.clone()));
                question
            });
            let questions = later(questions.boxed(), delay);
            let up = live.clone();
            let questions = questions.take_while(move |_| futures::future::ready(up()));
            let mut questions = questions.boxed();
            let wires = Arc::clone(&self.wires);
            let replies = async move {
                let Some(first) = questions.next().await else {
                    return futures::stream::empty().boxed();
                };
                // A member that is gone says nothing on a stream.
                let opened = wires.server(to);
                match opened.and_then(|server| server.append(first, questions.map(Ok).boxed())) {
                    Ok(replies) => replies,
                    Err(failure) => futures::stream::iter([Err(failure)]).boxed(),
                }
            };
            let replies = futures::stream::once(replies).flatten();
            let replies = later(replies.boxed(), delay);
            let replies = replies.take_while(move |_| futures::future::ready(live()));
            Ok(replies.boxed())
        })
    }
}
