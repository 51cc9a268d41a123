//! Readiness, computed from what all the parts say and proven against the cluster's own table.

use std::time::Duration;

use ha::readiness::{GroupFacts, TableProof};
use ha::{Assessment, Facts, NodeRole};
use raft::{Cluster, GroupStatus, Health, MemberRole};
use runtime::{Clock, Shutdown};
use tokio::sync::watch;
use types::{EpochGate, Instant, NodeId};
use vrrp::StateName;

use crate::running::Running;
use crate::threads::{Meter, Utilization};

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
        }
    }
}

/// Looks at everybody.
pub(crate) struct Watchman {
    pub(crate) node: NodeId,
    pub(crate) has_peer: bool,
    pub(crate) clock: Clock,
    pub(crate) gate: EpochGate,
    pub(crate) cluster: Cluster,
    pub(crate) data_plane: forwarding::Handle,
    pub(crate) redundancy: Option<vrrp::Handle>,
    pub(crate) running: watch::Receiver<Running>,
    pub(crate) verdict: watch::Sender<Verdict>,
    pub(crate) utilization: watch::Sender<Utilization>,
}

/// What the watchman remembers from one look to the next.
#[derive(Debug, Default)]
struct Memory {
    /// When the tables were last seen equal.
    equal_at: Option<Instant>,
    /// Applied index at which the agreed table was last summed up, and the sum.
    agreed: Option<(u64, TableProof)>,
    /// Since when committed entries wait to be applied.
    behind_since: Option<Instant>,
}

impl Watchman {
    /// Judges until the subsystem stops.
    pub(crate) async fn run(self, mut shutdown: Shutdown) {
        let mut memory = Memory::default();
        let mut meter = Meter::default();
        let mut metered = Instant::START;
        loop {
            let now = self.clock.now();
            if now - metered >= METERED {
                self.utilization.send_replace(meter.sample(now));
                metered = now;
            }
            let verdict = self.look(&mut memory);
            self.report(&verdict);
            self.verdict.send_replace(verdict);
            let next = Some(self.clock.now() + INTERVAL);
            // Cancel safe: both only wait.
            tokio::select! {
                () = self.clock.wait_until(next) => {}
                () = shutdown.requested() => return,
            }
        }
    }

    fn look(&self, memory: &mut Memory) -> Verdict {
        let now = self.clock.now();
        let (control, state) = (self.cluster.control.status(), self.cluster.state.status());
        let agreed = self.agreed(&state, memory);
        let counts = self.data_plane.counts();
        let programmed = TableProof {
            sessions: counts.sessions,
            checksum: counts.digest,
        };
        if agreed == programmed {
            memory.equal_at = Some(now);
        }
        let proven = memory.equal_at.is_some_and(|at| now - at <= PROOF_HOLDS);
        let lag = lag(&state, memory, now);
        let status = self.redundancy.as_ref().map(vrrp::Handle::status);
        let facts = Facts {
            revision: self.cluster.control.state().revision(),
            running: self.running.borrow().revision,
            active: self.gate.epoch(),
            peer_heard: !self.has_peer
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
            agreed,
            programmed: if proven { agreed } else { programmed },
        };
        Verdict {
            assessment: ha::readiness::assess(&facts),
            agreed,
            programmed,
            lag,
        }
    }

    /// Summed up again only when something was applied since.
    fn agreed(&self, state: &GroupStatus, memory: &mut Memory) -> TableProof {
        if let Some((applied, proof)) = memory.agreed
            && applied == state.applied
        {
            return proof;
        }
        let mut proof = TableProof::default();
        for record in self.cluster.state.state().sessions() {
            proof.sessions += 1;
            proof.checksum = proof.checksum.wrapping_add(record.fingerprint());
        }
        memory.agreed = Some((state.applied, proof));
        proof
    }

    fn group(&self, status: &GroupStatus, lag: Duration) -> GroupFacts {
        GroupFacts {
            stopped: match &status.health {
                Health::Stopped(why) => Some(why.clone()),
                Health::Starting | Health::Ok | Health::NoQuorum => None,
            },
            has_leader: status.health == Health::Ok,
            is_voter: status
                .member(self.node)
                .is_some_and(|member| member.role == MemberRole::Voter),
            lag,
        }
    }

    fn report(&self, next: &Verdict) {
        let before = self.verdict.borrow().assessment.clone();
        let now = &next.assessment;
        if before.role != now.role || before.ready != now.ready {
            let reasons: Vec<_> = now.reasons.iter().map(ToString::to_string).collect();
            tracing::info!(
                role = %now.role, ready = now.ready, reasons = reasons.join("; "), "readiness"
            );
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
