//! What every part of this process knows about itself and the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raft_state::Incarnation;
use runtime::Clock;
use types::{Instant, NodeId};

use crate::error::StartError;
use crate::group::GroupName;
use crate::notice::Notices;
use crate::plan::{ClusterPlan, Limits, Member, MemberKind, Timing};
use crate::probe::{GroupProbe, Probe};

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
    /// Who looks at what is applied here; only simulations do.
    pub(crate) observed_by: Option<Arc<dyn Probe>>,
    /// When each member was last heard, in nanoseconds of the node's clock; 0 for never.
    heard: Vec<(NodeId, AtomicU64)>,
    pub(crate) notices: Notices,
}

impl Local {
    pub(crate) fn new(
        plan: &ClusterPlan,
        incarnation: Incarnation,
        clock: Clock,
    ) -> Result<Self, StartError> {
        #[cfg(feature = "mutants")]
        let incarnation = if crate::mutants::is(crate::mutants::Mutant::OldMemberId) {
            Incarnation(1)
        } else {
            incarnation
        };
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
            notices: Notices::new(members.iter().map(|member| member.id)),
            members,
            timing: plan.timing,
            limits: plan.limits,
            clock,
            observed_by: None,
        })
    }

    /// Who looks at what `group` applies in `generation`.
    pub(crate) fn probe(&self, group: GroupName, generation: u64) -> Option<GroupProbe> {
        let probe = Arc::clone(self.observed_by.as_ref()?);
        Some(GroupProbe {
            probe,
            group,
            generation,
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

    /// Everybody but this process, in the order of their numbers.
    pub(crate) fn others(&self) -> impl Iterator<Item = NodeId> + '_ {
        let ids = self.members.iter().map(|member| member.id);
        ids.filter(|id| *id != self.me.id)
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

#[cfg(test)]
pub(crate) mod tests {
    use types::Name;

    use super::*;
    use crate::plan::Listen;

    /// Nodes 1 and 2 and the witness 3, seen by `me`.
    pub(crate) fn pair_with_witness(me: NodeId) -> Local {
        let member = |id, kind| Member {
            id: NodeId(id),
            name: Name::from(format!("node-{id}")),
            kind,
            addresses: Vec::new(),
        };
        let plan = ClusterPlan {
            cluster_id: "lab".to_owned(),
            me,
            members: vec![
                member(3, MemberKind::Witness),
                member(2, MemberKind::Node),
                member(1, MemberKind::Node),
            ],
            listen: Listen::Addresses(Vec::new()),
            data_dir: "unused".into(),
            tls: None,
            timing: Timing::default(),
            limits: Limits::default(),
        };
        Local::new(&plan, Incarnation(1), Clock::start()).unwrap()
    }

    #[test]
    fn a_plan_that_contradicts_itself_is_refused() {
        let local = pair_with_witness(NodeId(2));
        let plan = |me, members| ClusterPlan {
            cluster_id: "lab".to_owned(),
            me,
            members,
            listen: Listen::Addresses(Vec::new()),
            data_dir: "unused".into(),
            tls: None,
            timing: Timing::default(),
            limits: Limits::default(),
        };
        let refused = |plan| Local::new(&plan, Incarnation(1), Clock::start()).unwrap_err();
        assert!(matches!(
            refused(plan(NodeId(9), local.members.clone())),
            StartError::NotAMember(NodeId(9))
        ));
        let twice = [local.members.clone(), local.members].concat();
        assert!(matches!(
            refused(plan(NodeId(1), twice)),
            StartError::DuplicateMember(NodeId(1))
        ));
    }
}
