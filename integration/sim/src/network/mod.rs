//! The network between members: what becomes of each message is decided when it is sent.
//!
//! Every direction between two members is a link of its own, so that a partition may be one-way. A
//! message takes a random time, so that messages overtake each other; it may be lost or come twice.

mod flow;
mod letter;
mod post;

use std::collections::BTreeMap;

use types::NodeId;

pub(crate) use flow::{Inflows, Part};
pub(crate) use letter::{Body, Letter, Question, digest};
pub(crate) use post::{Outbox, Post};

use crate::clock::Millis;
use crate::random::Random;
use crate::topology::Topology;

/// How long a connection waits before it sends again what was lost.
const AGAIN: Millis = Millis(200);
/// How often it does.
const TRIES: u64 = 6;

/// One direction between two members.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Link {
    /// Nothing gets through.
    pub cut: bool,
    /// Messages that are lost, in a thousand.
    pub loss: u64,
    /// Messages that come twice, in a thousand.
    pub duplicates: u64,
    /// How long a message takes, at least and at most.
    pub delay: (Millis, Millis),
}

/// All links.
#[derive(Debug)]
pub struct Network {
    links: BTreeMap<(NodeId, NodeId), Link>,
    healthy: BTreeMap<(NodeId, NodeId), Link>,
    random: Random,
}

impl Network {
    /// A healthy network: the nodes are beside each other, the witness may be far away.
    pub fn new(topology: Topology, mut random: Random) -> Self {
        use raft::MemberKind::{Node, Witness};
        // There and back in less than three quarters of the state group's heartbeat: beyond, the
        // consensus library gives heartbeats up before their answers come.
        let far = random.between(1, 10);
        let mut links = BTreeMap::new();
        for (from, from_kind) in topology.members() {
            for (to, to_kind) in topology.members() {
                let delay = match (from_kind, to_kind) {
                    (Node, Node) => (Millis(0), Millis(2)),
                    (Witness, _) | (_, Witness) => (Millis(far / 2), Millis(far)),
                };
                let link = Link {
                    cut: false,
                    loss: 0,
                    duplicates: 0,
                    delay,
                };
                links.insert((*from, *to), link);
            }
        }
        Self {
            healthy: links.clone(),
            links,
            random,
        }
    }

    /// Changes the links that `which` says, by direction.
    pub fn change(&mut self, which: impl Fn(NodeId, NodeId) -> bool, change: impl Fn(&mut Link)) {
        for ((from, to), link) in &mut self.links {
            if which(*from, *to) {
                change(link);
            }
        }
    }

    /// Makes everything healthy again.
    pub fn heal(&mut self) {
        self.links.clone_from(&self.healthy);
    }

    /// Whether a message that is under way arrives.
    pub fn is_open(&self, from: NodeId, to: NodeId) -> bool {
        self.links.get(&(from, to)).is_some_and(|link| !link.cut)
    }

    /// When a message that is sent now arrives: never, once or twice.
    pub(crate) fn fate(&mut self, letter: &Letter, now: Millis) -> Vec<Millis> {
        let (from, to) = (letter.from, letter.to);
        let Some(link) = self.links.get(&(from, to)).copied() else {
            return Vec::new();
        };
        let tries = if letter.is_repeated() { TRIES } else { 1 };
        let mut lost = 0;
        while lost < tries && (link.cut || self.random.happens(link.loss)) {
            lost += 1;
        }
        if lost == tries {
            return Vec::new();
        }
        let now = now + Millis(AGAIN.0 * lost);
        let twice = self.random.happens(link.duplicates) && letter.may_come_twice();
        let copies = if twice { 2 } else { 1 };
        let (least, most) = link.delay;
        let mut arrival = || now + Millis(self.random.between(least.0, most.0));
        (0..copies).map(|_| arrival()).collect()
    }
}
