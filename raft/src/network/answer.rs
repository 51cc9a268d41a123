//! What one group's instance answers, once it is settled that it is meant.

use std::cmp::Ordering;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse};
use openraft::storage::Snapshot;
use proto::raft::{Header, Kind, Reply, Request as Message, SnapshotChunk};
use raft_state::Versioned;
use serde::Serialize;

use super::handover::{Answering, sieved};
use super::server::{Server, bad, propose_here, wrong};
use super::sieve::{Absurd, Ears};
use super::snapshot::Announced;
use super::transport::{Failure, Replies};
use super::{run, seal};
use crate::engine::aside;
use crate::group::{Group, GroupName, MemberId, Types};
use crate::membership::{self, QUESTION};
use crate::seat::{Running, Seat};
use crate::store::{decode, encode};

/// Requests on one stream that are handed over before the first of them is answered.
const UNANSWERED: usize = 64;

pub(super) fn reply<T: Serialize>(value: &T) -> Result<Reply, Failure> {
    let payload = encode(value).map_err(|error| Failure::Broken(error.to_string()))?;
    Ok(seal::reply(payload.into()))
}

pub(super) fn question<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, Failure> {
    decode(payload).map_err(|error| bad(error.to_string()))
}

/// The entries that a message carries, in whatever form.
fn entries<G: Group>(message: &Message) -> Result<AppendEntriesRequest<Types<G>>, Failure> {
    match message.form {
        run::WHOLE => question(&message.payload),
        run::RUN => run::unpack::<G>(&message.payload).map_err(|error| bad(error.to_string())),
        _ => Err(bad("no such form")),
    }
}

pub(super) fn ended<E: std::fmt::Display>(error: E) -> Failure {
    Failure::Broken(error.to_string())
}

/// `items` up to and with the first one that is `last`.
fn until_one<T>(items: impl Stream<Item = T>, last: impl Fn(&T) -> bool) -> impl Stream<Item = T> {
    items.scan(false, move |over, item| {
        let ended = std::mem::replace(over, last(&item));
        futures::future::ready((!ended).then_some(item))
    })
}

impl Server {
    pub(super) async fn call_group<G: Group>(
        &self,
        seat: &Seat<G>,
        message: &Message,
        source: MemberId,
    ) -> Result<Reply, Failure> {
        let header = message.header.as_ref().ok_or_else(|| bad("no header"))?;
        let payload = &message.payload;
        if message.kind() == Kind::Join {
            let newcomer = question(payload)?;
            return self.join(seat, header, (source, newcomer)).await;
        }
        let running = Self::target(seat, header)?;
        let (raft, ears) = (&running.raft, self.ears(source));
        match message.kind() {
            Kind::Append => {
                let entries = entries::<G>(message)?;
                let answering = self.turns.entries(&running, ears, entries).await?;
                let answer = AppendEntriesResponse::from(answering.await?);
                match &answer {
                    // Somebody who led once; no sign of life of the one who leads now.
                    AppendEntriesResponse::HigherVote(_) => {}
                    AppendEntriesResponse::Success
                    | AppendEntriesResponse::PartialSuccess(_)
                    | AppendEntriesResponse::Conflict => {
                        seat.heard_leader(self.local.clock.now());
                    }
                }
                reply(&answer)
            }
            Kind::Vote | Kind::PreVote => self.vote(&running, ears, message).await,
            Kind::TransferLeader if self.local.is_witness() => Err(wrong("a witness never leads")),
            Kind::TransferLeader => {
                let sieved = sieved(
                    &running,
                    None,
                    question(payload)?,
                    move |state, question| ears.transfer::<G>(state, question),
                );
                let answer = raft.handle_transfer_leader(sieved.await?).await;
                reply(&answer.map_err(ended)?)
            }
            Kind::Propose => {
                let command: Vec<u8> = question(payload)?;
                let command =
                    G::Command::decode(&command).map_err(|error| bad(error.to_string()))?;
                ears.proposal::<G>(&command)?;
                reply(&propose_here(&running, command).await)
            }
            Kind::Join | Kind::Yield | Kind::Unspecified => Err(bad("no such question")),
        }
    }

    /// A vote that this disk may have forgotten could be given twice, and to somebody who lacks what this member has
    /// acknowledged since: so it gives none before it is known that the disk is the newest.
    async fn vote<G: Group>(
        &self,
        running: &Running<G>,
        ears: Ears,
        message: &Message,
    ) -> Result<Reply, Failure> {
        if G::NAME == GroupName::Control && !self.local.settles(QUESTION).await {
            return Err(wrong(
                "this member has not heard yet whether its disk is the newest",
            ));
        }
        let question = question(&message.payload)?;
        let sieved = sieved(running, None, question, move |state, question| {
            ears.candidacy::<G>(state, question)
        });
        let question = sieved.await?;
        let answer = if message.kind() == Kind::Vote {
            running.raft.vote(question).await
        } else {
            running.raft.pre_vote(question).await
        };
        reply(&answer.map_err(ended)?)
    }

    async fn join<G: Group>(
        &self,
        seat: &Seat<G>,
        header: &Header,
        (source, newcomer): (MemberId, (u64, u8)),
    ) -> Result<Reply, Failure> {
        if newcomer != (source.to_u64(), self.local.me.id.0) {
            return Err(Absurd::AnothersWords.into());
        }
        let Some(running) = seat
            .running()
            .filter(|running| running.generation == header.generation)
        else {
            return Err(wrong("another generation runs here"));
        };
        reply(&membership::admit(&self.local, seat, &running, source).await)
    }

    /// Feeds a stream of entries to the group's instance: each is answered in its turn, and what follows
    /// does not wait for that.
    pub(super) fn append_group<G: Group>(
        &self,
        seat: &Arc<Seat<G>>,
        first: Message,
        rest: BoxStream<'static, Result<Message, Failure>>,
    ) -> Replies {
        let (server, seat_of_input) = (self.clone(), Arc::clone(seat));
        let handed_over = futures::stream::iter([Ok(first)])
            .chain(rest)
            .then(move |message| {
                let (server, seat) = (server.clone(), Arc::clone(&seat_of_input));
                async move { server.entries_of(&seat, &message?).await }
            });
        let (clock, seat) = (self.local.clock, Arc::clone(seat));
        // A request that is not understood ends the stream, behind the answers to what came before.
        let results = until_one(handed_over, Result::is_err)
            .map(|handed_over| async { handed_over?.await })
            .buffered(UNANSWERED);
        // And so does one that does not fit: its sender begins anew.
        until_one(results, |result| !matches!(result, Ok(Ok(_))))
            .map(move |result| {
                let result = result?;
                if result.is_ok() {
                    seat.heard_leader(clock.now());
                }
                reply(&result)
            })
            .boxed()
    }

    /// Hands the entries of one message over, when everything before them has been.
    async fn entries_of<G: Group>(
        &self,
        seat: &Seat<G>,
        message: &Message,
    ) -> Result<Answering<G>, Failure> {
        let (_group, source) = self.group(message.header.as_ref())?;
        let header = message.header.as_ref().ok_or_else(|| bad("no header"))?;
        seal::check_question(message)?;
        let running = Self::target(seat, header)?;
        self.local.heard(source.node);
        let entries = entries::<G>(message)?;
        self.turns
            .entries(&running, self.ears(source), entries)
            .await
    }

    /// Takes in a stream with a snapshot, or a question about one.
    pub(super) async fn install<G: Group>(
        &self,
        seat: &Seat<G>,
        (first, source): (SnapshotChunk, MemberId),
        mut rest: BoxStream<'_, Result<SnapshotChunk, Failure>>,
    ) -> Result<Reply, Failure> {
        let header = first.header.as_ref().ok_or_else(|| bad("no header"))?;
        let running = Self::target(seat, header)?;
        let Announced {
            vote,
            meta,
            parcel,
            position,
        } = Announced::<G>::read(&first, self.local.me.kind)?;
        let ears = self.ears(source);
        let sieved = sieved(
            &running,
            Some(vote),
            (meta, None),
            move |state, (meta, higher)| {
                let mine = *state.vote_ref();
                let lower = vote.partial_cmp(&mine).is_none_or(Ordering::is_lt);
                *higher = lower.then_some(mine);
                ears.snapshot::<G>(state, &vote, meta)
            },
        );
        let (meta, higher) = sieved.await?;
        let now = || self.local.clock.now();
        let partials = &self.partials;
        if first.asks {
            return reply(&partials.position(G::NAME, &parcel));
        }
        if let Some(vote) = higher {
            // Somebody else leads: nothing of this one's is kept.
            return reply(&SnapshotResponse::<Types<G>> { vote });
        }
        partials.begin(G::NAME, &parcel, position, now())?;
        while let Some(chunk) = rest.next().await {
            partials.take(G::NAME, &parcel, &chunk?, now())?;
        }
        let data = partials.finish(G::NAME, &parcel)?;
        let state = aside(move || G::State::decode(&data))
            .await
            .map_err(ended)?;
        let snapshot = Snapshot {
            meta,
            snapshot: state.map_err(|error| bad(error.to_string()))?,
        };
        let answer = self
            .turns
            .snapshot(&running, (ears, vote), snapshot)
            .await?;
        seat.heard_leader(now());
        reply(&answer)
    }
}
