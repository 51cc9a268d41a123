//! Streams between members, as a connection carries them: in order, or not at all any more.
//!
//! ```text
//!   Outflow  ── open ─────────────────────────► Inflow
//!   (asks)   ◄───────────────────── opened ──   (answers)
//!            ── question 1, question 2, … ────►
//!            ◄──────── reply 1, reply 2, … ──
//!            ── end ──────────────────────────►
//! ```
//! Letters overtake each other and come twice; both ends put them in order again by their numbers. What
//! is lost is sent again after a while, as long as there is a way; a silence is the end of a stream.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use proto::raft::{Reply, Request};
use raft::seam::{Failure, Replies, Server};
use tokio::time::{Sleep, sleep};

use super::letter::{Body, Letter, digest, read, summary};
use super::post::{Outbox, SILENCE};

/// Questions, or replies, that one end has not taken yet.
const UNTAKEN: usize = 1_024;

/// One letter of a stream, with its number in its direction.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// From whoever asks: a stream begins.
    Open,
    /// The next question, encoded.
    Question(u64, Bytes),
    /// There will be no more questions.
    End(u64),
    /// From whoever answers: it listens (0), and the next reply. A failure is the end.
    Reply(u64, Result<Bytes, Failure>),
}

/// For traces.
impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Question(number, bytes) => write!(f, "question {number} {}", summary(bytes)),
            Self::End(number) => write!(f, "end after {number}"),
            Self::Reply(number, Ok(bytes)) => write!(f, "reply {number} {:08x}", digest(bytes)),
            Self::Reply(number, Err(failure)) => write!(f, "reply {number} {failure}"),
        }
    }
}

/// Puts what overtook back into its order.
#[derive(Debug)]
struct Order<T> {
    next: u64,
    early: BTreeMap<u64, T>,
}

impl<T> Order<T> {
    const fn new() -> Self {
        Self {
            next: 0,
            early: BTreeMap::new(),
        }
    }

    /// What can be taken now that `number` has come. What came before is dropped.
    fn take(&mut self, number: u64, what: T) -> Vec<T> {
        if number >= self.next {
            self.early.entry(number).or_insert(what);
        }
        let mut ready = Vec::new();
        while let Some(what) = self.early.remove(&self.next) {
            self.next += 1;
            ready.push(what);
        }
        ready
    }
}

/// Replies on their way to whoever asked.
#[derive(Debug)]
pub(super) struct Replying {
    order: Order<Answered>,
    to: mpsc::Sender<Answered>,
}

type Answered = Result<Bytes, Failure>;

impl Replying {
    pub(super) fn new() -> (Self, mpsc::Receiver<Answered>) {
        let (to, from) = mpsc::channel(UNTAKEN);
        let order = Order::new();
        (Self { order, to }, from)
    }

    /// Hands over; whether somebody still listens.
    pub(super) fn arrived(&mut self, number: u64, reply: Answered) -> bool {
        // That nobody is there, or not any more, is in no order.
        let ready = match reply {
            Err(Failure::Unsent(_) | Failure::Broken(_)) => vec![reply],
            reply => self.order.take(number, reply),
        };
        ready
            .into_iter()
            .all(|reply| self.to.try_send(reply).is_ok())
    }
}

/// The asking end of an open stream.
pub(super) struct Outflow {
    pub(super) outbox: Arc<Mutex<Outbox>>,
    pub(super) envelope: Letter,
    pub(super) replies: mpsc::Receiver<Answered>,
    asked: u64,
    unanswered: u64,
}

impl Drop for Outflow {
    fn drop(&mut self) {
        let end = Part::End(self.asked);
        self.outbox.lock().forget_flow(self.envelope.ticket);
        self.send(end);
    }
}

impl Outflow {
    pub(super) const fn new(
        outbox: Arc<Mutex<Outbox>>,
        envelope: Letter,
        replies: mpsc::Receiver<Answered>,
    ) -> Self {
        Self {
            outbox,
            envelope,
            replies,
            asked: 0,
            unanswered: 0,
        }
    }

    fn send(&self, part: Part) {
        let letter = Letter {
            body: Body::Part(part),
            ..self.envelope.clone()
        };
        self.outbox.lock().letters.push(letter);
    }

    fn ask(&mut self, question: &Request) {
        let bytes = prost::Message::encode_to_vec(question).into();
        self.send(Part::Question(self.asked, bytes));
        self.asked += 1;
        self.unanswered += 1;
    }

    /// Sends `questions` as they come, and gives the replies as they come.
    pub(super) fn run(self, questions: BoxStream<'static, Request>) -> Replies {
        let begin = Some((self, Some(questions)));
        futures::stream::unfold(begin, |open| async move {
            let (mut flow, mut questions) = open?;
            // Every reply says that the connection lives.
            let mut silence = patience(&flow);
            loop {
                if questions.is_none() && flow.unanswered == 0 {
                    return None;
                }
                // Either comes from a queue or a stream that keeps what was not taken.
                tokio::select! {
                    biased;
                    reply = flow.replies.next() => {
                        flow.unanswered = flow.unanswered.saturating_sub(1);
                        return match reply? {
                            Ok(bytes) => Some((decoded(bytes), Some((flow, questions)))),
                            Err(failure) => Some((Err(failure), None)),
                        };
                    }
                    question = next(&mut questions) => match question {
                        Some(question) => {
                            flow.ask(&question);
                            silence = silence.or_else(|| patience(&flow));
                        }
                        None => questions = None,
                    },
                    () = elapsed(&mut silence) => {
                        let failure = Failure::Broken("the connection is silent".to_owned());
                        return Some((Err(failure), None));
                    }
                }
            }
        })
        .boxed()
    }
}

/// The silence after which the connection is dead, if an answer is owed.
fn patience(flow: &Outflow) -> Option<Pin<Box<Sleep>>> {
    (flow.unanswered > 0).then(|| Box::pin(sleep(SILENCE)))
}

async fn elapsed(silence: &mut Option<Pin<Box<Sleep>>>) {
    match silence {
        Some(silence) => silence.await,
        None => std::future::pending().await,
    }
}

/// The next question, if there will be one.
async fn next(questions: &mut Option<BoxStream<'static, Request>>) -> Option<Request> {
    match questions {
        Some(questions) => questions.next().await,
        None => std::future::pending().await,
    }
}

fn decoded(bytes: Bytes) -> Result<Reply, Failure> {
    read(bytes).map_err(|error| Failure::Broken(error.to_string()))
}

/// The answering ends of the streams of one member's life, by their tickets.
#[derive(Debug, Default)]
pub(crate) struct Inflows(BTreeMap<u64, Inflow>);

#[derive(Debug)]
struct Inflow {
    order: Order<Option<Bytes>>,
    to: mpsc::Sender<Bytes>,
}

impl Inflows {
    /// Takes a part of a stream in. Gives back what is to be run for a stream that has begun.
    pub(crate) fn arrived(
        &mut self,
        part: Part,
        envelope: Letter,
        server: &Server,
        outbox: &Arc<Mutex<Outbox>>,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let ticket = envelope.ticket;
        match part {
            Part::Open => {
                if self.0.contains_key(&ticket) {
                    return None;
                }
                let (to, questions) = mpsc::channel(UNTAKEN);
                let order = Order::new();
                self.0.insert(ticket, Inflow { order, to });
                let (server, outbox) = (server.clone(), Arc::clone(outbox));
                return Some(answer(questions, envelope, server, outbox));
            }
            Part::Question(number, bytes) => self.taken(number, Some(bytes), &envelope, outbox),
            Part::End(number) => self.taken(number, None, &envelope, outbox),
            // Replies go to whoever asked, not to a member.
            Part::Reply(..) => {}
        }
        None
    }

    fn taken(
        &mut self,
        number: u64,
        bytes: Option<Bytes>,
        envelope: &Letter,
        outbox: &Arc<Mutex<Outbox>>,
    ) {
        let ticket = envelope.ticket;
        let Some(flow) = self.0.get_mut(&ticket) else {
            // An earlier life listened to that, or nobody any more.
            return outbox.lock().letters.push(gone(envelope));
        };
        for question in flow.order.take(number, bytes) {
            let heard = question.is_some_and(|bytes| flow.to.try_send(bytes).is_ok());
            if !heard {
                self.0.remove(&ticket);
                return;
            }
        }
    }
}

/// The host says that it knows nothing of a stream.
fn gone(envelope: &Letter) -> Letter {
    let reset = Failure::Broken("the connection was reset".to_owned());
    Letter {
        body: Body::Part(Part::Reply(0, Err(reset))),
        ..envelope.clone()
    }
}

async fn answer(
    questions: mpsc::Receiver<Bytes>,
    envelope: Letter,
    server: Server,
    outbox: Arc<Mutex<Outbox>>,
) {
    let mut number = 0;
    let mut send = |reply: Answered| {
        let letter = Letter {
            body: Body::Part(Part::Reply(number, reply)),
            ..envelope.clone()
        };
        outbox.lock().letters.push(letter);
        number += 1;
    };
    send(Ok(Bytes::new()));
    let mut questions = questions.map(read::<Request>).boxed();
    let replies = match questions.next().await {
        Some(Ok(first)) => server.append(first, questions),
        Some(Err(failure)) => Err(failure),
        None => return,
    };
    match replies {
        Ok(mut replies) => {
            while let Some(reply) = replies.next().await {
                send(reply.map(|reply| prost::Message::encode_to_vec(&reply).into()));
            }
        }
        Err(failure) => send(Err(failure)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overtakes_waits_and_what_comes_twice_is_dropped() {
        let mut order = Order::new();
        assert_eq!(order.take(1, 'b'), []);
        assert_eq!(order.take(0, 'a'), ['a', 'b']);
        assert_eq!(order.take(0, 'a'), []);
        assert_eq!(order.take(3, 'd'), []);
        assert_eq!(order.take(3, 'x'), []);
        assert_eq!(order.take(2, 'c'), ['c', 'd']);
    }
}
