//! Starting both groups, and the handles by which the rest of the node talks to them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raft_state::{
    ClusterState, ControlCommand, ControlLineage, ControlOutcome, ControlState, Incarnation,
    SurvivalReason,
};
use tokio::sync::{mpsc, oneshot, watch};
use types::{
    Edition, Epoch, Instant, NeighborRecord, NodeId, SessionChange, SessionId, ShardDigest,
};

use crate::changes::{Changes, Hub};
use crate::dismissed::Dismissed;
use crate::error::{ProposeError, PublishRefused};
use crate::group::{ControlGroup, MemoryGroup};
use crate::lineage::{LineageView, Order, SurviveError};
use crate::local::Local;
use crate::members::Membership;
use crate::pending::Pending;
use crate::plan::Member;
use crate::propose::Counter;
use crate::roster::View;
use crate::seat::Seat;
use crate::status::{self, GroupStatus};
use crate::store::StorageHealth;

/// Both groups of this member. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    /// What must survive everything.
    pub control: Control,
    /// What must survive a node.
    pub state: StateGroup,
    /// Who is a member, on a cluster whose members show certificates.
    pub membership: Option<Membership>,
}

impl Cluster {
    /// The cluster's id.
    pub fn id(&self) -> &str {
        &self.control.local.cluster_id
    }
}

/// The durable group: configuration, roles, port blocks.
#[derive(Clone)]
pub struct Control {
    pub(crate) local: Arc<Local>,
    pub(crate) seat: Arc<Seat<ControlGroup>>,
    pub(crate) agreed: watch::Receiver<Arc<ControlState>>,
    pub(crate) counter: Counter<ControlGroup>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) lineage: watch::Receiver<LineageView>,
    pub(crate) storage: watch::Receiver<StorageHealth>,
}

impl Control {
    /// Gets `command` agreed on, whoever leads. It is tried for some seconds; when the outcome is
    /// unknown, proposing the same command again is safe.
    ///
    /// Cancelling leaves the outcome unknown, too.
    pub async fn propose(&self, command: ControlCommand) -> Result<ControlOutcome, ProposeError> {
        self.counter.propose(command).await
    }

    /// Goes on alone: the next generation begins with everything that this node holds, agreed on or not,
    /// and with this node as its only member. Whether the other node is really gone is the caller's to
    /// judge. Refused while there is a quorum, and while there is no room on this node's disk.
    ///
    /// Cancelling leaves open whether it is done.
    pub async fn survive(
        &self,
        reason: SurvivalReason,
        by: String,
    ) -> Result<ControlLineage, SurviveError> {
        // To go on alone is a write. It would be made as soon as there is room, perhaps long after the
        // other node is back.
        if let Some(reason) = self.storage().lacks_room() {
            return Err(SurviveError::Stopped(reason));
        }
        let stopped = || SurviveError::Stopped("this member is shutting down".to_owned());
        let (done, answer) = oneshot::channel();
        let order = Order { reason, by, done };
        self.orders.send(order).await.map_err(|_| stopped())?;
        let lineage = answer.await.unwrap_or_else(|_| Err(stopped()))?;
        // Whoever gave the order may propose as soon as it is told. The election is one write.
        if let Some(running) = self.seat.running() {
            let patience = self.local.timing.propose;
            let _or_soon = tokio::time::timeout(patience, running.becomes_leader()).await;
        }
        Ok(lineage)
    }

    /// How the store of this member is.
    pub fn storage(&self) -> StorageHealth {
        self.storage.borrow().clone()
    }

    /// Where this member is among the lineages.
    pub fn lineage(&self) -> LineageView {
        self.lineage.borrow().clone()
    }

    /// Who is a member, and of which list that is; empty while no list is agreed on. While this member
    /// learns the past, what it knows to be agreed on may hold older lists.
    pub fn roster(&self) -> (Vec<Member>, Edition) {
        let view = self.local.roster.now();
        if !view.edition().is_agreed() {
            return (Vec::new(), Edition::default());
        }
        (view.members().to_vec(), view.edition())
    }

    /// Who is a member, from now on: what `node.toml` says until a list is agreed on, then that list. It is
    /// in force before anybody hears of it by [`Control::watch`].
    pub fn members(&self) -> watch::Receiver<Arc<View>> {
        self.local.roster.watch()
    }

    /// How this machine ceased to be a member, as soon as it did.
    pub fn dismissed(&self) -> watch::Receiver<Option<Dismissed>> {
        self.local.dismissed.subscribe()
    }

    /// What this member knows to be agreed on; the newest only.
    pub fn watch(&self) -> watch::Receiver<Arc<ControlState>> {
        self.agreed.clone()
    }

    /// What this member knows to be agreed on.
    pub fn state(&self) -> Arc<ControlState> {
        Arc::clone(&self.agreed.borrow())
    }

    /// Whether [`Control::state`] is what the members of its lineage agree on, and not what this one goes on with
    /// until it is taken in. To be asked before the state is.
    pub fn has_caught_up(&self) -> bool {
        let running = self.seat.running();
        running.is_some_and(|running| running.has_caught_up())
    }

    /// How the group is.
    pub fn status(&self) -> GroupStatus {
        let patience = patience(self.local.timing.control.election_max);
        let checksum = self.agreed.borrow().checksum();
        status::of(&self.seat, &self.local, patience, checksum)
    }
}

/// The group in memory: sessions, neighbours.
#[derive(Clone)]
pub struct StateGroup {
    pub(crate) local: Arc<Local>,
    pub(crate) seat: Arc<Seat<MemoryGroup>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) pending: Arc<Pending>,
}

impl StateGroup {
    /// Tells the cluster what this node did. Never waits: changes gather into batches, merge by
    /// session while nobody leads, and are refused beyond the plan's bound. A node hands over the
    /// refused ones again with their next change.
    pub fn publish(
        &self,
        sessions: Vec<SessionChange>,
        neighbors: Vec<NeighborRecord>,
    ) -> Result<(), PublishRefused> {
        self.pending.add(sessions, neighbors)
    }

    /// How many changes wait to be agreed on.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// How many changes were refused since the start.
    pub fn refused(&self) -> u64 {
        self.pending.refused()
    }

    /// How many changes of an earlier generation of the group wait to be told to this one.
    pub fn backlog(&self) -> usize {
        self.pending.backlog()
    }

    /// How many changes may wait to be agreed on.
    pub fn capacity(&self) -> usize {
        self.local.limits.pending
    }

    /// What the agreed sessions sum up to; kept up to date with every change, so asking is cheap.
    pub fn total(&self) -> ShardDigest {
        self.hub.agreed().ask(ClusterState::total)
    }

    /// Identity and rank of the agreed sessions of some shards ([`types::SessionId::shard`]), a few
    /// shards at a time, so that applying goes on in between: no picture of one moment.
    pub fn ranks_in(&self, shards: &[usize]) -> Vec<(SessionId, (Epoch, u32))> {
        /// Some ten thousand sessions at a million of them: less than a millisecond.
        const AT_A_TIME: usize = 16;
        let mut ranks = Vec::new();
        for some in shards.chunks(AT_A_TIME) {
            self.hub
                .agreed()
                .ask(|state| ranks.extend(state.ranks_in(some.iter().copied())));
        }
        ranks
    }

    /// Tells the other node something about this one, beside agreement: the newest only, some tenths of
    /// a second later. At most some ten kilobytes, once a second.
    pub fn post(&self, notice: Vec<u8>) {
        self.local.notices.post(notice.into());
    }

    /// What `node` posted last, and when it came.
    pub fn notice(&self, node: NodeId) -> Option<(Bytes, Instant)> {
        let (notice, at) = self.local.notices.of(node)?;
        Some((notice.content, at))
    }

    /// Everything that is agreed on, in order, beginning with all there is.
    pub fn changes(&self) -> Changes {
        self.hub.subscribe()
    }

    /// What this member knows to be agreed on; a frozen clone, cheap.
    pub fn state(&self) -> ClusterState {
        self.hub.agreed().state()
    }

    /// Which life of this node this is.
    pub fn incarnation(&self) -> Incarnation {
        self.local.incarnation
    }

    /// How the group is.
    pub fn status(&self) -> GroupStatus {
        let patience = patience(self.local.timing.state.election_max);
        let checksum = self.hub.agreed().checksum();
        status::of(&self.seat, &self.local, patience, checksum)
    }
}

/// A leader that was not heard for two of the longest election times is none.
pub(crate) fn patience(election_max: Duration) -> Duration {
    election_max * 2
}
