//! The place of one group in this process: the instance that runs now, and how it is.
//!
//! The state group's instance changes with every generation, and an instance may end for good when its
//! disk does; everybody else looks here for the one to talk to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::{Instant as _, ServerState};
use parking_lot::Mutex;
use raft_state::Incarnation;
use runtime::Clock;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, watch};
use types::{Instant, NodeId};

use crate::config::config_of;
use crate::contradiction::Contradiction;
use crate::group::{Consensus, Group, LogId, MemberId, StoredMembership, Vote};
use crate::network::Clients;
use crate::standstill::Standstill;
use crate::status::Health;
use crate::store::{LogStore, Machine};

/// See [`Contradiction`].
const CONTRADICTED: &str = "another member leads with something else than what was agreed on here: one of the disks is an \
                            older one. It is not followed, and nothing is agreed on until an operator says which one is \
                            right. Next: on the node that is to be right, 'tandem request cluster survive --force', again \
                            after some seconds if it is refused, and with the witness stopped if that one has a quorum with \
                            it; what only the other one has is kept as a candidate";

/// A running instance.
#[derive(Clone)]
pub(crate) struct Running<G: Group> {
    pub(crate) raft: Consensus<G>,
    /// Whom the others know it as.
    pub(crate) id: MemberId,
    /// Foundation that it belongs to, as it travels with messages.
    pub(crate) generation: u64,
    /// Where proposals enter.
    pub(crate) gate: Gate,
    /// It began with a log or a snapshot. What the consensus says of itself comes a moment later, and in
    /// that moment nobody may take it for an empty one.
    pub(crate) began_with_content: bool,
    pub(crate) clock: Clock,
    /// Whether somebody leads with something else than what was agreed on here.
    pub(crate) contradiction: Arc<Mutex<Contradiction<Vote<G>>>>,
    pub(crate) standstill: Arc<Mutex<Standstill>>,
}

/// Where proposals enter; whoever closes it waits until those that are under way have their answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<RwLock<()>>);

impl Gate {
    /// Lets a proposal in; it is under way as long as what this returns is held.
    pub(crate) fn enter(&self) -> Option<RwLockReadGuard<'_, ()>> {
        self.0.try_read().ok()
    }

    /// Closes the gate as long as what this returns is held. Cancel safe.
    pub(crate) async fn close(self) -> OwnedRwLockWriteGuard<()> {
        self.0.write_owned().await
    }
}

impl<G: Group> Running<G> {
    /// Starts an instance that talks to the others as `clients` says, on what `machine` and `log` hold.
    pub(crate) async fn start(
        clients: Clients,
        machine: Machine<G>,
        log: LogStore<G>,
        began_with_content: bool,
    ) -> Result<Self, String> {
        let local = Arc::clone(&clients.local);
        let (id, generation, turn) = (clients.id, clients.generation, clients.turn.clone());
        let config = config_of(G::NAME, &local).map_err(|error| error.to_string())?;
        let raft = openraft::Raft::new(id.to_u64(), Arc::new(config), clients, log, machine)
            .await
            .map_err(|error| error.to_string())?;
        turn.follow(&raft);
        raft.runtime_config().elect(!local.is_witness());
        Ok(Self {
            raft,
            id,
            generation,
            gate: Gate::default(),
            began_with_content,
            clock: local.clock,
            contradiction: Arc::default(),
            standstill: Arc::default(),
        })
    }

    /// The members that are agreed on.
    pub(crate) fn committed_membership(&self) -> StoredMembership<G> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        metrics.committed_membership_config.as_ref().clone()
    }

    /// The members that were proposed last.
    pub(crate) fn newest_membership(&self) -> StoredMembership<G> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        metrics.membership_config.as_ref().clone()
    }

    /// Every life of `node` among the members that were proposed last.
    pub(crate) fn lives(&self, node: NodeId) -> Vec<Incarnation> {
        let newest = self.newest_membership();
        let ids = newest
            .nodes()
            .filter_map(|(id, ())| MemberId::from_u64(*id));
        let lives = ids.filter(|id| id.node == node).map(|id| id.incarnation);
        lives.collect()
    }

    /// The life of `node` of which it is agreed on that its vote counts.
    pub(crate) fn voting_life(&self, node: NodeId) -> Option<Incarnation> {
        let voters = voters_for_good::<G>(&self.committed_membership());
        let mut ids = voters.into_iter().filter_map(MemberId::from_u64);
        let voter = ids.find(|id| id.node == node);
        voter.map(|id| id.incarnation)
    }

    /// Whether it is agreed on that this instance's vote counts.
    pub(crate) fn is_voter(&self) -> bool {
        let membership = self.committed_membership();
        voters_for_good::<G>(&membership).contains(&self.id.to_u64())
    }

    /// Whether it is a voter and has applied everything that made it one.
    pub(crate) fn has_caught_up(&self) -> bool {
        let since = *self.committed_membership().log_id();
        let applied = self.raft.metrics().borrow_watched().last_applied;
        self.is_voter() && applied >= since
    }

    /// Whether something may have been agreed on with this instance's vote.
    pub(crate) fn may_have_voted(&self) -> bool {
        let newest = self.newest_membership();
        let mut voters = newest.membership().voter_ids();
        voters.any(|id| id == self.id.to_u64())
    }

    /// Whether this instance's vote is enough.
    pub(crate) fn has_quorum_alone(&self) -> bool {
        let newest = self.newest_membership();
        let voters = newest.membership().voter_ids();
        let others = voters.filter_map(MemberId::from_u64);
        let others = others
            .map(|id| id.node)
            .filter(|node| *node != self.id.node);
        self.may_have_voted() && self.has_quorum_without(&others.collect())
    }

    /// Whether those who vote could still decide something if nobody of `gone` took part any more.
    pub(crate) fn has_quorum_without(&self, gone: &BTreeSet<NodeId>) -> bool {
        let newest = self.newest_membership();
        let mut configs = newest.membership().get_joint_config().iter();
        let is_gone = |id: &u64| MemberId::from_u64(*id).is_some_and(|id| gone.contains(&id.node));
        configs.all(|voters| {
            let left = voters.iter().filter(|id| !is_gone(id)).count();
            left > voters.len() / 2
        })
    }

    /// Whether anybody is a member at all, agreed on or not.
    pub(crate) fn is_formed(&self) -> bool {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        self.began_with_content || metrics.membership_config.voter_ids().next().is_some()
    }

    /// Who leads as far as this instance knows, itself included.
    pub(crate) fn leader(&self) -> Option<MemberId> {
        let metrics = self.raft.metrics();
        let leader = metrics.borrow_watched().current_leader;
        leader.and_then(MemberId::from_u64)
    }

    /// A leader has something else at `index` than what was agreed on here. It is refused, as any bad message is;
    /// an operator has to know, too.
    pub(crate) fn contradicted(&self, vote: Vote<G>, index: u64) {
        if self.contradiction.lock().note(vote, self.clock.now()) {
            tracing::error!(group = %G::NAME, index, "{CONTRADICTED}");
        }
    }

    /// Waits until it ends, and says why. Cancel safe.
    pub(crate) async fn ended(&self) -> String {
        let mut metrics = self.raft.metrics();
        loop {
            if let Some(reason) = self.fatal() {
                return reason;
            }
            if metrics.changed().await.is_err() {
                return "it was stopped".to_owned();
            }
        }
    }

    /// Waits until it is agreed on that this instance's vote counts, or it ends. Cancel safe.
    pub(crate) async fn becomes_voter(&self) {
        let mut metrics = self.raft.metrics();
        while !self.is_voter() && self.fatal().is_none() {
            if metrics.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until this instance leads, or it ends. Cancel safe.
    pub(crate) async fn becomes_leader(&self) {
        let mut metrics = self.raft.metrics();
        while metrics.borrow_watched().state != ServerState::Leader && self.fatal().is_none() {
            if metrics.changed().await.is_err() {
                return;
            }
        }
    }

    /// Why it has ended, if it has.
    pub(crate) fn fatal(&self) -> Option<String> {
        let metrics = self.raft.metrics();
        let state = metrics.borrow_watched().running_state.clone();
        state.err().map(|fatal| fatal.to_string())
    }
}

/// Those whose votes count before and after the change of members that may be under way.
pub(crate) fn voters_for_good<G: Group>(membership: &StoredMembership<G>) -> BTreeSet<u64> {
    membership
        .membership()
        .get_joint_config()
        .iter()
        .cloned()
        .reduce(|both, config| &both & &config)
        .unwrap_or_default()
}

/// The place of one group.
pub(crate) struct Seat<G: Group> {
    current: watch::Sender<Option<Running<G>>>,
    stopped: watch::Sender<Option<String>>,
    /// When a leader was last heard, in nanoseconds of the node's clock; 0 for never.
    leader_heard: AtomicU64,
    /// One change of the membership at a time.
    pub(crate) admission: tokio::sync::Mutex<()>,
}

impl<G: Group> Default for Seat<G> {
    fn default() -> Self {
        Self {
            current: watch::Sender::new(None),
            stopped: watch::Sender::new(None),
            leader_heard: AtomicU64::new(0),
            admission: tokio::sync::Mutex::new(()),
        }
    }
}

impl<G: Group> Seat<G> {
    /// The instance that runs now.
    pub(crate) fn running(&self) -> Option<Running<G>> {
        self.current.borrow().clone()
    }

    /// From now on `running` is the one; or nobody is.
    pub(crate) fn set(&self, running: Option<Running<G>>) {
        self.leader_heard.store(0, Ordering::Relaxed);
        self.current.send_replace(running);
    }

    /// The group has ended here, for a reason that an operator must read.
    pub(crate) fn stop(&self, reason: String) {
        self.stopped.send_replace(Some(reason));
        self.set(None);
    }

    /// Why the group has ended here, if it has.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.stopped.borrow().clone()
    }

    /// A leader has just been heard.
    pub(crate) fn heard_leader(&self, now: Instant) {
        self.leader_heard
            .store(now.as_nanos().max(1), Ordering::Relaxed);
    }

    /// Whether a leader with a quorum was heard within `patience`, or leads here.
    pub(crate) fn health(&self, now: Instant, patience: Duration) -> Health {
        if let Some(reason) = self.stopped() {
            return Health::Stopped(reason);
        }
        let Some(running) = self.running() else {
            return Health::Starting;
        };
        if let Some(reason) = running.fatal() {
            return Health::Stopped(reason);
        }
        let metrics = running.raft.metrics();
        let metrics = metrics.borrow_watched();
        if metrics.state == ServerState::Leader {
            let alone = metrics.membership_config.voter_ids().count() <= 1;
            let acknowledged = metrics
                .last_quorum_acked
                .as_ref()
                .is_some_and(|at| at.elapsed() < patience);
            let (last, applied) = (metrics.last_log_index, metrics.last_applied);
            let applied = applied.as_ref().map(LogId::<G>::index);
            let stuck = running.standstill.lock().lasts(last, applied, now);
            return if (alone || acknowledged) && !stuck {
                Health::Ok
            } else {
                Health::NoQuorum
            };
        }
        let heard = self.leader_heard.load(Ordering::Relaxed);
        if running.contradiction.lock().lasts(&metrics.vote, now) {
            Health::NoQuorum
        } else if heard != 0 && now.saturating_since(Instant::from_nanos(heard)) < patience {
            Health::Ok
        } else {
            Health::NoQuorum
        }
    }
}
