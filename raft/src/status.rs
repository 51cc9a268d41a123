//! How the groups are, for operators and for readiness.

use std::net::SocketAddr;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use raft_state::{Checksum, ControlLineage, Incarnation, Lineage};
use types::{Name, NodeId};

use crate::group::{Group, GroupName, MemberId, StoredMembership};
use crate::local::Local;
use crate::plan::{Member, MemberKind};
use crate::seat::{Seat, voters_for_good};

/// One group as this member sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupStatus {
    /// Which group.
    pub group: GroupName,
    /// Whether it runs here; else why not.
    pub health: Health,
    /// The one who leads has something else in its log than what was agreed on here: one of the disks is an older one.
    pub contradicted: bool,
    /// Who leads; `None` when nobody has been heard who does.
    pub leader: Option<NodeId>,
    /// Counts the elections.
    pub term: u64,
    /// Counts the foundations of the group; 0 while it does not run here.
    pub generation: u64,
    /// Who founded the control group's lineage; the state group's founder is part of what the control
    /// group agreed on.
    pub founder: Option<NodeId>,
    /// Index of the last log entry that is here.
    pub last_log: u64,
    /// Index of the last log entry that is part of the state.
    pub applied: u64,
    /// Everybody in the plan.
    pub members: Vec<MemberStatus>,
    /// Of the state that is applied: equal on members with equal state.
    pub checksum: Checksum,
}

impl GroupStatus {
    /// The status of one member.
    pub fn member(&self, id: NodeId) -> Option<&MemberStatus> {
        self.members.iter().find(|member| member.id == id)
    }
}

/// Whether a group runs on this member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Health {
    /// Not yet: it is being started, or no generation was begun.
    Starting,
    /// A leader is heard, or leads here with a quorum.
    Ok,
    /// No leader is heard, or it leads here without a quorum.
    NoQuorum,
    /// It ended, with the reason (and the path, if a disk is to blame).
    Stopped(String),
}

/// One member in one group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MemberStatus {
    /// Its number.
    pub id: NodeId,
    /// Its name.
    pub name: Name,
    /// Whether it forwards.
    pub kind: MemberKind,
    /// Where it is reached.
    pub addresses: Vec<SocketAddr>,
    /// Whether it is agreed on that its vote counts.
    pub role: MemberRole,
    /// Which of its lives is a member; `None` when it is none.
    pub incarnation: Option<Incarnation>,
    /// The version of its software; `None` before it was heard.
    pub software: Option<String>,
    /// When it was last heard; `None` for this member itself, or when it never was.
    pub heard_ago: Option<Duration>,
    /// Up to which log index it is known to hold everything; only the leader knows of others.
    pub matched: Option<u64>,
}

/// A member's part in a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MemberRole {
    /// Its vote counts.
    Voter,
    /// It catches up.
    Learner,
    /// It does not take part (yet, or any more).
    Absent,
}

/// Looks at one group.
pub(crate) fn of<G: Group>(
    seat: &Seat<G>,
    local: &Local,
    patience: Duration,
    checksum: Checksum,
) -> GroupStatus {
    let mut status = GroupStatus {
        group: G::NAME,
        health: seat.health(local.clock.now(), patience),
        contradicted: false,
        leader: None,
        term: 0,
        generation: 0,
        founder: None,
        last_log: 0,
        applied: 0,
        members: Vec::new(),
        checksum,
    };
    let mut membership = StoredMembership::<G>::default();
    let mut matched = Vec::new();
    if let Some(running) = seat.running() {
        let metrics = running.raft.metrics();
        let metrics = metrics.borrow_watched();
        (status.generation, status.founder) = foundation(G::NAME, running.generation);
        status.contradicted = running
            .contradiction
            .lock()
            .lasts(&metrics.vote, local.clock.now());
        status.term = metrics.current_term;
        status.last_log = metrics.last_log_index.unwrap_or_default();
        status.applied = metrics.last_applied.map_or(0, |id| id.index());
        status.leader = metrics
            .current_leader
            .filter(|_| status.health == Health::Ok)
            .and_then(MemberId::from_u64)
            .map(|leader| leader.node);
        for (id, log_id) in metrics.replication.iter().flatten() {
            matched.extend(log_id.map(|log_id| (*id, log_id.index())));
        }
        membership = metrics.committed_membership_config.as_ref().clone();
    }
    status.members = local
        .roster
        .now()
        .members()
        .iter()
        .map(|member| member_of::<G>(member, local, &membership, &matched))
        .collect();
    status
}

/// Generation and founder of the number that travels with messages.
fn foundation(group: GroupName, number: u64) -> (u64, Option<NodeId>) {
    match group {
        GroupName::State => (Lineage::generation_of(number), None),
        GroupName::Control => ControlLineage::from_wire(number).map_or((0, None), |lineage| {
            (lineage.generation, Some(lineage.founder))
        }),
    }
}

fn member_of<G: Group>(
    member: &Member,
    local: &Local,
    membership: &StoredMembership<G>,
    matched: &[(u64, u64)],
) -> MemberStatus {
    let of_node = |id: &u64| MemberId::from_u64(*id).is_some_and(|id| id.node == member.id);
    let voter = voters_for_good::<G>(membership).into_iter().find(of_node);
    let learner = membership.membership().learner_ids().find(of_node);
    // While a returned node is taken in, its earlier life may still be there: the vote counts.
    let id = voter.or(learner);
    MemberStatus {
        id: member.id,
        name: member.name.clone(),
        kind: member.kind,
        addresses: member.addresses.clone(),
        role: match (voter, learner) {
            (Some(_), _) => MemberRole::Voter,
            (None, Some(_)) => MemberRole::Learner,
            (None, None) => MemberRole::Absent,
        },
        incarnation: id.and_then(MemberId::from_u64).map(|id| id.incarnation),
        software: local.software_of(member.id),
        heard_ago: local.heard_ago(member.id),
        matched: matched
            .iter()
            .find(|(known, _)| Some(*known) == id)
            .map(|(_, index)| *index),
    }
}
