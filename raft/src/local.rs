//! What every part of this process knows about itself and the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
use crate::odds::Odds;
use crate::plan::{ClusterPlan, Limits, Member, MemberKind, Timing};
use crate::probe::{GroupProbe, Probe};
use crate::roster::Roster;
use crate::version;

/// What turned out to be older than what the others have seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Past {
    /// The member that the store belongs to.
    Store,
    /// This life: it has a double, or nobody told it which number comes next.
    Life,
}

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
    odds: Mutex<Odds>,
    pub(crate) notices: Notices,
    /// The life that used this disk's store last; `None` of a new store.
    pub(crate) follows: Option<Incarnation>,
    /// Another node may have gone on with what that life and later ones agreed on.
    pub(crate) trails: bool,
    /// No other node could say at the start whether this disk is the newest.
    pub(crate) silence: bool,
    past: watch::Sender<Option<Past>>,
    /// The other node was asked whether it knows a life that this disk has not seen.
    heard_of_lives: watch::Sender<bool>,
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
            odds: Mutex::default(),
            notices: Notices::default(),
            follows: None,
            trails: false,
            silence: false,
            past: watch::Sender::new(None),
            heard_of_lives: watch::Sender::new(false),
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

    /// `node` and this member do not talk, and why.
    pub(crate) fn at_odds(&self, node: NodeId, reason: &str) {
        if self.odds.lock().note(node, reason, self.clock.now()) {
            tracing::error!(%node, reason, "a member and this one do not talk to each other");
        }
    }

    /// Whether `in_force`, a life of this member's number that has voted or told of sessions, is unknown to this
    /// disk: then what was promised in it is forgotten here.
    pub(crate) fn has_not_seen(&self, in_force: Incarnation) -> bool {
        in_force != self.incarnation && in_force > self.follows.unwrap_or(self.incarnation)
    }

    /// Whether it is still open if the store here is older than the last life of this number. With two members
    /// it is of no account: as in `start`.
    pub(crate) fn may_be_of_the_past(&self) -> bool {
        self.follows.is_some()
            && self.roster.now().members().len() > 2
            && !*self.heard_of_lives.borrow()
    }

    /// That is settled: another node knows of no later life, or an operator has said that what is here counts.
    pub(crate) fn is_of_now(&self) {
        self.heard_of_lives.send_replace(true);
    }

    /// Waits until that is settled, up to `patience`; whether it is. Cancel safe.
    pub(crate) async fn settles(&self, patience: Duration) -> bool {
        if !self.may_be_of_the_past() {
            return true;
        }
        let mut settled = self.heard_of_lives.subscribe();
        let settled = settled.wait_for(|settled| *settled);
        tokio::time::timeout(patience, settled).await.is_ok()
    }

    /// Something here turned out to be of the past.
    pub(crate) fn outlived(&self, what: Past) {
        self.past.send_replace(Some(what));
    }

    /// Returns what is of the past here, as soon as something is, and forgets it. Cancel safe.
    pub(crate) async fn past(&self) -> Past {
        let mut past = self.past.subscribe();
        if past.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
        self.past.send_replace(None).unwrap_or(Past::Life)
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
    fn only_a_life_that_this_disk_has_not_seen_supersedes_this_one() {
        let mut local = pair_with_witness(NodeId(1));
        local.incarnation = Incarnation(9);
        let unseen = |local: &Local, life| local.has_not_seen(Incarnation(life));
        assert!(unseen(&local, 10) && !unseen(&local, 9) && !unseen(&local, 8));
        local.follows = Some(Incarnation(7));
        assert!(unseen(&local, 10) && unseen(&local, 8));
        assert!(!unseen(&local, 9) && !unseen(&local, 7) && !unseen(&local, 0));
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
