//! What the state group agreed on → the session processors, so that the standby is hot.
//!
//! The stream of committed changes has one consumer, so this is also the place where the agreed table
//! and the programmed ones can be compared at the same point of it: see [`Audit`].

use forwarding::{RepairCounts, Stopped};
use ha::drift::{Found, Suspect};
use ha::lag::Lag;
use raft::{Changes, Committed};
use raft_state::ClusterState;
use runtime::{Clock, Mailbox, Shutdown};
use session::Repair;
use tokio::sync::oneshot;
use types::{Digest, NeighborRecord, SessionChange};

use crate::reconcile::outlive;
use crate::trace::{Trace, Tracer};

/// Sessions of a whole state that are programmed at once.
const PIECE: usize = 4096;

/// Audits under way: one asks at a time.
pub(crate) const AUDITS: usize = 1;

/// "What is agreed on, what is programmed, and what becomes of these suspects?"
pub(crate) struct Audit {
    /// Sessions that were found to differ at an earlier moment, and may be judged now.
    pub(crate) suspects: Vec<Suspect>,
    /// At most so many are mended: the active node tells them to a cluster that has no more room.
    pub(crate) room: usize,
    /// Where to. Nothing comes while this consumer is behind: then everything is taken over soon.
    pub(crate) reply: oneshot::Sender<Audited>,
}

/// Both tables at one point of the stream.
pub(crate) struct Audited {
    /// What the agreed table sums up to.
    pub(crate) agreed: Digest,
    /// The processors' own figures, which answer when they have come so far; to be taken once.
    pub(crate) programmed: Option<forwarding::Asked>,
    /// The suspects that were still suspect.
    pub(crate) confirmed: Vec<Suspect>,
    /// By kind.
    pub(crate) found: Found,
    /// What became of them.
    pub(crate) repaired: RepairCounts,
    /// How late this node's own changes are agreed on.
    pub(crate) outbound: Lag,
    /// Times that everything was taken over at once.
    pub(crate) resyncs: u64,
}

/// Programs committed sessions and neighbours.
pub(crate) struct Programming {
    pub(crate) changes: Changes,
    pub(crate) data_plane: forwarding::Handle,
    pub(crate) audits: Mailbox<Audit>,
    pub(crate) traces: Mailbox<Trace>,
    pub(crate) clock: Clock,
}

impl Programming {
    /// Until the group or the data plane ends.
    pub(crate) async fn run(mut self, mut shutdown: Shutdown) {
        let mut tracer = Tracer::default();
        let mut resyncs = 0;
        loop {
            // Cancel safe: both only wait, and a change is taken when its branch wins.
            let done = tokio::select! {
                committed = self.changes.next() => {
                    let Some(committed) = committed else { break };
                    self.program(committed, &mut tracer, &mut resyncs).await
                }
                audit = self.audits.next() => {
                    let Some(audit) = audit else { break };
                    self.audit(audit, &mut tracer, &mut resyncs).await
                }
            };
            if done.is_err() {
                return;
            }
        }
        // Whoever asks for an audit now hears at once that there is none.
        drop(self);
        outlive("state", &mut shutdown).await;
    }

    async fn program(
        &mut self,
        committed: Committed,
        tracer: &mut Tracer,
        resyncs: &mut u64,
    ) -> Result<(), Stopped> {
        match committed {
            Committed::Snapshot(state) => {
                *resyncs += 1;
                self.take_over(&state).await
            }
            // Our own changes go the same way: the table learns from them that they are agreed on.
            Committed::Batch {
                sessions,
                neighbors,
                own,
                ..
            } => {
                if own {
                    let now = self.clock.now();
                    self.take_traces(tracer);
                    tracer.arrived(&sessions, now);
                }
                self.learn(neighbors).await?;
                self.data_plane.install(sessions).await
            }
        }
    }

    /// Everything, in pieces: a million records at once would be memory that nobody needs a moment
    /// later.
    async fn take_over(&self, state: &ClusterState) -> Result<(), Stopped> {
        self.learn(state.neighbors().collect()).await?;
        let mut records = state.sessions().map(SessionChange::Put);
        loop {
            let piece: Vec<_> = records.by_ref().take(PIECE).collect();
            if piece.is_empty() {
                return Ok(());
            }
            self.data_plane.install(piece).await?;
        }
    }

    async fn learn(&self, neighbors: Vec<NeighborRecord>) -> Result<(), Stopped> {
        if neighbors.is_empty() {
            return Ok(());
        }
        self.data_plane.learn(neighbors).await
    }

    fn take_traces(&mut self, tracer: &mut Tracer) {
        while let Some(trace) = self.traces.try_next() {
            tracer.take(trace);
        }
    }

    async fn audit(
        &mut self,
        audit: Audit,
        tracer: &mut Tracer,
        resyncs: &mut u64,
    ) -> Result<(), Stopped> {
        self.take_traces(tracer);
        let now = self.clock.now();
        let asked = self.changes.checkpoint(|state| {
            tracer.give_up(|id| state.rank(id), now);
            (state.digest(), confirm(&audit, state))
        });
        let Some((waiting, (agreed, confirmed))) = asked else {
            return Ok(());
        };
        for committed in waiting {
            self.program(committed, tracer, resyncs).await?;
        }
        let (confirmed, repairs): (Vec<_>, Vec<_>) = confirmed.into_iter().unzip();
        let mut found = Found::default();
        for difference in confirmed.iter().filter_map(Suspect::difference) {
            found.count(difference);
        }
        let repaired = if repairs.is_empty() {
            RepairCounts::default()
        } else {
            self.data_plane.repair(repairs).await?
        };
        let programmed = self.data_plane.ask_digest().await?;
        // Whoever asked may have stopped.
        let _unheard = audit.reply.send(Audited {
            agreed,
            programmed: Some(programmed),
            confirmed,
            found,
            repaired,
            outbound: tracer.figures(now),
            resyncs: *resyncs,
        });
        Ok(())
    }
}

/// The suspects of which the cluster still says the same; what the processors say, they look at
/// themselves.
fn confirm(audit: &Audit, agreed: &ClusterState) -> Vec<(Suspect, Repair)> {
    let same = audit
        .suspects
        .iter()
        .filter(|suspect| agreed.living_rank(suspect.id) == suspect.agreed);
    same.take(audit.room)
        .map(|suspect| {
            let repair = Repair {
                id: suspect.id,
                held: suspect.held,
                agreed: agreed.session(suspect.id),
            };
            (*suspect, repair)
        })
        .collect()
}
