//! A cluster on loopback whose members can be stopped, wiped, damaged and started again.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "support of tests: what fails here fails the test"
)]
#![allow(
    dead_code,
    reason = "each file of tests is a crate of its own and uses a part"
)]

mod agreement;
pub(crate) mod backup;
mod cut;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use raft::{
    Cluster, ClusterPlan, Limits, Listen, Member, MemberKind, StartError, StoreKind, Timing,
    TlsFiles,
};
use raft_state::{ControlCommand, ControlOutcome};
use runtime::{Clock, Subsystem};
use types::flow_key::{Endpoint, FlowKey, Protocol};
use types::{Epoch, Giid, Hop, Name, NodeId, Revision, SessionChange, SessionId, SessionRecord};

pub(crate) const A: NodeId = NodeId(1);
pub(crate) const B: NodeId = NodeId(2);
pub(crate) const W: NodeId = NodeId(3);

/// What depends on the disk is tried with each library.
pub(crate) const STORES: [StoreKind; 2] = [StoreKind::Sled, StoreKind::Redb];

/// Longer than anything that is waited for; only a failing test takes so long.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for a condition.
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

/// Waits for the next second, so that a life begins that has a number of its own.
pub(crate) async fn next_second() {
    let second = || Clock::start().unix_millis() / 1_000;
    let now = second();
    eventually("the next second", || second() > now).await;
}

/// A configuration commit on `base`.
pub(crate) fn set_config(base: u64, text: &str) -> ControlCommand {
    ControlCommand::SetConfig {
        base: Revision(base),
        text: text.to_owned(),
        author: "test".to_owned(),
        at_unix_ms: 1,
    }
}

/// A session in its `version`.
pub(crate) fn put(id: u128, version: u32) -> SessionChange {
    let inside = Endpoint::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 4000);
    let outside = Endpoint::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9)), 53);
    let forward = FlowKey {
        src: inside,
        dst: outside,
        protocol: Protocol::UDP,
    };
    SessionChange::Put(SessionRecord {
        id: SessionId(id),
        owner: NodeId(1),
        epoch: Epoch(0x101),
        version,
        forward,
        reverse: forward.reversed(),
        ingress: Giid(1),
        forward_hop: Hop {
            interface: Giid(2),
            neighbor: outside.ip,
        },
        reverse_hop: Hop {
            interface: Giid(1),
            neighbor: inside.ip,
        },
        service: Name::from("dns"),
        tenant: None,
        tcp: None,
        established: true,
        initial_timeout_ms: 10_000,
        timeout_ms: 30_000,
        opened_unix_ms: 0,
    })
}

/// Members with their folders; some of them run.
pub(crate) struct Lab {
    cluster_id: String,
    folder: tempfile::TempDir,
    members: Vec<Member>,
    /// Sockets of members that have not run yet.
    listeners: BTreeMap<NodeId, TcpListener>,
    running: BTreeMap<NodeId, (Subsystem, Cluster)>,
    limits: Limits,
    tls: BTreeMap<NodeId, TlsFiles>,
    /// What members say that they are called, where the others know better.
    aliases: BTreeMap<NodeId, Name>,
    /// What members that start from now on keep their data with.
    store: StoreKind,
    /// Ways to members that can be cut, if this lab has any.
    cables: BTreeMap<NodeId, cut::Cable>,
}

impl Lab {
    pub(crate) fn pair_with_witness() -> Self {
        Self::with(&[
            (1, MemberKind::Node),
            (2, MemberKind::Node),
            (3, MemberKind::Witness),
        ])
    }

    /// Two nodes and a witness that all vote in both groups.
    pub(crate) async fn formed() -> Self {
        let mut lab = Self::pair_with_witness();
        lab.start_all().await;
        lab.all_voters(&[NodeId(1), NodeId(2), NodeId(3)]).await;
        lab
    }

    pub(crate) fn pair() -> Self {
        Self::with(&[(1, MemberKind::Node), (2, MemberKind::Node)])
    }

    pub(crate) fn node_and_witness() -> Self {
        Self::with(&[(1, MemberKind::Node), (3, MemberKind::Witness)])
    }

    pub(crate) fn alone() -> Self {
        Self::with(&[(1, MemberKind::Node)])
    }

    fn with(kinds: &[(u8, MemberKind)]) -> Self {
        let mut members = Vec::new();
        let mut listeners = BTreeMap::new();
        for (id, kind) in kinds {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            members.push(Member {
                id: NodeId(*id),
                name: Name::from(format!("node-{id}")),
                kind: *kind,
                addresses: vec![listener.local_addr().unwrap()],
            });
            listeners.insert(NodeId(*id), listener);
        }
        Self {
            cluster_id: "lab".to_owned(),
            folder: tempfile::tempdir().unwrap(),
            members,
            listeners,
            running: BTreeMap::new(),
            limits: Limits::default(),
            tls: BTreeMap::new(),
            aliases: BTreeMap::new(),
            store: StoreKind::default(),
            cables: BTreeMap::new(),
        }
    }

    /// Commits a configuration on `node`, which is not stale.
    pub(crate) async fn commit(&self, node: NodeId, base: u64, text: &str) {
        let outcome = self.cluster(node).control.propose(set_config(base, text));
        let revision = Revision(base + 1);
        let committed = ControlOutcome::ConfigSet { revision };
        assert_eq!(outcome.await, Ok(committed));
    }

    /// Tells the cluster of sessions on `node`.
    pub(crate) fn publish(&self, node: NodeId, sessions: Vec<SessionChange>) {
        let state = &self.cluster(node).state;
        state.publish(sessions, vec![]).unwrap();
    }

    /// The members reach each other by cables that can be cut.
    pub(crate) async fn on_cables(mut self) -> Self {
        for member in &self.members {
            let cable = cut::Cable::to(member.addresses[0]).await;
            self.cables.insert(member.id, cable);
        }
        self
    }

    pub(crate) fn cut(&self) {
        self.cables.values().for_each(cut::Cable::cut);
    }

    pub(crate) fn mend(&self) {
        self.cables.values().for_each(cut::Cable::mend);
    }

    /// The members as everybody sees them: through the cables where there are some.
    fn seen(&self) -> Vec<Member> {
        let mut members = self.members.clone();
        for member in &mut members {
            if let Some(cable) = self.cables.get(&member.id) {
                member.addresses = vec![cable.address];
            }
        }
        members
    }

    /// Another cluster whose plan names the sockets of this one's first member.
    pub(crate) fn stranger_to(other: &Self) -> Self {
        let mut stranger = Self::pair_with_witness();
        "another".clone_into(&mut stranger.cluster_id);
        for place in [0, 2] {
            stranger.members[place] = other.members[place].clone();
        }
        stranger
    }

    pub(crate) fn keep_in(&mut self, store: StoreKind) {
        self.store = store;
    }

    pub(crate) fn limit_pending(&mut self, pending: usize) {
        self.limits.pending = pending;
    }

    pub(crate) fn snapshot_often(&mut self) {
        self.limits.log = 8;
    }

    /// Puts so many addresses that nobody answers at before the one of every member.
    pub(crate) fn with_dead_links(mut self, count: usize) -> Self {
        for member in &mut self.members {
            for _ in 0..count {
                // Bound and closed again: connections are refused there.
                let dead = TcpListener::bind("127.0.0.1:0").unwrap();
                member.addresses.insert(0, dead.local_addr().unwrap());
            }
        }
        self
    }

    pub(crate) fn secure(&mut self, node: NodeId, files: TlsFiles) {
        self.tls.insert(node, files);
    }

    /// In the eyes of `node` alone its name is `name`.
    pub(crate) fn calls_itself(&mut self, node: NodeId, name: &str) {
        self.aliases.insert(node, Name::from(name));
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn everybody(&self) -> Vec<NodeId> {
        self.members.iter().map(|member| member.id).collect()
    }

    pub(crate) async fn start_all(&mut self) {
        for id in self.everybody() {
            self.start(id).await;
        }
    }

    pub(crate) async fn start(&mut self, id: NodeId) {
        self.try_start(id).await.unwrap();
    }

    pub(crate) async fn try_start(&mut self, id: NodeId) -> Result<(), StartError> {
        let listener = match self.listeners.remove(&id) {
            Some(listener) => listener,
            None => TcpListener::bind(self.address(id)).unwrap(),
        };
        let running = self.start_in(id, self.data_dir(id), listener).await?;
        self.running.insert(id, running);
        Ok(())
    }

    async fn start_in(
        &self,
        id: NodeId,
        data_dir: PathBuf,
        listener: TcpListener,
    ) -> Result<(Subsystem, Cluster), StartError> {
        let mut members = self.seen();
        if let Some(alias) = self.aliases.get(&id) {
            let mine = members.iter_mut().filter(|member| member.id == id);
            mine.for_each(|member| member.name = alias.clone());
        }
        let plan = ClusterPlan {
            cluster_id: self.cluster_id.clone(),
            me: id,
            members,
            listen: Listen::Bound(vec![listener]),
            data_dir,
            store: self.store,
            tls: self.tls.get(&id).cloned(),
            timing: Timing {
                propose: Duration::from_secs(3),
                ..Timing::default()
            },
            limits: self.limits,
        };
        // For whoever looks into a failure with RUST_LOG; a second call finds it done.
        let _done_before = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let mut subsystem = Subsystem::default();
        let cluster = raft::start(plan, Clock::start(), &mut subsystem).await?;
        Ok((subsystem, cluster))
    }

    pub(crate) async fn stop(&mut self, id: NodeId) {
        let (subsystem, cluster) = self.running.remove(&id).unwrap();
        drop(cluster);
        subsystem.stop(DEADLINE).await;
    }

    pub(crate) async fn stop_all(&mut self) {
        let ids: Vec<_> = self.running.keys().copied().collect();
        for id in ids {
            self.stop(id).await;
        }
    }

    pub(crate) fn cluster(&self, id: NodeId) -> &Cluster {
        &self.running[&id].1
    }

    pub(crate) fn address(&self, id: NodeId) -> SocketAddr {
        let member = self.members.iter().find(|member| member.id == id).unwrap();
        *member.addresses.last().unwrap()
    }

    pub(crate) fn data_dir(&self, id: NodeId) -> PathBuf {
        self.folder.path().join(id.to_string())
    }

    /// Replaces the disk, which takes until the next second at least: lives are told apart by it.
    pub(crate) async fn wipe(&self, id: NodeId) {
        std::fs::remove_dir_all(self.data_dir(id)).unwrap();
        next_second().await;
    }

    /// Overwrites the middle of the store, as a bad disk or a careless hand does.
    pub(crate) fn damage(&self, id: NodeId) {
        let name = match self.store {
            StoreKind::Sled => "db",
            StoreKind::Redb => "redb",
        };
        let file = self.data_dir(id).join("control").join(name);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.fill(0x5a);
        std::fs::write(&file, bytes).unwrap();
    }

    /// Everything in a member's folder.
    pub(crate) fn bytes_on_disk(&self, id: NodeId) -> Vec<u8> {
        fn collect(folder: &Path, into: &mut Vec<u8>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, into);
                } else {
                    into.extend(std::fs::read(path).unwrap());
                }
            }
        }
        let mut bytes = Vec::new();
        collect(&self.data_dir(id), &mut bytes);
        bytes
    }
}
