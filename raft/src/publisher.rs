//! The one task that proposes what this node did: batches, one at a time, each until it is answered.
//!
//! An answer says that the group has agreed, not that this member has heard of it. A leader that agreed
//! with the witness alone may die before it sends the batch back here: then nobody is left who knows
//! its content, and the group begins a new generation without it. So a batch is [`Unheard`] until it was
//! applied here, and told again to the generation that comes after its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use raft_state::{Batch, Incarnation, Names, StateCommand};
use types::{NeighborRecord, SessionChange};

use crate::changes::Hub;
use crate::group::MemoryGroup;
use crate::pending::Pending;
use crate::propose::Proposer;

/// While the group does not run here at all.
const REST: Duration = Duration::from_millis(100);
/// Between two looks at whether what was answered was also applied here. A member applies what it
/// helped to agree on half a round trip after the leader.
const LOOK: Duration = Duration::from_millis(20);
/// Batches that may be answered and not applied here; with more, the next one waits.
const UNHEARD: usize = 16;

/// Proposes what `pending` holds.
pub(crate) struct Publisher {
    pub(crate) proposer: Proposer<MemoryGroup>,
    pub(crate) pending: Arc<Pending>,
    pub(crate) hub: Arc<Hub>,
}

impl Publisher {
    /// Runs until it is dropped.
    ///
    /// A batch keeps its number however often it is proposed, so that it is applied once; the next one
    /// waits, so that numbers come in order. Meanwhile further changes merge in [`Pending`].
    pub(crate) async fn run(self) {
        let local = Arc::clone(&self.proposer.local);
        let mut unheard = Unheard::default();
        let mut sequence = 0;
        loop {
            self.something_to_send(&mut unheard).await;
            if self.pending.len() < local.limits.batch {
                tokio::time::sleep(local.timing.linger).await;
            }
            let (sessions, neighbors) = self.pending.take(local.limits.batch);
            if sessions.is_empty() && neighbors.is_empty() {
                continue;
            }
            sequence += 1;
            let batch = Arc::new(Batch {
                proposer: local.me.id,
                incarnation: local.incarnation,
                sequence,
                sessions: sessions.iter().collect(),
                neighbors,
            });
            // Noted before it is proposed: whatever comes later has not necessarily heard of it.
            let generation = self.generation();
            self.propose(&StateCommand::Batch(Arc::clone(&batch))).await;
            #[cfg(feature = "mutants")]
            if crate::mutants::is(crate::mutants::Mutant::AnsweredForgotten) {
                continue;
            }
            unheard.answered(generation, batch);
        }
    }

    async fn propose(&self, command: &StateCommand) {
        while let Err(error) = self.proposer.propose(command).await {
            tracing::debug!(%error, "a batch is proposed again");
            if !error.is_retryable() {
                tokio::time::sleep(REST).await;
            }
        }
    }

    /// Waits until there is something to take and room among what is unheard; meanwhile hears of what
    /// was applied, and puts back what a generation took with it.
    async fn something_to_send(&self, unheard: &mut Unheard) {
        loop {
            self.hear(unheard);
            if unheard.len() < UNHEARD && !self.pending.is_empty() {
                return;
            }
            let full = unheard.len() >= UNHEARD;
            // Cancel safe: both only wait.
            tokio::select! {
                biased;
                () = self.pending.something(), if !full => {}
                () = tokio::time::sleep(LOOK), if unheard.len() > 0 => {}
            }
        }
    }

    fn hear(&self, unheard: &mut Unheard) {
        if unheard.len() == 0 {
            return;
        }
        let Some(generation) = self.generation() else {
            return;
        };
        for batch in unheard.lost_to(generation) {
            tracing::info!(
                sequence = batch.sequence,
                generation,
                "telling the new generation what the old one took with it"
            );
            let (sessions, neighbors) = content(&batch);
            self.pending.put_back(sessions, neighbors);
        }
        // What is left is of this generation, and so is the state: numbers mean the same in both. In the
        // state of a later one a higher number would say nothing about a lower one.
        let me = self.proposer.local.me.id;
        let applied = self.hub.agreed().ask(|state| state.last_batch(me));
        unheard.applied(applied);
    }

    /// The generation that runs here now.
    fn generation(&self) -> Option<u64> {
        let running = self.proposer.seat.running()?;
        Some(running.generation)
    }
}

fn content(batch: &Batch) -> (Vec<SessionChange>, Vec<NeighborRecord>) {
    let mut names = Names::default();
    let sessions = batch.sessions.iter();
    (
        sessions
            .filter_map(|change| change.unpack(&mut names))
            .collect(),
        batch.neighbors.clone(),
    )
}

/// Batches that were answered for and not yet applied here, in order, each with the generation that
/// ran when it was proposed first.
#[derive(Debug, Default)]
struct Unheard(VecDeque<(Option<u64>, Arc<Batch>)>);

impl Unheard {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn answered(&mut self, generation: Option<u64>, batch: Arc<Batch>) {
        self.0.push_back((generation, batch));
    }

    /// The member's own state, of the generation that answered, holds everything up to `last`.
    fn applied(&mut self, last: Option<(Incarnation, u64)>) {
        while let (Some(last), Some((_, batch))) = (last, self.0.front()) {
            if last < (batch.incarnation, batch.sequence) {
                return;
            }
            self.0.pop_front();
        }
    }

    /// Takes out what was answered for by another generation than `generation`, oldest first.
    fn lost_to(&mut self, generation: u64) -> Vec<Arc<Batch>> {
        let (lost, kept) = std::mem::take(&mut self.0)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(of, _)| *of != Some(generation));
        self.0 = kept;
        lost.into_iter().map(|(_, batch)| batch).collect()
    }
}

#[cfg(test)]
mod tests {
    use raft_state::Packed;
    use types::NodeId;

    use super::*;

    fn batch(sequence: u64) -> Arc<Batch> {
        Arc::new(Batch {
            proposer: NodeId(1),
            incarnation: Incarnation(3),
            sequence,
            sessions: Packed::default(),
            neighbors: Vec::new(),
        })
    }

    fn numbers(batches: &[Arc<Batch>]) -> Vec<u64> {
        batches.iter().map(|batch| batch.sequence).collect()
    }

    #[test]
    fn what_was_applied_here_is_heard() {
        let mut unheard = Unheard::default();
        unheard.answered(Some(1), batch(1));
        unheard.answered(Some(1), batch(2));
        unheard.applied(None);
        assert_eq!(unheard.len(), 2);
        unheard.applied(Some((Incarnation(2), 9)));
        assert_eq!(unheard.len(), 2, "an earlier life's numbers are others");
        unheard.applied(Some((Incarnation(3), 1)));
        assert_eq!(unheard.len(), 1);
    }

    #[test]
    fn what_another_generation_answered_for_is_told_again_in_order() {
        let mut unheard = Unheard::default();
        unheard.answered(Some(1), batch(1));
        unheard.answered(None, batch(2));
        unheard.answered(Some(2), batch(3));
        assert_eq!(numbers(&unheard.lost_to(2)), [1, 2]);
        assert!(unheard.lost_to(2).is_empty());
        assert_eq!(unheard.len(), 1);
    }
}
