//! Two nodes and the cluster's log between them, with takeovers at the worst moments: nothing was told,
//! half of it was applied, the old node goes on telling. Once everybody has told and heard everything,
//! both tables are the same.
//!
//! One takeover may be under way at a time: the next one finds its words told and applied, which takes
//! the log some tens of milliseconds. Two within that time can leave a session on one node only, until it
//! ages out; the digests differ as long.

#![expect(
    clippy::unwrap_used,
    reason = "test helpers stop at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use session::policy::Timeouts;
use session::{NewSession, Segment, SessionIds, Stamp, Table};
use types::{
    Direction, Endpoint, Epoch, FlowKey, Giid, Hop, Instant, Name, NodeId, Protocol, SessionChange,
    SessionId, SessionRecord,
};

const HOSTS: u8 = 6;

#[derive(Clone, Debug)]
enum Step {
    /// A packet reaches the active node: it opens a session or belongs to one.
    Packet {
        host: u8,
        direction: Direction,
        segment: Segment,
    },
    Remove {
        host: u8,
    },
    Pass(u64),
    /// A node puts up to so many changes into the log; the standby does under its last epoch.
    Tell {
        active: bool,
        max: usize,
    },
    /// A node applies up to so many entries of the log.
    Apply {
        active: bool,
        max: usize,
    },
    TakeOver,
}

fn step() -> impl Strategy<Value = Step> {
    let direction = prop_oneof![Just(Direction::Forward), Just(Direction::Reverse)];
    let segment = prop::sample::select(&Segment::ALL[..]);
    prop_oneof![
        10 => (0..HOSTS, direction, segment)
            .prop_map(|(host, direction, segment)| Step::Packet { host, direction, segment }),
        2 => (0..HOSTS).prop_map(|host| Step::Remove { host }),
        1 => (0..20_000_u64).prop_map(Step::Pass),
        4 => (any::<bool>(), 0..4_usize).prop_map(|(active, max)| Step::Tell { active, max }),
        6 => (any::<bool>(), 0..6_usize).prop_map(|(active, max)| Step::Apply { active, max }),
        1 => Just(Step::TakeOver),
    ]
}

struct Node {
    id: NodeId,
    table: Table,
    epoch: Epoch,
    applied: usize,
    /// Mappings by the calls that NAT would have got.
    mappings: BTreeSet<(Endpoint, SessionId)>,
    ids: SessionIds,
}

impl Node {
    fn new(id: u8) -> Self {
        Self {
            id: NodeId(id),
            table: Table::new(100, ahash::RandomState::with_seeds(id.into(), 2, 3, 4)),
            epoch: Epoch::NONE,
            applied: 0,
            mappings: BTreeSet::new(),
            ids: SessionIds::new(NodeId(id), 0, 7),
        }
    }

    fn tell(&mut self, log: &mut Vec<SessionChange>, max: usize) -> usize {
        if self.epoch == Epoch::NONE {
            return 0;
        }
        let stamp = Stamp {
            owner: self.id,
            epoch: self.epoch,
        };
        self.table.take_changes(stamp, max, log)
    }

    fn apply(&mut self, log: &[SessionChange], max: usize, now: Instant) {
        for change in log.iter().skip(self.applied).take(max) {
            let mut gone = Vec::new();
            if let session::Installed::Added(slot) = self.table.install(change, now, &mut gone) {
                self.release(&gone);
                self.reserve(slot);
            } else {
                self.release(&gone);
            }
            self.applied += 1;
        }
    }

    fn reserve(&mut self, slot: session::Slot) {
        let record = self.table.get(slot).unwrap().record();
        assert!(self.mappings.insert((record.reverse.dst, record.id)));
    }

    fn release(&mut self, gone: &[SessionRecord]) {
        for record in gone {
            assert!(self.mappings.remove(&(record.reverse.dst, record.id)));
        }
    }

    fn records(&self) -> BTreeMap<SessionId, SessionRecord> {
        self.table
            .iter()
            .map(|(_, session)| (session.id(), session.record()))
            .collect()
    }

    fn packet(&mut self, host: u8, direction: Direction, segment: Segment, now: Instant) {
        let key = match direction {
            Direction::Forward => forward(host),
            Direction::Reverse => reverse(host, 1),
        };
        let hit = self.table.lookup(&key);
        if let Some(hit) = hit {
            self.table.touch(hit, Some(segment), 60, now);
        } else if matches!(direction, Direction::Forward) {
            // Each node translates to ports of its own, so that only the forward keys collide.
            let new = new(self.ids.make(), host, self.id.0);
            let slot = self.table.open(new, now).unwrap();
            self.reserve(slot);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn tables_agree_once_everything_is_told(steps in prop::collection::vec(step(), 1..120)) {
        let mut now = Instant::START;
        let mut log = Vec::new();
        let (mut active, mut standby) = (Node::new(1), Node::new(2));
        active.table.adopt(now);
        active.epoch = Epoch::NONE.next_for(active.id);
        let mut settled = true;
        for step in steps {
            match step {
                Step::Packet { host, direction, segment } => {
                    active.packet(host, direction, segment, now);
                }
                Step::Remove { host } => {
                    if let Some(hit) = active.table.lookup(&forward(host)) {
                        let record = active.table.remove(hit.slot).unwrap();
                        active.release(&[record]);
                    }
                }
                Step::Pass(ms) => {
                    now += Duration::from_millis(ms);
                    let mut gone = Vec::new();
                    while active.table.expire(now, 8, &mut gone) {}
                    active.release(&gone);
                }
                Step::Tell { active: true, max } => drop(active.tell(&mut log, max)),
                Step::Tell { active: false, max } => drop(standby.tell(&mut log, max)),
                Step::Apply { active: true, max } => active.apply(&log, max, now),
                Step::Apply { active: false, max } => standby.apply(&log, max, now),
                Step::TakeOver => {
                    if !core::mem::replace(&mut settled, false) {
                        settle(&mut active, &mut standby, &mut log, now);
                    }
                    active.table.pause();
                    standby.epoch = active.epoch.next_for(standby.id);
                    standby.table.adopt(now);
                    core::mem::swap(&mut active, &mut standby);
                }
            }
        }
        settle(&mut active, &mut standby, &mut log, now);
        prop_assert_eq!(active.table.pending_changes(), 0);
        prop_assert_eq!(active.records(), standby.records());
        prop_assert_eq!(active.table.digest(), standby.table.digest());
        prop_assert_eq!(&active.mappings, &standby.mappings);
        prop_assert_eq!(active.mappings.len(), active.table.len());
    }
}

/// Everything is told and applied. A refusal is told too, so it takes some rounds.
fn settle(active: &mut Node, standby: &mut Node, log: &mut Vec<SessionChange>, now: Instant) {
    for _ in 0..4 {
        for node in [&mut *active, &mut *standby] {
            node.tell(log, usize::MAX);
        }
        for node in [&mut *active, &mut *standby] {
            node.apply(log, usize::MAX, now);
        }
    }
}

fn forward(host: u8) -> FlowKey {
    FlowKey {
        src: Endpoint::new([192, 0, 2, host].into(), 5000),
        dst: Endpoint::new([198, 51, 100, 1].into(), 80),
        protocol: Protocol::TCP,
    }
}

fn reverse(host: u8, node: u8) -> FlowKey {
    let outside = Endpoint::new([203, 0, 113, node].into(), 1024 + u16::from(host));
    FlowKey {
        src: forward(host).dst,
        dst: outside,
        protocol: Protocol::TCP,
    }
}

fn new(id: SessionId, host: u8, node: u8) -> NewSession {
    let (forward, reverse) = (forward(host), reverse(host, node));
    NewSession {
        id,
        ingress: Giid(1),
        forward_hop: Hop {
            interface: Giid(2),
            neighbor: forward.dst.ip,
        },
        reverse_hop: Hop {
            interface: Giid(1),
            neighbor: forward.src.ip,
        },
        forward,
        reverse,
        service: Name::from("internet"),
        tenant: None,
        segment: Some(Segment::Syn),
        timeouts: Timeouts {
            initial_ms: 10_000,
            established_ms: 180_000,
        },
        opened_unix_ms: 0,
    }
}
