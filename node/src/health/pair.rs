//! The facts of both nodes, gathered for the verdict on the pair, and what this node tells the other.

use std::time::Duration;

use ha::readiness::{Assessment, Facts};
use ha::report::Report;
use ha::verdict::{LinkFacts, NodeFacts, PairFacts, PeerFacts, Quorum, StorageFacts, WitnessFacts};
use raft::{GroupStatus, Health, MemberKind, MemberRole, MemberStatus, StorageHealth};
use types::{Epoch, Instant, PeerState};
use vrrp::GroupStatus as Redundancy;

use super::Watchman;
use crate::drift::DriftStatus;
use crate::site::Peer;

impl Watchman {
    /// This node about itself.
    pub(super) fn node_facts(
        &self,
        facts: &Facts,
        assessment: &Assessment,
        groups: [&GroupStatus; 2],
        storage: &StorageHealth,
        drift: &DriftStatus,
        now: Instant,
    ) -> NodeFacts {
        let [control, state] = groups.map(quorum);
        let since_look = drift.at.map(|at| now.saturating_since(at));
        let verified_ago = drift.figures.equality.verified_ago;
        NodeFacts {
            name: self.site.node.clone(),
            role: assessment.role,
            active: facts.active,
            control,
            state,
            revision: facts.revision,
            running: facts.running,
            interfaces_down: facts.interfaces_down.clone(),
            lag: facts.state.lag.max(drift.outbound.lag.now),
            pending: drift.outbound.pending,
            capacity: self.cluster.state.capacity() as u64,
            refused_lately: drift.refused_lately,
            shards_different: drift.figures.equality.different,
            verified_ago: since_look
                .zip(verified_ago)
                .map(|(since_look, ago)| since_look + ago),
            storage: StorageFacts {
                free_percent: storage.room.map(|room| room.free_percent()),
                lacks_room: facts.lacks_room.clone(),
            },
        }
    }

    pub(super) fn pair_facts(
        &self,
        here: NodeFacts,
        (peer, redundancy): (Option<Peer>, Option<&Redundancy>),
        groups: [&GroupStatus; 2],
        drift: &DriftStatus,
        now: Instant,
    ) -> PairFacts {
        let links: Vec<_> = redundancy
            .iter()
            .filter(|_| peer.is_some())
            .flat_map(|status| &status.links)
            .map(|link| LinkFacts {
                name: link.name.clone(),
                up: link.up,
                peer_hears_us: link.peer_hears_us,
            })
            .collect();
        let told = drift.of(peer.as_ref());
        let report = told.filter(|peer| peer.is_fresh(now));
        let agrees = told.and_then(|peer| peer.agrees);
        PairFacts {
            maintenance: self.is_in_maintenance(),
            here,
            peer: peer.map(|peer| PeerFacts {
                name: peer.name.to_string(),
                heard: links.iter().any(|link| link.up),
                active: claimed(redundancy),
                report: report.map(|peer| peer.report.facts.clone()),
            }),
            witness: witness(groups),
            links,
            agrees,
            candidates: self
                .cluster
                .control
                .state()
                .candidates()
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
        }
    }

    /// Somebody has said that they work on this router.
    fn is_in_maintenance(&self) -> bool {
        let running = self.running.borrow();
        let mut routers = running.valid.routers().iter();
        let mine = routers.find(|router| router.node(&self.site.node).is_some());
        mine.is_some_and(|router| router.maintenance_mode)
    }

    /// What this node tells the other one.
    pub(super) fn report_for_peer(&self, facts: NodeFacts, drift: &DriftStatus) -> Report {
        Report {
            facts,
            agreed: drift.agreed,
            programmed: drift.programmed.clone(),
            drift: drift.figures,
            outbound: drift.outbound,
            inbound: drift.inbound,
            backlog: self.cluster.state.backlog() as u64,
        }
    }
}

/// The witness, if the router has one, as both groups see it.
fn witness(groups: [&GroupStatus; 2]) -> Option<WitnessFacts> {
    let of = |group: &GroupStatus| {
        let mut members = group.members.iter();
        members
            .find(|member| member.kind == MemberKind::Witness)
            .cloned()
    };
    let [control, state] = groups.map(of);
    let votes = |member: &MemberStatus| member.role == MemberRole::Voter;
    control.map(|witness| WitnessFacts {
        votes: votes(&witness) && state.as_ref().is_some_and(votes),
        name: witness.name.to_string(),
        heard_ago: witness.heard_ago,
    })
}

/// The epoch under which the peer says that it forwards, while it is heard.
fn claimed(redundancy: Option<&Redundancy>) -> Option<Epoch> {
    let peer = redundancy?.peer?;
    (peer.state == PeerState::Active).then_some(peer.epoch)
}

fn quorum(status: &GroupStatus) -> Quorum {
    match &status.health {
        Health::Ok => Quorum::Ok,
        Health::Starting | Health::NoQuorum => Quorum::Lacking,
        Health::Stopped(why) => Quorum::Stopped { why: why.clone() },
    }
}

/// How long the tables may have been compared ago to count as proven.
pub(super) fn proven_at(drift: &DriftStatus) -> Option<Instant> {
    let whole = drift.figures.equality.verified_ago? == Duration::ZERO;
    drift.at.filter(|_| whole)
}
