//! What every part of this process knows about itself and the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use raft_state::Incarnation;
use runtime::Clock;
use tokio::sync::watch;
use types::{Instant, NodeId};

use crate::dismissed::Dismissed;
use crate::error::StartError;
use crate::group::GroupName;
use crate::network::Acknowledged;
use crate::notice::Notices;
use crate::plan::{ClusterPlan, Limits, Member, MemberKind, Timing};
use crate::probe::{GroupProbe, Probe};
use crate::roster::Roster;
use crate::version;

/// What an operator reads of a life that comes too late.
const SUPERSEDED: &str = "a later life of this member's number was here before, so this one is not taken in: if \
                          another machine runs with this member's certificate, stop that one; then start this \
                          member again";

/// This process among the members.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) cluster_id: String,
    pub(crate) me: Member,
    pub(crate) incarnation: Incarnation,
    pub(crate) roster: Roster,
    pub(crate) timing: Timing,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    /// Who looks at what is applied here; only simulations do.
    pub(crate) observed_by: Option<Arc<dyn Probe>>,
    /// When each member was last heard, by number, in nanoseconds of the node's clock; 0 for never.
    heard: Box<[AtomicU64; 256]>,
    /// The version of its software that each member told.
    software: Mutex<BTreeMap<NodeId, String>>,
    /// Why members and this one last did not talk to each other.
    refusals: Mutex<BTreeMap<NodeId, String>>,
    pub(crate) notices: Notices,
    /// A later life of this member's number was heard of: this one will not be taken in.
    superseded: AtomicBool,
    /// How this machine ceased to be a member.
    pub(crate) dismissed: watch::Sender<Option<Dismissed>>,
    /// Who has acknowledged what this member says as a leader.
    pub(crate) acknowledged: Acknowledged,
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
        let edition = plan.tls.as_ref().map(|files| files.edition);
        let edition = edition.unwrap_or_default();
        Ok(Self {
            cluster_id: plan.cluster_id.clone(),
            me,
            incarnation,
            heard: Box::new(std::array::from_fn(|_| AtomicU64::new(0))),
            software: Mutex::default(),
            refusals: Mutex::default(),
            notices: Notices::default(),
            superseded: AtomicBool::new(false),
            dismissed: watch::Sender::new(None),
            acknowledged: Acknowledged::default(),
            roster: Roster::new(members, edition),
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

    /// Whether this process takes part under a number of its own, and does not only ask for one.
    pub(crate) fn is_alive(&self) -> bool {
        self.incarnation != Incarnation::default()
    }

    /// Whether this process votes and no more.
    pub(crate) fn is_witness(&self) -> bool {
        self.me.kind == MemberKind::Witness
    }

    /// Everybody but this process, in the order of their numbers.
    pub(crate) fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let view = self.roster.now();
        let ids = view.members().iter().map(|member| member.id);
        let others: Vec<_> = ids.filter(|id| *id != self.me.id).collect();
        others.into_iter()
    }

    /// What `node` is for; a witness if nobody knows it, since that one gets least.
    pub(crate) fn kind_of(&self, node: NodeId) -> MemberKind {
        self.roster.now().kind_of(node)
    }

    /// The member that founds the control group: the lowest of those that forward.
    pub(crate) fn founder(&self) -> Option<NodeId> {
        self.roster.now().founder()
    }

    /// `node` has just been heard.
    pub(crate) fn heard(&self, node: NodeId) {
        if let Some(at) = self.heard.get(usize::from(node.0)) {
            at.store(self.clock.now().as_nanos().max(1), Ordering::Relaxed);
        }
    }

    /// How long ago `node` was heard.
    pub(crate) fn heard_ago(&self, node: NodeId) -> Option<Duration> {
        let at = self.heard.get(usize::from(node.0))?;
        match at.load(Ordering::Relaxed) {
            0 => None,
            at => Some(self.clock.now() - Instant::from_nanos(at)),
        }
    }

    /// `node` and this member do not talk, and why: said once, since it is tried again and again.
    pub(crate) fn at_odds(&self, node: NodeId, reason: &str) {
        let mut known = self.refusals.lock();
        if known.get(&node).is_none_or(|known| known != reason) {
            tracing::error!(%node, reason, "a member and this one do not talk to each other");
            known.insert(node, reason.to_owned());
        }
    }

    /// A later life of this member's number was here: nobody told when this one began, or it has a double.
    pub(crate) fn supersede(&self) {
        if !self.superseded.swap(true, Ordering::Relaxed) {
            tracing::error!("{SUPERSEDED}");
        }
    }

    /// Why this life takes part no more, if it does not.
    pub(crate) fn superseded(&self) -> Option<String> {
        let is_superseded = self.superseded.load(Ordering::Relaxed);
        is_superseded.then(|| SUPERSEDED.to_owned())
    }

    /// This machine is a member no more, which is for ever: the first word about it counts.
    pub(crate) fn dismiss(&self, how: Dismissed) {
        self.dismissed.send_if_modified(|known| {
            let is_news = known.is_none();
            known.get_or_insert(how);
            is_news
        });
    }

    /// `node` has said which software it runs.
    pub(crate) fn runs(&self, node: NodeId, software: &str) {
        let mut known = self.software.lock();
        if known.get(&node).is_none_or(|known| known != software) {
            known.insert(node, software.to_owned());
        }
    }

    /// The software that `node` said it runs, or this process's own.
    pub(crate) fn software_of(&self, node: NodeId) -> Option<String> {
        if node == self.me.id {
            return Some(version::SOFTWARE.to_owned());
        }
        self.software.lock().get(&node).cloned()
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
            store: crate::StoreKind::default(),
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
            store: crate::StoreKind::default(),
            tls: None,
            timing: Timing::default(),
            limits: Limits::default(),
        };
        let refused = |plan| Local::new(&plan, Incarnation(1), Clock::start()).unwrap_err();
        let members = local.roster.now().members().to_vec();
        assert!(matches!(
            refused(plan(NodeId(9), members.clone())),
            StartError::NotAMember(NodeId(9))
        ));
        let twice = [members.clone(), members].concat();
        assert!(matches!(
            refused(plan(NodeId(1), twice)),
            StartError::DuplicateMember(NodeId(1))
        ));
    }
}
