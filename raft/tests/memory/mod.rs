//! Members in one process, on tokio's own time: what they send goes by hand, as late as a test wants.

#![expect(
    clippy::unwrap_used,
    reason = "support of tests: what fails here fails the test"
)]
#![allow(
    dead_code,
    unused_imports,
    reason = "each file of tests is a crate of its own and uses a part"
)]

pub(crate) mod mirror;
mod post;
mod shelf;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use raft::seam::{Server, Surroundings, start_in};
use raft::{
    Cluster, ClusterPlan, GroupStatus, Health, Limits, Listen, Member, MemberKind, MemberRole,
    StoreKind, Timing,
};
use raft_state::Incarnation;
use runtime::{Clock, Subsystem};
use types::{Name, NodeId};

pub(crate) use post::{Carried, Cut, Wires};
pub(crate) use shelf::Shelf;

pub(crate) const A: NodeId = NodeId(1);
pub(crate) const B: NodeId = NodeId(2);
pub(crate) const W: NodeId = NodeId(3);

/// In virtual time.
const DEADLINE: Duration = Duration::from_mins(1);

/// Waits for a condition, in virtual time.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(DEADLINE, waiting).await.is_ok(),
        "waited in vain for: {what}"
    );
}

/// A runtime whose time stands still as long as anybody has something to do.
pub(crate) fn virtual_time() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Two nodes and a witness that can be stopped and started.
pub(crate) struct Trio {
    pub(crate) wires: Arc<Wires>,
    pub(crate) timing: Timing,
    pub(crate) limits: Limits,
    clock: Clock,
    lives: BTreeMap<NodeId, u32>,
    shelves: BTreeMap<NodeId, Shelf>,
    /// The lives that used shelves last which were put back.
    older: BTreeMap<NodeId, Incarnation>,
    running: BTreeMap<NodeId, (Subsystem, Cluster)>,
}

impl Trio {
    pub(crate) fn new() -> Self {
        Self {
            wires: Arc::default(),
            timing: Timing::default(),
            limits: Limits::default(),
            clock: Clock::start_at(1_700_000_000 * 1_000_000_000),
            lives: BTreeMap::new(),
            shelves: BTreeMap::new(),
            older: BTreeMap::new(),
            running: BTreeMap::new(),
        }
    }

    /// Everybody started, and everybody votes.
    pub(crate) async fn formed(mut self) -> Self {
        for id in [A, B, W] {
            self.start(id).await;
        }
        self.all_vote().await;
        self
    }

    pub(crate) async fn start(&mut self, me: NodeId) {
        let life = self.lives.entry(me).or_default();
        *life += 1;
        let member = |(id, kind): (NodeId, MemberKind)| Member {
            id,
            name: Name::from(format!("node-{id}")),
            kind,
            addresses: Vec::new(),
        };
        let members = [
            (A, MemberKind::Node),
            (B, MemberKind::Node),
            (W, MemberKind::Witness),
        ];
        let surroundings = Surroundings {
            plan: ClusterPlan {
                cluster_id: "memory".to_owned(),
                me,
                members: members.map(member).to_vec(),
                listen: Listen::Addresses(Vec::new()),
                data_dir: "(in memory)".into(),
                store: StoreKind::default(),
                tls: None,
                timing: self.timing,
                limits: self.limits,
            },
            incarnation: Incarnation(*life),
            follows: self.older.get(&me).copied(),
            trails: false,
            silence: self.older.contains_key(&me),
            clock: self.clock,
            store: self.shelves.entry(me).or_default().clone(),
            transport: self.wires.post_of(me),
            probe: None,
        };
        let mut subsystem = Subsystem::default();
        let (cluster, server) = start_in(surroundings, &mut subsystem).await.unwrap();
        self.wires.connect(me, server);
        self.running.insert(me, (subsystem, cluster));
    }

    /// Ends a member without a word: nothing of it is heard any more.
    pub(crate) async fn kill(&mut self, id: NodeId) {
        self.wires.disconnect(id);
        let (subsystem, cluster) = self.running.remove(&id).unwrap();
        drop(cluster);
        subsystem.stop(Duration::ZERO).await;
    }

    /// What is on a member's shelf now, for [`Self::put_back`].
    pub(crate) fn backup(&self, id: NodeId) -> (Shelf, u32) {
        let copy = self.shelves.get(&id).unwrap().copied();
        (copy, *self.lives.get(&id).unwrap())
    }

    /// A member that was killed will start with an older shelf, hearing nobody.
    pub(crate) fn put_back(&mut self, id: NodeId, (copy, life): (Shelf, u32)) {
        self.shelves.insert(id, copy);
        self.older.insert(id, Incarnation(life));
    }

    pub(crate) fn cluster(&self, id: NodeId) -> &Cluster {
        &self.running.get(&id).unwrap().1
    }

    pub(crate) fn server(&self, id: NodeId) -> Server {
        self.wires.server(id).unwrap()
    }

    pub(crate) async fn all_vote(&self) {
        let complete = |status: &GroupStatus| {
            let votes = |member: &raft::MemberStatus| member.role == MemberRole::Voter;
            status.health == Health::Ok
                && status.leader.is_some()
                && status.members.iter().all(votes)
        };
        eventually("everybody votes in both groups", || {
            self.running.values().all(|(_, cluster)| {
                complete(&cluster.control.status()) && complete(&cluster.state.status())
            })
        })
        .await;
    }
}
