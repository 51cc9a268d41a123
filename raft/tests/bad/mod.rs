//! A cluster that holds something, and hands for putting bad input into its members.

#![allow(
    dead_code,
    unused_imports,
    reason = "each file of tests is a crate of its own and uses a part"
)]

mod absurdity;
mod cases;
mod damage;
pub(crate) mod hall;
mod parcels;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use futures::StreamExt;
use proto::raft::{Header, Kind, Request};
use raft::seam::{Failure, Server};
use raft::{Cluster, GroupStatus, Health, MemberRole};
use raft_state::{Checksum, ControlCommand, ControlOutcome, Incarnation};
use tokio::runtime::Runtime;
use types::{NeighborRecord, NodeId, Revision};

pub(crate) use absurdity::{Absurdity, absurdity};
pub(crate) use cases::cases;
pub(crate) use damage::{Damage, damage};

use crate::memory::mirror::{self, Ballot, Candidacy, LeaderId, LogId, Vote};
use crate::memory::{A, B, Carried, Trio, W, eventually, virtual_time};

/// Who leads both groups of a stage, and the other node.
pub(crate) const LEADER: NodeId = B;
pub(crate) const FOLLOWER: NodeId = A;

/// All of one group on one member that nobody may change by bad input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct GroupLook {
    pub(crate) health: Health,
    pub(crate) term: u64,
    pub(crate) vote: Vote,
    pub(crate) last: Option<LogId>,
    pub(crate) generation: u64,
    pub(crate) applied: u64,
    pub(crate) checksum: Checksum,
    pub(crate) members: Vec<(NodeId, MemberRole, Option<Incarnation>)>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Look {
    pub(crate) control: GroupLook,
    pub(crate) state: GroupLook,
    pub(crate) revision: Revision,
}

pub(crate) struct Stage {
    runtime: Runtime,
    trio: Trio,
    /// How everybody was when the curtain rose.
    pub(crate) before: BTreeMap<NodeId, Look>,
}

impl Stage {
    /// A cluster with a history: elections, entries, snapshots, a member that was away.
    pub(crate) fn new() -> Self {
        let runtime = virtual_time();
        let trio = runtime.block_on(async {
            let mut trio = Trio::new();
            trio.limits.log = 8;
            let mut trio = trio.formed().await;
            trio.wires.record();
            commits(trio.cluster(A), 0..20).await;
            publish(trio.cluster(A), 1..60).await;
            trio.kill(A).await;
            eventually("the other node leads", || {
                let cluster = trio.cluster(B);
                [cluster.control.status(), cluster.state.status()]
                    .iter()
                    .all(|status| status.leader == Some(B) && status.health == Health::Ok)
            })
            .await;
            commits(trio.cluster(B), 20..40).await;
            trio.start(A).await;
            trio.all_vote().await;
            publish(trio.cluster(A), 60..90).await;
            trio
        });
        let mut stage = Self {
            runtime,
            trio,
            before: BTreeMap::new(),
        };
        for id in [A, B, W] {
            let look = stage.look(id);
            assert_eq!(look.control.vote.leader.node >> 32, u64::from(LEADER.0));
            assert_eq!(look.state.vote.leader.node >> 32, u64::from(LEADER.0));
            stage.before.insert(id, look);
        }
        stage
    }

    pub(crate) fn server(&self, id: NodeId) -> Server {
        self.trio.server(id)
    }

    /// Messages that members sent each other, the newest of each kind on each way.
    pub(crate) fn letters(&self) -> Vec<(NodeId, Request)> {
        let mut letters = BTreeMap::new();
        for (from, to, carried) in self.trio.wires.recorded() {
            if let Carried::Call(request) | Carried::Append(request) = carried {
                let group = request.header.as_ref().unwrap().group;
                let has_entries = request.payload.len() > 60;
                letters.insert((from, to, group, request.kind, has_entries), (to, request));
            }
        }
        letters.into_values().collect()
    }

    fn status(&self, id: NodeId, group: u32) -> GroupStatus {
        let _inside = self.runtime.enter();
        match group {
            1 => self.trio.cluster(id).control.status(),
            _ => self.trio.cluster(id).state.status(),
        }
    }

    /// The number by which the group knows `id`.
    pub(crate) fn life(&self, id: NodeId, group: u32) -> u64 {
        let status = self.status(LEADER, group);
        let incarnation = status.member(id).unwrap().incarnation.unwrap();
        u64::from(id.0) << 32 | u64::from(incarnation.0)
    }

    pub(crate) fn header_between(&self, from: NodeId, to: NodeId, group: u32) -> Header {
        let cluster = self.trio.cluster(to);
        Header {
            cluster_id: "memory".to_owned(),
            group,
            target: self.life(to, group),
            source: self.life(from, group),
            generation: match group {
                1 => cluster.control.lineage().lineage.unwrap().wire(),
                _ => cluster.control.state().lineage().unwrap().wire(),
            },
            protocol: raft::seam::PROTOCOL,
        }
    }

    /// A right header to `victim`.
    pub(crate) fn header(&self, victim: NodeId, seed: usize) -> Header {
        let from = if victim == LEADER { FOLLOWER } else { LEADER };
        self.header_between(from, victim, if seed.is_multiple_of(2) { 1 } else { 2 })
    }

    pub(crate) fn ask(&self, victim: NodeId, request: &Request) -> Result<Vec<u8>, Failure> {
        let server = self.server(victim);
        let reply = self.runtime.block_on(server.call(request.clone()))?;
        Ok(reply.payload.to_vec())
    }

    /// Asks both at once.
    pub(crate) fn ask_both(
        &self,
        victim: NodeId,
        first: &Request,
        second: &Request,
    ) -> [Result<(), Failure>; 2] {
        let server = self.server(victim);
        let asked =
            async { futures::join!(server.call(first.clone()), server.call(second.clone())) };
        let (first, second) = self.runtime.block_on(asked);
        [first.map(drop), second.map(drop)]
    }

    /// The same on a stream, on which nothing follows.
    pub(crate) fn ask_on_stream(&self, victim: NodeId, request: &Request) -> Result<(), Failure> {
        let server = self.server(victim);
        self.runtime.block_on(async {
            let nothing_more = futures::stream::empty().boxed();
            let mut replies = server.append(request.clone(), nothing_more)?;
            replies.next().await.unwrap().map(drop)
        })
    }

    /// Lets everybody do what is to be done within `time`.
    pub(crate) fn rests(&self, time: std::time::Duration) {
        self.runtime
            .block_on(async { tokio::time::sleep(time).await });
    }

    /// What a member says to somebody who might stand for election.
    fn ballot(&self, id: NodeId, group: u32) -> Ballot {
        let header = self.header(id, usize::from(group != 1));
        let question = Candidacy {
            vote: Vote {
                leader: LeaderId {
                    term: 1,
                    node: header.source,
                },
                committed: false,
            },
            last: None,
            transfer: false,
        };
        let question = mirror::sealed(&header, Kind::PreVote, mirror::bytes(&question));
        mirror::read(&self.ask(id, &question).unwrap())
    }

    pub(crate) fn vote(&self, id: NodeId, group: u32) -> Vote {
        self.ballot(id, group).vote
    }

    pub(crate) fn last(&self, id: NodeId, group: u32) -> Option<LogId> {
        self.ballot(id, group).last
    }

    pub(crate) fn look(&self, id: NodeId) -> Look {
        let group = |group| {
            let (status, ballot) = (self.status(id, group), self.ballot(id, group));
            let members = status.members.iter();
            GroupLook {
                health: status.health,
                term: status.term,
                vote: ballot.vote,
                last: ballot.last,
                generation: status.generation,
                applied: status.applied,
                checksum: status.checksum,
                members: members.map(|m| (m.id, m.role, m.incarnation)).collect(),
            }
        };
        Look {
            control: group(1),
            state: group(2),
            revision: self.trio.cluster(id).control.state().revision(),
        }
    }

    /// Whatever is said to `request`: nothing changes.
    pub(crate) fn leaves_alone(&self, victim: NodeId, request: &Request) {
        let _any_answer = self.ask(victim, request);
        self.unchanged(victim, request);
    }

    /// `request` is refused, alone and on a stream, and nothing changes.
    pub(crate) fn refuses(&self, victim: NodeId, request: &Request) -> Failure {
        let refusal = self.ask(victim, request).err();
        let refusal = refusal.unwrap_or_else(|| panic!("{victim} took {request:?}"));
        let streamed = self.ask_on_stream(victim, request);
        assert!(streamed.is_err(), "{victim} took on a stream {request:?}");
        self.unchanged(victim, request);
        refusal
    }

    fn unchanged(&self, victim: NodeId, request: &Request) {
        assert_eq!(self.look(victim), self.before[&victim], "{request:?}");
    }

    /// Everybody still agrees, and on more than before.
    pub(crate) fn goes_on(&self) {
        self.runtime.block_on(async {
            for node in [FOLLOWER, LEADER] {
                let base = self.trio.cluster(LEADER).control.state().revision().0;
                eventually("the nodes know the same", || {
                    self.trio.cluster(FOLLOWER).control.state().revision().0 == base
                })
                .await;
                commits(self.trio.cluster(node), base..base + 1).await;
            }
            publish(self.trio.cluster(FOLLOWER), 200..210).await;
            eventually("both nodes have everything", || {
                let sums = [A, B].map(|id| self.trio.cluster(id).state.status().checksum);
                sums[0] == sums[1]
            })
            .await;
            self.trio.all_vote().await;
        });
    }
}

async fn commits(cluster: &Cluster, revisions: std::ops::Range<u64>) {
    for base in revisions {
        let command = ControlCommand::SetConfig {
            base: Revision(base),
            text: format!("text {base}"),
            author: "test".to_owned(),
            at_unix_ms: 1,
        };
        let outcome = cluster.control.propose(command).await.unwrap();
        assert!(matches!(outcome, ControlOutcome::ConfigSet { .. }));
    }
}

async fn publish(cluster: &Cluster, numbers: std::ops::Range<u8>) {
    for number in numbers {
        let neighbor = NeighborRecord {
            interface: types::Giid(1),
            ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)),
            mac: types::MacAddr([2, 0, 0, 0, 0, number]),
        };
        cluster.state.publish(Vec::new(), vec![neighbor]).unwrap();
        eventually("it is agreed on", || cluster.state.pending() == 0).await;
        // Virtual time: what follows is an entry of its own.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
