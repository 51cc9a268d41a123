//! Proves once a second that this node's session processors hold what the cluster agreed on, and mends
//! what they do not.
//!
//! ```text
//! Programming: both digests of one moment ─► Monitor ─► shards that differ
//!    ▲                                                      │ listed in pieces, compared
//!    └────────── suspects, judged again at a later moment ◄─┘
//! ```
//! What is agreed on and what is programmed differ for three reasons that are not on their way anywhere:
//! changes that found no room in the queue, sessions that ended while a standby took over everything at
//! once, and takeovers within the time that the log is behind.

mod memory;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use forwarding::RepairCounts;
use ha::drift::{Equality, Precision, Suspect, compare, is_settled};
use ha::report::{Agreed, Direction, DriftFigures, REPORT_HOLDS, Report};
use raft::{Cluster, Health, MemberRole};
use runtime::{Clock, Outlet, Shutdown};
use tokio::sync::{oneshot, watch};
use types::{DIGEST_SHARDS, Digest, EpochGate, Instant, ShardSet};

use memory::Memory;

use crate::programming::{Audit, Audited};
use crate::replicate;
use crate::site::{Peer, Site};

/// Between two audits.
const INTERVAL: Duration = Duration::from_secs(1);
/// Nothing is mended for so long after a change of role or of the state group's generation: both nodes
/// have things to tell then.
const CALM: Duration = Duration::from_secs(5);
/// For both tables of one moment: longer than a standby takes to program a million sessions, behind which
/// the question waits. A processor that hangs in a device's driver holds up whoever would answer.
const ANSWER: Duration = Duration::from_secs(30);
/// Sessions that are mended at once, also where the queue has more room.
const MENDED_AT_ONCE: usize = 50_000;

/// What is known of equality.
#[derive(Clone, Debug, Default)]
pub(crate) struct DriftStatus {
    /// This node's processors and the agreed table.
    pub(crate) figures: DriftFigures,
    /// The agreed table.
    pub(crate) agreed: Agreed,
    /// The processors' tables.
    pub(crate) programmed: Digest,
    /// To agreement.
    pub(crate) outbound: Direction,
    /// From agreement.
    pub(crate) inbound: Direction,
    /// Changes that were given up in the last minute.
    pub(crate) refused_lately: u64,
    /// When all this was looked at; `None` before the first time.
    pub(crate) at: Option<Instant>,
    /// The last node that was the other one, and said something.
    peer: Option<PeerStatus>,
}

impl DriftStatus {
    /// What is known of `peer`.
    pub(crate) fn of(&self, peer: Option<&Peer>) -> Option<&PeerStatus> {
        self.peer
            .as_ref()
            .filter(|status| Some(&status.peer) == peer)
    }
}

/// The other node, by its own last words.
#[derive(Clone, Debug)]
pub(crate) struct PeerStatus {
    /// Which one that is.
    pub(crate) peer: Peer,
    /// What it said.
    pub(crate) report: Arc<Report>,
    /// When that came.
    pub(crate) at: Instant,
    /// Its processors' tables and the agreed one, as this node knows it.
    pub(crate) equality: Equality,
    /// Whether it agrees on the same; `None` while no place of the log was seen on both nodes.
    pub(crate) agrees: Option<bool>,
}

impl PeerStatus {
    /// Whether its words still tell something.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_since(self.at) <= REPORT_HOLDS
    }
}

/// Looks for drift.
pub(crate) struct Auditor {
    pub(crate) site: Site,
    pub(crate) clock: Clock,
    pub(crate) gate: EpochGate,
    pub(crate) cluster: Cluster,
    pub(crate) data_plane: forwarding::Handle,
    pub(crate) audits: Outlet<Audit>,
    pub(crate) status: watch::Sender<DriftStatus>,
}

impl Auditor {
    /// Until the subsystem stops.
    pub(crate) async fn run(self, mut shutdown: Shutdown) {
        let mut memory = Memory::default();
        loop {
            let next = Some(self.clock.now() + INTERVAL);
            // Cancel safe: both only wait. An audit that is given up answers nobody.
            tokio::select! {
                () = self.clock.wait_until(next) => {}
                () = shutdown.requested() => return,
            }
            tokio::select! {
                () = self.audit(&mut memory) => {}
                () = shutdown.requested() => return,
            }
        }
    }

    async fn audit(&self, memory: &mut Memory) {
        let begun = self.clock.now();
        let state = self.cluster.state.status();
        let active = self.gate.epoch().is_some();
        let precision = if active {
            Precision::InMotion
        } else {
            Precision::Exact
        };
        memory.stand(active, state.generation, begun);
        let suspects = self.suspects(memory, precision, begun);
        let judged = !suspects.is_empty();
        let room = self.room(active);
        let Some((audited, table)) = ask(&self.audits, suspects, room).await else {
            return;
        };
        let now = self.clock.now();
        memory.inbound.sample(now - begun);
        let mut status = self.status.borrow().clone();
        let figures = &mut status.figures;
        let digests = (&audited.agreed, &table.digest);
        figures.equality = memory.own.look(digests.0, digests.1, precision, now);
        if judged {
            memory.judged(&audited.confirmed, now);
            note(figures, &audited);
        } else if figures.equality.equal as usize == DIGEST_SHARDS {
            figures.sessions_differing = 0;
        }
        if memory.listed.is_none() {
            memory.listed = self.list(memory, precision).await;
        }
        // An index belongs to this table only when nothing was applied in between.
        let after = self.cluster.state.status();
        let same = (after.applied, after.generation) == (state.applied, state.generation);
        status.agreed = Agreed {
            generation: state.generation,
            applied: if same { state.applied } else { 0 },
            total: audited.agreed.total(),
        };
        let refused = self.cluster.state.refused() + table.lost_removals;
        status.refused_lately = memory.refused_lately(refused, now);
        status.outbound = Direction {
            lag: audited.outbound,
            pending: self.cluster.state.pending() as u64 + table.waiting,
            refused,
            resyncs: 0,
        };
        status.inbound = Direction {
            lag: memory.inbound.figures(now - begun),
            pending: 0,
            refused: status.figures.repaired.full,
            resyncs: audited.resyncs,
        };
        status.programmed = table.digest;
        status.at = Some(now);
        self.hear_peer(&mut status, memory, &audited.agreed);
        self.status.send_replace(status);
    }

    /// What was listed, once it may be judged.
    fn suspects(&self, memory: &mut Memory, precision: Precision, now: Instant) -> Vec<Suspect> {
        let oldest = self.status.borrow().outbound.lag.now;
        let Some((_, suspects, at)) = &memory.listed else {
            return Vec::new();
        };
        if suspects.is_empty() || !self.is_calm(memory, now) {
            return Vec::new();
        }
        if is_settled(*at, now, oldest, precision) {
            suspects.clone()
        } else {
            Vec::new()
        }
    }

    /// Whether everybody has told what they had to tell, so that what differs is to be mended.
    fn is_calm(&self, memory: &Memory, now: Instant) -> bool {
        let state = self.cluster.state.status();
        let votes = state
            .member(self.site.id)
            .is_some_and(|member| member.role == MemberRole::Voter);
        let status = self.status.borrow();
        let peer = self.site.peer();
        let peer = status.of(peer.as_ref()).filter(|peer| peer.is_fresh(now));
        state.health == Health::Ok
            && votes
            && now.saturating_since(memory.since) >= CALM
            && self.cluster.state.backlog() == 0
            && peer.is_none_or(|peer| peer.report.backlog == 0)
    }

    /// How many sessions may be mended now.
    fn room(&self, active: bool) -> usize {
        if !active {
            return MENDED_AT_ONCE;
        }
        let room =
            replicate::high_water(&self.cluster).saturating_sub(self.cluster.state.pending());
        room.min(MENDED_AT_ONCE)
    }

    async fn list(
        &self,
        memory: &mut Memory,
        precision: Precision,
    ) -> Option<(Vec<usize>, Vec<Suspect>, Instant)> {
        let shards = memory.own.to_list(precision);
        if shards.is_empty() {
            return None;
        }
        let at = self.clock.now();
        let set: ShardSet = shards.iter().copied().collect();
        let held = self.data_plane.held(&set).await.ok()?;
        let suspects = compare(
            held.into_iter().map(|held| (held.id, held.rank)),
            self.cluster.state.ranks_in(&shards),
        );
        if suspects.is_empty() {
            memory.cleared(&shards, at);
            return None;
        }
        Some((shards, suspects, at))
    }
}

/// Both tables at one point of the stream; `None` when there is none now, or none in time.
async fn ask(
    audits: &Outlet<Audit>,
    suspects: Vec<Suspect>,
    room: usize,
) -> Option<(Audited, forwarding::TableReport)> {
    let (reply, answer) = oneshot::channel();
    let audit = Audit {
        suspects,
        room,
        reply,
    };
    audits.offer(audit).ok()?;
    let both = async {
        let Ok(mut audited) = answer.await else {
            tracing::debug!("no audit: the processors are about to take over everything");
            return None;
        };
        let programmed = audited.programmed.take()?;
        Some((audited, programmed.answer().await.ok()?))
    };
    tokio::time::timeout(ANSWER, both)
        .await
        .unwrap_or_else(|_late| {
            tracing::warn!(waited = ?ANSWER, "no audit: the session processors do not answer");
            None
        })
}

/// What became of suspects.
fn note(figures: &mut DriftFigures, audited: &Audited) {
    figures.sessions_differing = audited.confirmed.len() as u64;
    // Otherwise the processors had come to the same by themselves.
    if audited.repaired != RepairCounts::default() {
        count(figures, &audited.found, &audited.repaired);
        tell(&audited.found, &audited.repaired);
    }
}

fn count(figures: &mut DriftFigures, found: &ha::drift::Found, repaired: &RepairCounts) {
    let all = &mut figures.found;
    all.missing += found.missing;
    all.older += found.older;
    all.newer += found.newer;
    all.unknown += found.unknown;
    let all = &mut figures.repaired;
    all.installed += repaired.installed;
    all.removed += repaired.removed;
    all.told_again += repaired.told_again;
    all.ended_again += repaired.ended_again;
    all.full += repaired.full;
}

fn tell(found: &ha::drift::Found, repaired: &RepairCounts) {
    tracing::warn!(
        event = "drift",
        missing = found.missing,
        older = found.older,
        newer = found.newer,
        unknown = found.unknown,
        installed = repaired.installed,
        removed = repaired.removed,
        told_again = repaired.told_again,
        ended_again = repaired.ended_again,
        full = repaired.full,
        "the session tables had drifted"
    );
}

#[cfg(test)]
mod tests {
    use runtime::mailbox::mailbox;

    use super::*;
    use crate::programming::AUDITS;

    #[tokio::test(start_paused = true)]
    async fn who_takes_the_question_and_sits_on_it_is_not_waited_for() {
        let clock = Clock::start();
        let (audits, mut taken) = mailbox(AUDITS);
        assert!(ask(&audits, Vec::new(), 0).await.is_none());
        assert_eq!(clock.now().saturating_since(Instant::START), ANSWER);
        // The question is still in the queue: who has no room for the next one hears so at once.
        assert!(ask(&audits, Vec::new(), 0).await.is_none());
        assert_eq!(clock.now().saturating_since(Instant::START), ANSWER);
        assert!(
            taken
                .next()
                .await
                .is_some_and(|audit| audit.reply.is_closed())
        );
    }
}
