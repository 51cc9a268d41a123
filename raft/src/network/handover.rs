//! From the check to the consensus, without anything in between.
//!
//! ```text
//!   message ─► turn ─► check ─┬─ refused
//!                             └─► [its sender has a new vote: that alone, first; check again] ─► consensus
//! ```
//! Check and hand-over are two messages to the consensus. What `sieve` compares a leader's words with is the
//! vote, which only rises, and what is agreed on, which grows: so a message that was right when it was
//! checked may contradict when it arrives. Nothing that it is compared with changes in between, because
//!
//! - one leader's message at a time is checked and handed over, and the consensus takes them in their order:
//!   whatever the check sees includes every message before;
//! - beside messages only this member's own leadership makes anything agreed on. A sender whose vote is new
//!   here is heard first with the vote alone: from then on this member leads nobody, and the check that
//!   counts comes after that.
//!
//! What is asked for by candidates and by leaders who hand over is compared with the vote alone: it stays
//! in reach when the vote here rises. Answers are compared with their questions, which do not change.

use std::future::Future;
use std::task::Poll;

use futures::FutureExt;
use futures::future::BoxFuture;
use openraft::RaftState;
use openraft::entry::RaftEntry;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
    StreamAppendResult,
};
use openraft::storage::Snapshot;
use tokio::sync::{Mutex, MutexGuard};

use super::answer::ended;
use super::sieve::{Absurd, Ears};
use super::transport::Failure;
use crate::group::{Group, GroupName, LogId, Types, Vote};
use crate::seat::Running;

/// An answer that is on its way.
pub(super) type Answering<G> = BoxFuture<'static, Result<StreamAppendResult<Types<G>>, Failure>>;

type CommittedLeader<G> = openraft::alias::CommittedLeaderIdOf<Types<G>>;
type SnapshotOf<G> = Snapshot<CommittedLeader<G>, u64, (), <G as Group>::State>;

/// Whose turn it is to be heard, of each group.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    control: Mutex<()>,
    state: Mutex<()>,
}

impl Turns {
    async fn next(&self, group: GroupName) -> MutexGuard<'_, ()> {
        match group {
            GroupName::Control => self.control.lock().await,
            GroupName::State => self.state.lock().await,
        }
    }

    /// Hands `question` over as it is when its turn has come. The answer is waited for without the turn.
    pub(super) async fn entries<G: Group>(
        &self,
        running: &Running<G>,
        ears: Ears,
        question: AppendEntriesRequest<Types<G>>,
    ) -> Result<Answering<G>, Failure> {
        let _turn = self.next(G::NAME).await;
        let vote = question.vote;
        let check =
            move |state: &RaftState<Types<G>>, question: &mut _| ears.entries::<G>(state, question);
        let (mut question, news) = checked(running, vote, question, check).await?;
        let mut introduced = None;
        if let Some(agreed) = news {
            introduced = Some(introduce(running, vote, agreed).await);
            question = sieved(running, Some(vote), question, check).await?;
        }
        let previous = question.prev_log_id;
        let last = question.entries.last().map(RaftEntry::log_id);
        let last = last.or(previous);
        let raft = running.raft.clone();
        let answering = begun(async move { raft.append_entries(question).await }).await;
        Ok(async move {
            if let Some(introduced) = introduced {
                introduced.await;
            }
            match answering.await.map_err(ended)? {
                AppendEntriesResponse::Success => Ok(Ok(last)),
                AppendEntriesResponse::PartialSuccess(matching) => Ok(Ok(matching)),
                AppendEntriesResponse::HigherVote(vote) => {
                    Ok(Err(StreamAppendError::HigherVote(vote)))
                }
                AppendEntriesResponse::Conflict => previous
                    .map(|previous| Err(StreamAppendError::Conflict(previous)))
                    .ok_or_else(|| ended("a conflict before the first entry")),
            }
        }
        .boxed())
    }

    /// The same for a snapshot that has arrived, perhaps long after its description was checked.
    pub(super) async fn snapshot<G: Group>(
        &self,
        running: &Running<G>,
        (ears, vote): (Ears, Vote<G>),
        snapshot: SnapshotOf<G>,
    ) -> Result<SnapshotResponse<Types<G>>, Failure> {
        let turn = self.next(G::NAME).await;
        let check = move |state: &RaftState<Types<G>>, snapshot: &mut SnapshotOf<G>| {
            ears.snapshot::<G>(state, &vote, &snapshot.meta)
        };
        let (mut snapshot, news) = checked(running, vote, snapshot, check).await?;
        if let Some(agreed) = news {
            drop(introduce(running, vote, agreed).await);
            snapshot = sieved(running, Some(vote), snapshot, check).await?;
        }
        let last = snapshot.meta.last_log_id;
        let raft = running.raft.clone();
        let mut installing =
            begun(async move { raft.install_full_snapshot(vote, snapshot).await }).await;
        // Snapshots have a way of their own into the consensus. The turn ends when it has been taken in;
        // that it is installed is not waited for, or nobody would be heard meanwhile.
        while futures::poll!(&mut installing).is_pending() {
            let taken = running.raft.with_raft_state(move |state| {
                state.local_committed() >= last.as_ref() || *state.vote_ref() > vote
            });
            if taken.await.map_err(ended)? {
                drop(turn);
                return installing.await.map_err(ended);
            }
        }
        installing.await.map_err(ended)
    }
}

/// `question`, if the consensus may hear it as it stands now. A leader asks by its `vote`.
pub(super) async fn sieved<G: Group, Q: Send + 'static>(
    running: &Running<G>,
    vote: Option<Vote<G>>,
    mut question: Q,
    check: impl FnOnce(&RaftState<Types<G>>, &mut Q) -> Result<(), Absurd> + Send + 'static,
) -> Result<Q, Failure> {
    let checked = running
        .raft
        .with_raft_state(move |state| check(state, &mut question).map(|()| question));
    let checked = checked.await.map_err(ended)?;
    if let (Err(Absurd::Contradicts(index)), Some(vote)) = (&checked, vote) {
        running.contradicted(vote, *index);
    }
    Ok(checked?)
}

/// The same; if `vote` is higher than the one here, also what is agreed on here.
async fn checked<G: Group, Q: Send + 'static>(
    running: &Running<G>,
    vote: Vote<G>,
    question: Q,
    check: impl FnOnce(&RaftState<Types<G>>, &mut Q) -> Result<(), Absurd> + Send + 'static,
) -> Result<(Q, Option<Option<LogId<G>>>), Failure> {
    sieved(
        running,
        Some(vote),
        (question, None),
        move |state, (question, news)| {
            if vote > *state.vote_ref() {
                *news = Some(state.local_committed().copied());
            }
            check(state, question)
        },
    )
    .await
}

/// Lets the consensus hear of a leader's `vote`, and nothing else of it.
async fn introduce<G: Group>(
    running: &Running<G>,
    vote: Vote<G>,
    agreed: Option<LogId<G>>,
) -> BoxFuture<'static, ()> {
    let nothing = AppendEntriesRequest::<Types<G>> {
        vote,
        // Every later leader has what is agreed on.
        prev_log_id: agreed,
        entries: Vec::new(),
        leader_commit: None,
    };
    let raft = running.raft.clone();
    begun(async move {
        // Whether it was taken shows in the answer to what follows.
        let _answer = raft.append_entries(nothing).await;
    })
    .await
}

/// `work` with its first step done: its place among the messages to the consensus is settled, since the
/// queue is fair even to those who wait for room in it.
async fn begun<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> BoxFuture<'static, T> {
    let mut work = work.boxed();
    match futures::poll!(&mut work) {
        Poll::Ready(value) => futures::future::ready(value).boxed(),
        Poll::Pending => work,
    }
}
