//! Members on one thread, with disks that can be full.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use proto::raft::{HelloReply, HelloRequest, Reply, Request, SnapshotChunk};
use raft::seam::{
    Change, Failure, Headroom, Key, KvStore, Lane, Server, Surroundings, Transport, seed, start_in,
};
use raft::{
    Cluster, ClusterPlan, Health, Limits, Listen, Member, MemberKind, MemberRole, StoreError,
    Timing,
};
use raft_state::Incarnation;
use runtime::{Clock, Subsystem};
use types::{Name, NodeId, Revision};

/// A disk that is a map, and takes nothing while it is full. Clones are the same disk.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    content: BTreeMap<Key, Vec<u8>>,
    full: bool,
}

impl KvStore for Disk {
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut platter = self.0.lock();
        if platter.full {
            return Err(StoreError::NoSpace {
                path: "(test)".into(),
                free_bytes: 0,
                needed_bytes: 1,
            });
        }
        for change in changes {
            match change {
                Change::Put(key, value) => drop(platter.content.insert(*key, value.clone())),
                Change::Delete(key) => drop(platter.content.remove(key)),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().content.get(&key).cloned())
    }

    fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let platter = self.0.lock();
        let entries = platter.content.iter();
        let entry = |(key, value): (&Key, &Vec<u8>)| {
            let index = Key::entry_index(&key.to_bytes())?;
            Some((index, value.clone()))
        };
        Ok(entries.filter_map(entry).collect())
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged {
            path: "(test)".into(),
            reason,
        }
    }

    fn headroom(&self) -> Result<Headroom, StoreError> {
        let free = if self.0.lock().full { 0 } else { 50 };
        Ok(Headroom {
            free,
            total: 100,
            needed: 1,
        })
    }
}

/// Who can be reached.
type Directory = Arc<Mutex<BTreeMap<NodeId, Server>>>;

/// A call of a function. Who is not in the directory any more reaches nobody and hears nothing, as if its
/// power were gone.
struct Wire {
    me: NodeId,
    directory: Directory,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    async fn reach(&self, to: NodeId) -> Server {
        let server = {
            let directory = self.directory.lock();
            let lives = directory.contains_key(&self.me);
            directory.get(&to).filter(|_| lives).cloned()
        };
        match server {
            Some(server) => server,
            None => std::future::pending().await,
        }
    }
}

async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let answered = tokio::time::timeout(patience, answer).await;
    answered.unwrap_or_else(|_| Err(Failure::Late(format!("nothing within {patience:?}"))))
}

impl Transport for Wire {
    fn call(
        &self,
        to: NodeId,
        _lane: Lane,
        question: Request,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(async move {
            let answer = async { self.reach(to).await.call(question).await };
            within(patience, answer).await
        })
    }

    fn snapshot(
        &self,
        to: NodeId,
        mut chunks: BoxStream<'static, SnapshotChunk>,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(async move {
            let first = chunks.next().await.unwrap();
            let rest = chunks.map(Ok).boxed();
            let answer = async { self.reach(to).await.snapshot(first, rest).await };
            within(patience, answer).await
        })
    }

    fn hello(
        &self,
        to: NodeId,
        question: HelloRequest,
        patience: Duration,
    ) -> BoxFuture<'_, Result<HelloReply, Failure>> {
        Box::pin(async move {
            let answer = async { self.reach(to).await.hello(&question) };
            within(patience, answer).await
        })
    }
}

/// Who takes part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cast {
    Pair,
    PairWitness,
}

impl Cast {
    fn members(self) -> Vec<Member> {
        let kinds: &[MemberKind] = match self {
            Self::Pair => &[MemberKind::Node, MemberKind::Node],
            Self::PairWitness => &[MemberKind::Node, MemberKind::Node, MemberKind::Witness],
        };
        let member = |(id, kind): (u8, &MemberKind)| Member {
            id: NodeId(id),
            name: Name::from(format!("node-{id}")),
            kind: *kind,
            addresses: Vec::new(),
        };
        (1..).zip(kinds).map(member).collect()
    }
}

struct Life {
    cluster: Cluster,
    disk: Disk,
    /// Dropped, everything of this life ends.
    _subsystem: Subsystem,
}

/// All members, and everything between them.
pub(crate) struct Room {
    directory: Directory,
    lives: BTreeMap<NodeId, Life>,
}

impl Room {
    pub(crate) const WITNESS: NodeId = NodeId(3);

    /// Starts everybody and waits until all vote. The same number gives the same elections.
    pub(crate) async fn of(cast: Cast, number: u64) -> Self {
        seed(Some(number));
        let mut room = Self {
            directory: Directory::default(),
            lives: BTreeMap::new(),
        };
        for member in cast.members() {
            let disk = Disk::default();
            let surroundings = Surroundings {
                plan: ClusterPlan {
                    cluster_id: "room".to_owned(),
                    me: member.id,
                    members: cast.members(),
                    listen: Listen::Addresses(Vec::new()),
                    data_dir: "(test)".into(),
                    store: raft::StoreKind::default(),
                    tls: None,
                    timing: Timing::default(),
                    limits: Limits::default(),
                },
                incarnation: Incarnation(1),
                follows: None,
                trails: false,
                silence: false,
                clock: Clock::start(),
                store: disk.clone(),
                transport: Arc::new(Wire {
                    me: member.id,
                    directory: Arc::clone(&room.directory),
                }),
                probe: None,
            };
            let mut subsystem = Subsystem::default();
            let (cluster, server) = start_in(surroundings, &mut subsystem).await.unwrap();
            room.directory.lock().insert(member.id, server);
            let life = Life {
                cluster,
                disk,
                _subsystem: subsystem,
            };
            room.lives.insert(member.id, life);
        }
        let everybody = || {
            room.lives.values().all(|life| {
                let status = life.cluster.control.status();
                let votes = |member: &raft::MemberStatus| member.role == MemberRole::Voter;
                status.health == Health::Ok && status.members.iter().all(votes)
            })
        };
        room.eventually("everybody votes", everybody).await;
        room
    }

    pub(crate) fn cluster(&self, node: NodeId) -> &Cluster {
        &self.lives[&node].cluster
    }

    pub(crate) fn revision(&self, node: NodeId) -> Revision {
        self.cluster(node).control.state().revision()
    }

    /// The highest revision that anybody knows.
    pub(crate) fn newest_revision(&self) -> Revision {
        let nodes = self.lives.keys();
        let revisions = nodes.map(|node| self.revision(*node));
        revisions.max().unwrap()
    }

    /// The node that leads the control group, and the other one.
    pub(crate) async fn leader_and_other(&self) -> (NodeId, NodeId) {
        let leader = || self.cluster(NodeId(1)).control.status().leader;
        self.eventually("somebody leads", || leader().is_some())
            .await;
        let pair = (NodeId(1), NodeId(2));
        if leader() == Some(pair.0) {
            pair
        } else {
            assert_eq!(leader(), Some(pair.1));
            (pair.1, pair.0)
        }
    }

    pub(crate) fn fill(&self, node: NodeId) {
        self.lives[&node].disk.0.lock().full = true;
    }

    pub(crate) fn empty(&self, node: NodeId) {
        self.lives[&node].disk.0.lock().full = false;
    }

    pub(crate) fn on_disk(&self, node: NodeId, key: Key) -> Option<Vec<u8>> {
        self.lives[&node].disk.get(key).unwrap()
    }

    /// Index of the last entry on a member's disk.
    pub(crate) fn last_on_disk(&self, node: NodeId) -> u64 {
        let entries = self.lives[&node].disk.entries().unwrap();
        entries.last().map_or(0, |(index, _)| *index)
    }

    /// Takes the power from a member.
    pub(crate) fn crash(&mut self, node: NodeId) {
        self.directory.lock().remove(&node);
        self.lives.remove(&node);
    }

    /// Waits for a condition, in the test's own time.
    pub(crate) async fn eventually(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let waiting = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let held = tokio::time::timeout(Duration::from_mins(1), waiting).await;
        let status = |life: &Life| life.cluster.control.status();
        assert!(
            held.is_ok(),
            "waited in vain until {what}: {:#?}",
            self.lives.values().map(status).collect::<Vec<_>>()
        );
    }
}
