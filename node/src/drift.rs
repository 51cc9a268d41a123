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

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use forwarding::RepairCounts;
use ha::drift::{Equality, Monitor, Precision, Suspect, compare, is_settled};
use ha::lag::LagMeter;
use ha::report::{Agreed, Direction, DriftFigures, REPORT_HOLDS, Report};
use raft::{Cluster, Health, MemberRole};
use runtime::{Clock, Outlet, Shutdown};
use tokio::sync::{oneshot, watch};
use types::{Digest, EpochGate, Instant, NodeId, ShardSet};

use crate::notice;
use crate::programming::{Audit, Audited};
use crate::replicate;

/// Between two audits.
const INTERVAL: Duration = Duration::from_secs(1);
/// Nothing is mended for so long after a change of role or of the state group's generation: both nodes
/// have things to tell then.
const CALM: Duration = Duration::from_secs(5);
/// Over how long refusals count as "lately".
const LATELY: Duration = Duration::from_mins(1);
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
    /// The other node.
    pub(crate) peer: Option<PeerStatus>,
}

/// The other node, by its own last words.
#[derive(Clone, Debug)]
pub(crate) struct PeerStatus {
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
    pub(crate) node: NodeId,
    pub(crate) peer: Option<NodeId>,
    pub(crate) clock: Clock,
    pub(crate) gate: EpochGate,
    pub(crate) cluster: Cluster,
    pub(crate) data_plane: forwarding::Handle,
    pub(crate) audits: Outlet<Audit>,
    pub(crate) status: watch::Sender<DriftStatus>,
}

/// What the auditor remembers from one audit to the next.
#[derive(Debug, Default)]
struct Memory {
    own: Monitor,
    peers: Monitor,
    /// Shards that were listed, what differed there, and when.
    listed: Option<(Vec<usize>, Vec<Suspect>, Instant)>,
    inbound: LagMeter,
    /// Role and generation, and since when.
    footing: (bool, u64),
    since: Instant,
    /// Refusals since the start, at some moments of the last minute.
    refused: VecDeque<(Instant, u64)>,
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
        if memory.footing != (active, state.generation) {
            memory.footing = (active, state.generation);
            memory.since = begun;
            memory.listed = None;
        }
        let (reply, answer) = oneshot::channel();
        let audit = Audit {
            suspects: self.suspects(memory, precision, begun),
            room: self.room(active),
            reply,
        };
        let judged = !audit.suspects.is_empty();
        if self.audits.offer(audit).is_err() {
            return;
        }
        let Ok(audited) = answer.await else {
            tracing::debug!("no audit: the processors are about to take over everything");
            return;
        };
        let Audited {
            agreed,
            programmed,
            confirmed,
            found,
            repaired,
            outbound,
            resyncs,
        } = audited;
        let Ok(table) = programmed.answer().await else {
            return;
        };
        let now = self.clock.now();
        memory.inbound.sample(now - begun);
        let digest = agreed.digest();
        let mut status = self.status.borrow().clone();
        status.figures.equality = memory.own.look(&digest, &table.digest, precision, now);
        if judged {
            memory.judged(&confirmed, now);
            status.figures.sessions_differing = confirmed.len() as u64;
            // Otherwise the processors had come to the same by themselves.
            if repaired != RepairCounts::default() {
                count(&mut status.figures, &found, &repaired);
                tell(&found, &repaired);
            }
        } else if status.figures.equality.equal as usize == types::DIGEST_SHARDS {
            status.figures.sessions_differing = 0;
        }
        if memory.listed.is_none() {
            memory.listed = self.list(memory, &agreed, precision).await;
        }
        // An index belongs to this table only when nothing was applied in between.
        let after = self.cluster.state.status();
        let same = (after.applied, after.generation) == (state.applied, state.generation);
        status.agreed = Agreed {
            generation: state.generation,
            applied: if same { state.applied } else { 0 },
            total: digest.total(),
        };
        let refused = self.cluster.state.refused() + table.lost_removals;
        status.refused_lately = memory.refused_lately(refused, now);
        status.outbound = Direction {
            lag: outbound,
            pending: self.cluster.state.pending() as u64 + table.waiting,
            refused,
            resyncs: 0,
        };
        status.inbound = Direction {
            lag: memory.inbound.figures(now - begun),
            pending: 0,
            refused: status.figures.repaired.full,
            resyncs,
        };
        status.programmed = table.digest;
        status.at = Some(now);
        self.hear_peer(&mut status, memory, &digest);
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
            .member(self.node)
            .is_some_and(|member| member.role == MemberRole::Voter);
        let status = self.status.borrow();
        let peer = status.peer.as_ref().filter(|peer| peer.is_fresh(now));
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
        agreed: &raft_state::ClusterState,
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
            agreed
                .sessions_in(shards.iter().copied())
                .map(|record| (record.id, record.rank())),
        );
        if suspects.is_empty() {
            memory.cleared(&shards, at);
            return None;
        }
        Some((shards, suspects, at))
    }

    fn hear_peer(&self, status: &mut DriftStatus, memory: &mut Memory, agreed: &Digest) {
        let Some(peer) = self.peer else {
            return;
        };
        let known = status.peer.as_ref().map(|peer| peer.at);
        let Some((report, at)) = notice::news(&self.cluster.state, peer, known) else {
            return;
        };
        let equality = memory
            .peers
            .look(agreed, &report.programmed, Precision::InMotion, at);
        let (here, there) = (status.agreed, report.agreed);
        let same_place = (here.generation, here.applied) == (there.generation, there.applied);
        let before = status.peer.as_ref().and_then(|peer| peer.agrees);
        let agrees = if same_place && here.applied > 0 {
            Some(here.total == there.total)
        } else {
            before
        };
        if agrees == Some(false) && before != agrees {
            tracing::error!(
                applied = here.applied,
                "the agreed tables of both nodes differ at one place of the log; restart the standby"
            );
        }
        status.peer = Some(PeerStatus {
            report: Arc::new(report),
            at,
            equality,
            agrees,
        });
    }
}

impl Memory {
    /// What was listed has been judged: shards without a confirmed difference were only in motion.
    fn judged(&mut self, confirmed: &[Suspect], now: Instant) {
        let Some((mut shards, _, at)) = self.listed.take() else {
            return;
        };
        shards.retain(|shard| confirmed.iter().all(|suspect| suspect.id.shard() != *shard));
        self.cleared(&shards, at.min(now));
    }

    fn cleared(&mut self, shards: &[usize], at: Instant) {
        for shard in shards {
            self.own.verified(*shard, at);
        }
    }

    fn refused_lately(&mut self, refused: u64, now: Instant) -> u64 {
        self.refused.push_back((now, refused));
        while self.refused.len() > 1
            && let Some((at, _)) = self.refused.front()
            && now.saturating_since(*at) > LATELY
        {
            self.refused.pop_front();
        }
        let before = self.refused.front().map_or(refused, |(_, count)| *count);
        refused.saturating_sub(before)
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
