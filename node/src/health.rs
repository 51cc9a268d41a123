//! Readiness, computed from what all the parts say and proven against the cluster's own table; and the
//! verdict on the pair, from the facts of both nodes.

mod candidates;
mod pair;
mod storage;

use std::time::Duration;

use ha::readiness::{GroupFacts, TableProof};
use ha::verdict::{Judgement, NodeFacts, Verdict as Word};
use ha::{Assessment, Facts, NodeRole};
use raft::{Cluster, GroupStatus, Health, MemberRole, StorageHealth};
use runtime::{Clock, Shutdown};
use tokio::sync::watch;
use types::{EpochGate, Instant, Name};
use vrrp::StateName;

use crate::drift::DriftStatus;
use crate::notice;
use crate::running::Running;
use crate::site::Site;
use crate::threads::{Meter, Utilization};
use candidates::Alarms;
use storage::{Alarm, Change};

/// How often the facts are looked at.
const INTERVAL: Duration = Duration::from_millis(100);
/// Over how long utilization is an average.
const METERED: Duration = Duration::from_secs(1);
/// Tables under load differ at any moment by what is on its way. They have proven equal when they
/// were so at some moment of the last few seconds.
const PROOF_HOLDS: Duration = Duration::from_secs(3);

/// The latest verdict with the figures behind it.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) assessment: Assessment,
    pub(crate) agreed: TableProof,
    pub(crate) programmed: TableProof,
    pub(crate) lag: Duration,
    pub(crate) judgement: Judgement,
}

impl Default for Verdict {
    fn default() -> Self {
        Self {
            assessment: Assessment {
                role: NodeRole::Joining,
                ready: false,
                reasons: vec![ha::Reason::NoConfiguration],
            },
            agreed: TableProof::default(),
            programmed: TableProof::default(),
            lag: Duration::ZERO,
            judgement: Judgement {
                verdict: Word::Unprotected,
                failed: Vec::new(),
            },
        }
    }
}

/// Looks at everybody.
pub(crate) struct Watchman {
    pub(crate) site: Site,
    pub(crate) clock: Clock,
    pub(crate) gate: EpochGate,
    pub(crate) cluster: Cluster,
    pub(crate) data_plane: forwarding::Handle,
    pub(crate) redundancy: Option<vrrp::Handle>,
    pub(crate) running: watch::Receiver<Running>,
    pub(crate) drift: watch::Receiver<DriftStatus>,
    pub(crate) verdict: watch::Sender<Verdict>,
    pub(crate) utilization: watch::Sender<Utilization>,
}

/// What the watchman remembers from one look to the next.
#[derive(Debug, Default)]
struct Memory {
    /// When the tables were last seen equal.
    equal_at: Option<Instant>,
    /// Since when committed entries wait to be applied.
    behind_since: Option<Instant>,
    /// The last verdict that was told, and the one of the last look.
    told: Option<Word>,
    seen: Option<Word>,
    /// Whether the disk was low at the last look.
    disk: Alarm,
    /// Configurations that lost, as they were at the last look.
    candidates: Alarms,
}

impl Watchman {
    /// Judges until the subsystem stops.
    pub(crate) async fn run(self, mut shutdown: Shutdown) {
        let mut memory = Memory::default();
        let mut meter = Meter::default();
        let mut metered = Instant::START;
        loop {
            let now = self.clock.now();
            let (verdict, facts) = self.look(&mut memory);
            if now - metered >= METERED {
                self.utilization.send_replace(meter.sample(now));
                let report = self.report_for_peer(facts, &self.drift.borrow());
                notice::post(&self.cluster.state, report);
                metered = now;
            }
            self.report(&verdict);
            memory.tell(&verdict.judgement);
            self.verdict.send_replace(verdict);
            let next = Some(self.clock.now() + INTERVAL);
            // Cancel safe: both only wait.
            tokio::select! {
                () = self.clock.wait_until(next) => {}
                () = shutdown.requested() => return,
            }
        }
    }

    fn look(&self, memory: &mut Memory) -> (Verdict, NodeFacts) {
        let now = self.clock.now();
        let (control, state) = (self.cluster.control.status(), self.cluster.state.status());
        let drift = self.drift.borrow().clone();
        let total = self.cluster.state.total();
        let agreed = TableProof {
            sessions: total.sessions,
            checksum: total.sum,
        };
        let counts = self.data_plane.counts();
        let programmed = TableProof {
            sessions: counts.sessions,
            checksum: counts.digest,
        };
        if agreed == programmed {
            memory.equal_at = Some(now);
        }
        memory.equal_at = memory.equal_at.max(pair::proven_at(&drift));
        let proven = memory.equal_at.is_some_and(|at| now - at <= PROOF_HOLDS);
        let lag = lag(&state, memory, now);
        let storage = self.cluster.control.storage();
        memory.room(&storage);
        let status = self.redundancy.as_ref().map(vrrp::Handle::status);
        let peer = self.site.peer();
        let facts = Facts {
            revision: self.cluster.control.state().revision(),
            running: self.running.borrow().revision,
            active: self.gate.epoch(),
            peer_heard: peer.is_none()
                || status
                    .as_ref()
                    .is_some_and(|status| status.links.iter().any(|link| link.up)),
            control: self.group(&control, Duration::ZERO),
            state: self.group(&state, lag),
            interfaces_down: status
                .iter()
                .flat_map(|status| &status.members)
                .filter(|member| member.state == StateName::Fault || !member.link_up)
                .map(|member| member.device.as_str().into())
                .collect(),
            lacks_room: storage.lacks_room(),
            agreed,
            programmed: if proven { agreed } else { programmed },
        };
        let assessment = ha::readiness::assess(&facts);
        let groups = [&control, &state];
        let here = self.node_facts(&facts, &assessment, groups, &storage, &drift, now);
        let pair = self.pair_facts(here.clone(), (peer, status.as_deref()), groups, &drift, now);
        memory.lost(&pair.candidates);
        let verdict = Verdict {
            assessment,
            agreed,
            programmed,
            lag,
            judgement: ha::verdict::judge(&pair),
        };
        (verdict, here)
    }

    fn group(&self, status: &GroupStatus, lag: Duration) -> GroupFacts {
        GroupFacts {
            stopped: match &status.health {
                Health::Stopped(why) => Some(why.clone()),
                Health::Starting | Health::Ok | Health::NoQuorum => None,
            },
            has_leader: status.health == Health::Ok,
            is_voter: status
                .member(self.site.id)
                .is_some_and(|member| member.role == MemberRole::Voter),
            lag,
        }
    }

    fn report(&self, next: &Verdict) {
        let before = self.verdict.borrow().assessment.clone();
        let now = &next.assessment;
        if before.role == now.role && before.ready == now.ready {
            return;
        }
        let reasons: Vec<_> = now.reasons.iter().map(ToString::to_string).collect();
        let reasons = reasons.join("; ");
        if before.role == NodeRole::StandbyReady && now.role != NodeRole::Active {
            tracing::warn!(
                event = "standby-not-ready", role = %now.role, reasons, "this standby is not ready any more"
            );
        } else {
            tracing::info!(role = %now.role, ready = now.ready, reasons, "readiness");
        }
    }
}

impl Memory {
    /// Tells once that the disk is getting full, and once that it is not any more. That the store waits
    /// for room is told by the store itself.
    fn room(&mut self, storage: &StorageHealth) {
        let Some(room) = storage.room else { return };
        let (percent, free_bytes) = (room.free_percent(), room.free);
        match self.disk.see(percent) {
            Some(Change::Raised) => tracing::warn!(
                event = "storage-low",
                free_percent = percent,
                free_bytes,
                "the disk of the data directory is nearly full"
            ),
            Some(Change::Cleared) => tracing::info!(
                event = "storage-low-over",
                free_percent = percent,
                free_bytes,
                "the disk of the data directory has room again"
            ),
            None => {}
        }
    }

    /// Tells of each configuration that was committed and does not run, until somebody has dropped it.
    fn lost(&mut self, names: &[Name]) {
        for change in self.candidates.see(names) {
            match change {
                candidates::Change::Raised(name) => tracing::warn!(
                    event = "candidate",
                    %name,
                    "a configuration that was committed while the nodes were apart does not run: read it \
                     with 'tandem show config --candidate {name}'"
                ),
                candidates::Change::Cleared(name) => tracing::info!(
                    event = "candidate-over",
                    %name,
                    "a configuration that lost was dropped"
                ),
            }
        }
    }

    /// Tells a change of the verdict once it has been seen twice: between two heartbeats of a
    /// switchover both nodes or neither may seem active.
    fn tell(&mut self, judgement: &Judgement) {
        let now = judgement.verdict;
        if self.seen.replace(now) != Some(now) || self.told == Some(now) {
            return;
        }
        let before = self.told.replace(now).unwrap_or(Word::Unprotected);
        let checks: Vec<_> = judgement
            .failed
            .iter()
            .map(|failed| format!("{}: {}", failed.check.as_str(), failed.found))
            .collect();
        let checks = checks.join("; ");
        if now > before {
            tracing::warn!(event = "verdict", verdict = %now, %before, checks, "the pair is worse off");
        } else {
            tracing::info!(event = "verdict", verdict = %now, %before, checks, "the pair");
        }
    }
}

fn lag(state: &GroupStatus, memory: &mut Memory, now: Instant) -> Duration {
    if state.applied >= state.last_log {
        memory.behind_since = None;
        return Duration::ZERO;
    }
    now - *memory.behind_since.get_or_insert(now)
}
