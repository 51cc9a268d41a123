//! What nodes want of the cluster during a run, and what they were told.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use raft::{Cluster, ProposeError};
use raft_state::{ControlCommand, ControlOutcome};
use types::flow_key::{Endpoint, FlowKey, Protocol};
use types::{Epoch, Giid, Hop, Name, NodeId, SessionChange, SessionId, SessionRecord};

use crate::clock::Millis;
use crate::random::Random;

/// In the text of every configuration: nothing of it may reach a witness.
pub(crate) const SECRET: &str = "set secret";
/// The redundancy groups whose roles are taken.
const GROUPS: [&str; 2] = ["lan-wan", "dmz"];
/// The external addresses whose blocks are claimed.
const ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2)),
];

/// Number of a request in its run.
pub type RequestId = u64;

/// Something that a node asked the control group for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// Who asked.
    pub node: NodeId,
    /// When.
    pub at: Millis,
    /// For what.
    pub command: ControlCommand,
}

/// What a node was told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// This is what became of it.
    Outcome(ControlOutcome),
    /// It may still become something.
    Unknown,
    /// Nothing was proposed.
    Nothing,
}

impl From<Result<ControlOutcome, ProposeError>> for Told {
    fn from(result: Result<ControlOutcome, ProposeError>) -> Self {
        match result {
            Ok(outcome) => Self::Outcome(outcome),
            Err(ProposeError::Unknown { .. }) => Self::Unknown,
            Err(
                ProposeError::NoLeader { .. }
                | ProposeError::Frozen { .. }
                | ProposeError::Stopped { .. },
            ) => Self::Nothing,
        }
    }
}

/// A session that a node opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opened {
    /// The session.
    pub id: SessionId,
    /// Who opened it.
    pub node: NodeId,
    /// In which of its lives.
    pub life: u32,
}

/// Makes requests, and keeps what came of them.
#[derive(Debug)]
pub(crate) struct Workload {
    random: Random,
    requests: u64,
    sessions: u64,
    /// Sessions that were accepted for publication.
    pub(crate) opened: Vec<Opened>,
    /// Requests that were answered since somebody looked.
    pub(crate) answered: Arc<Mutex<Vec<(RequestId, Told)>>>,
}

impl Workload {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            random,
            requests: 0,
            sessions: 0,
            opened: Vec::new(),
            answered: Arc::default(),
        }
    }

    /// How long until the next request.
    pub(crate) const fn pause(&mut self) -> Millis {
        Millis(self.random.between(5, 160))
    }

    /// What `node` asks next, given what it knows.
    pub(crate) fn request(&mut self, node: NodeId, now: Millis, cluster: &Cluster) -> Request {
        let state = cluster.control.state();
        let command = match self.random.below(10) {
            0..=4 => self.commit(node, cluster),
            5 | 6 => {
                let group = Name::from(self.random.pick(&GROUPS).unwrap_or("lan-wan"));
                let current = state.role(&group).map_or(Epoch::NONE, |role| role.epoch);
                ControlCommand::TakeRole {
                    epoch: current.next_for(node),
                    group,
                    node,
                }
            }
            _ => {
                let [first, _] = ADDRESSES;
                let address = self.random.pick(&ADDRESSES).unwrap_or(first);
                let held = state.granted(node, address).len();
                ControlCommand::ClaimPortBlocks {
                    node,
                    address,
                    held: u16::try_from(held).unwrap_or(u16::MAX),
                    count: u16::try_from(self.random.between(1, 3)).unwrap_or(1),
                }
            }
        };
        self.number(node, now, command)
    }

    /// A configuration commit of `node`.
    pub(crate) fn final_commit(&mut self, node: NodeId, now: Millis, cluster: &Cluster) -> Request {
        let command = self.commit(node, cluster);
        self.number(node, now, command)
    }

    fn commit(&self, node: NodeId, cluster: &Cluster) -> ControlCommand {
        let number = self.requests + 1;
        ControlCommand::SetConfig {
            base: cluster.control.state().revision(),
            text: format!("{SECRET} {number}"),
            author: format!("operator at {node}"),
            at_unix_ms: number,
        }
    }

    const fn number(&mut self, node: NodeId, at: Millis, command: ControlCommand) -> Request {
        self.requests += 1;
        Request {
            id: self.requests,
            node,
            at,
            command,
        }
    }

    /// Opens a few sessions on `node`.
    pub(crate) fn open_sessions(&mut self, node: NodeId, life: u32, cluster: &Cluster) {
        for _ in 0..self.random.between(1, 8) {
            self.sessions += 1;
            let id = SessionId(u128::from(self.sessions));
            if cluster
                .state
                .publish(vec![session(id, node)], vec![])
                .is_ok()
            {
                self.opened.push(Opened { id, node, life });
            }
        }
    }
}

fn session(id: SessionId, owner: NodeId) -> SessionChange {
    let inside = Endpoint::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 4_000);
    let outside = Endpoint::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9)), 53);
    let forward = FlowKey {
        src: inside,
        dst: outside,
        protocol: Protocol::UDP,
    };
    let hop = |interface, neighbor| Hop {
        interface: Giid(interface),
        neighbor,
    };
    SessionChange::Put(SessionRecord {
        id,
        owner,
        epoch: Epoch::NONE.next_for(owner),
        version: 1,
        forward,
        reverse: forward.reversed(),
        ingress: Giid(1),
        forward_hop: hop(2, outside.ip),
        reverse_hop: hop(1, inside.ip),
        service: Name::from(SECRET),
        tenant: None,
        tcp: None,
        established: true,
        initial_timeout_ms: 10_000,
        timeout_ms: 30_000,
        opened_unix_ms: 0,
    })
}
