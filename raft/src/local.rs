//! What every part of this process knows about itself and the others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raft_state::Incarnation;
use runtime::Clock;
use types::{Instant, NodeId};

use crate::error::StartError;
use crate::plan::{ClusterPlan, Limits, Member, MemberKind, Timing};

/// This process among the members.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) cluster_id: String,
    pub(crate) me: Member,
    pub(crate) incarnation: Incarnation,
    pub(crate) members: Vec<Member>,
    pub(crate) timing: Timing,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    /// When each member was last heard, in nanoseconds of the node's clock; 0 for never.
    heard: Vec<(NodeId, AtomicU64)>,
}

impl Local {
    pub(crate) fn new(
        plan: &ClusterPlan,
        incarnation: Incarnation,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let mut members = plan.members.clone();
        members.sort_by_key(|member| member.id);
        for pair in members.windows(2) {
            if let [first, second] = pair
                && first.id == second.id
            {
                return Err(StartError::DuplicateMember(first.id));
            }
        }
        let me = members
            .iter()
            .find(|member| member.id == plan.me)
            .cloned()
            .ok_or(StartError::NotAMember(plan.me))?;
        Ok(Self {
            cluster_id: plan.cluster_id.clone(),
            me,
            incarnation,
            heard: members
                .iter()
                .map(|member| (member.id, AtomicU64::new(0)))
                .collect(),
            members,
            timing: plan.timing,
            limits: plan.limits,
            clock,
        })
    }

    /// Whether this process votes and no more.
    pub(crate) fn is_witness(&self) -> bool {
        self.me.kind == MemberKind::Witness
    }

    /// What `node` is for; a witness if the plan does not know it, since that one gets least.
    pub(crate) fn kind_of(&self, node: NodeId) -> MemberKind {
        self.members
            .iter()
            .find(|member| member.id == node)
            .map_or(MemberKind::Witness, |member| member.kind)
    }

    /// The member that founds the control group: the lowest of those that forward.
    pub(crate) fn founder(&self) -> Option<NodeId> {
        self.members
            .iter()
            .find(|member| member.kind == MemberKind::Node)
            .map(|member| member.id)
    }

    /// `node` has just been heard.
    pub(crate) fn heard(&self, node: NodeId) {
        if let Some((_, at)) = self.heard.iter().find(|(id, _)| *id == node) {
            at.store(self.clock.now().as_nanos().max(1), Ordering::Relaxed);
        }
    }

    /// How long ago `node` was heard.
    pub(crate) fn heard_ago(&self, node: NodeId) -> Option<Duration> {
        let (_, at) = self.heard.iter().find(|(id, _)| *id == node)?;
        match at.load(Ordering::Relaxed) {
            0 => None,
            at => Some(self.clock.now() - Instant::from_nanos(at)),
        }
    }
}
