//! Two tables, one active and one standby, against a naive model: a map of what should exist.
//!
//! Whatever packets come, whatever is told twice and whoever takes over: both directions of a session
//! are found and nothing else; nothing ends early or lives on much too long; the standby holds what the
//! active one has told; and what NAT is told to reserve and to release adds up.

#![expect(
    clippy::unwrap_used,
    reason = "test helpers stop at the first surprise"
)]

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use proptest::prelude::*;
use session::policy::Timeouts;
use session::{Hit, Installed, NewSession, Segment, SessionIds, Stamp, Table};
use types::{
    Digest, Direction, DropReason, Endpoint, Epoch, FlowKey, Giid, Hop, Instant, Name, NodeId,
    Protocol, SessionChange, SessionId, SessionRecord,
};

const LIMIT: usize = 12;
/// A tick of the wheel and the one that is not over.
const LATE: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
enum Step {
    Open {
        host: u8,
        tcp: bool,
    },
    Packet {
        host: u8,
        tcp: bool,
        direction: Direction,
        segment: Segment,
    },
    Remove {
        host: u8,
        tcp: bool,
    },
    Pass(u64),
    Replicate {
        twice: bool,
    },
    TakeOver,
}

fn step() -> impl Strategy<Value = Step> {
    let host = || 0..16_u8;
    let direction = prop_oneof![Just(Direction::Forward), Just(Direction::Reverse)];
    let segment = prop::sample::select(&Segment::ALL[..]);
    prop_oneof![
        4 => (host(), any::<bool>()).prop_map(|(host, tcp)| Step::Open { host, tcp }),
        8 => (host(), any::<bool>(), direction, segment).prop_map(
            |(host, tcp, direction, segment)| Step::Packet { host, tcp, direction, segment },
        ),
        1 => (host(), any::<bool>()).prop_map(|(host, tcp)| Step::Remove { host, tcp }),
        3 => (0..15_000_u64).prop_map(Step::Pass),
        1 => (0..500_000_u64).prop_map(Step::Pass),
        2 => any::<bool>().prop_map(|twice| Step::Replicate { twice }),
        1 => Just(Step::TakeOver),
    ]
}

/// A node: its table and the mappings that NAT would hold for it, by the calls it would have got.
struct Node {
    id: NodeId,
    table: Table,
    mappings: HashMap<Endpoint, SessionId>,
}

impl Node {
    fn new(id: u8) -> Self {
        let seed = u64::from(id);
        Self {
            id: NodeId(id),
            table: Table::new(LIMIT, ahash::RandomState::with_seeds(seed, 2, 3, 4)),
            mappings: HashMap::new(),
        }
    }

    fn reserve(&mut self, record: &SessionRecord) {
        let before = self.mappings.insert(record.reverse.dst, record.id);
        assert_eq!(before, None, "two sessions on {}", record.reverse.dst);
    }

    fn release(&mut self, records: &[SessionRecord]) {
        for record in records {
            assert_eq!(self.mappings.remove(&record.reverse.dst), Some(record.id));
        }
    }

    fn install(&mut self, change: &SessionChange, now: Instant) {
        let mut gone = Vec::new();
        let installed = self.table.install(change, now, &mut gone);
        self.release(&gone);
        if let Installed::Added(slot) = installed {
            let record = self.table.get(slot).unwrap().record();
            self.reserve(&record);
        }
        assert_ne!(installed, Installed::Full);
    }

    fn records(&self) -> BTreeMap<SessionId, SessionRecord> {
        self.table
            .iter()
            .map(|(_, session)| (session.id(), session.record()))
            .collect()
    }
}

struct World {
    active: Node,
    standby: Node,
    epoch: Epoch,
    now: Instant,
    ids: SessionIds,
    /// What should be in the active table, and since when it has been idle.
    model: BTreeMap<(u8, bool), (SessionId, Instant)>,
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn tables_hold_what_they_should(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        for step in steps {
            world.step(&step)?;
            world.check()?;
        }
        world.replicate(false)?;
    }
}

impl World {
    fn new() -> Self {
        let mut active = Node::new(1);
        active.table.adopt(Instant::START);
        Self {
            active,
            standby: Node::new(2),
            epoch: Epoch::NONE.next_for(NodeId(1)),
            now: Instant::START,
            ids: SessionIds::new(NodeId(1), 0, 7),
            model: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Open { host, tcp } => self.open(host, tcp)?,
            Step::Packet {
                host,
                tcp,
                direction,
                segment,
            } => {
                let key = match direction {
                    Direction::Forward => forward(host, tcp),
                    Direction::Reverse => reverse(host, tcp),
                };
                if let Some(hit) = self.active.table.lookup(&key) {
                    prop_assert_eq!(hit.direction, direction);
                    self.active
                        .table
                        .touch(hit, tcp.then_some(segment), 100, self.now);
                    self.model.get_mut(&(host, tcp)).unwrap().1 = self.now;
                }
            }
            Step::Remove { host, tcp } => {
                if let Some(hit) = self.active.table.lookup(&forward(host, tcp)) {
                    let record = self.active.table.remove(hit.slot).unwrap();
                    self.active.release(&[record]);
                    self.model.remove(&(host, tcp));
                }
            }
            Step::Pass(ms) => self.pass(Duration::from_millis(ms))?,
            Step::Replicate { twice } => self.replicate(twice)?,
            Step::TakeOver => {
                // A planned switchover: what was to be told is told, then the gate changes hands.
                self.replicate(false)?;
                self.active.table.pause();
                core::mem::swap(&mut self.active, &mut self.standby);
                self.active.table.adopt(self.now);
                self.epoch = self.epoch.next_for(self.active.id);
                for (_, idle_since) in self.model.values_mut() {
                    *idle_since = self.now;
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, host: u8, tcp: bool) -> Result<(), TestCaseError> {
        let id = self.ids.make();
        let opened = self.active.table.open(new(id, host, tcp), self.now);
        if self.model.contains_key(&(host, tcp)) {
            prop_assert!(opened.is_err());
        } else if self.model.len() >= LIMIT {
            prop_assert_eq!(opened, Err(DropReason::SessionTableFull));
        } else {
            let record = self
                .active
                .table
                .get(opened.unwrap())
                .unwrap()
                .record()
                .clone();
            self.active.reserve(&record);
            self.model.insert((host, tcp), (id, self.now));
        }
        Ok(())
    }

    fn pass(&mut self, time: Duration) -> Result<(), TestCaseError> {
        self.now += time;
        let timeouts: HashMap<_, _> = self
            .active
            .table
            .iter()
            .map(|(_, session)| (session.id(), session.idle_timeout()))
            .collect();
        let mut gone = Vec::new();
        while self.active.table.expire(self.now, 2, &mut gone) {}
        self.active.release(&gone);
        for (id, idle_since) in self.model.values() {
            let idle = self.now - *idle_since;
            let timeout = *timeouts.get(id).unwrap();
            let ended = gone.iter().any(|record| record.id == *id);
            prop_assert!(!ended || idle >= timeout, "{} ended after {:?}", id, idle);
            prop_assert!(ended || idle < timeout + LATE, "{} idle for {:?}", id, idle);
        }
        self.model
            .retain(|_, (id, _)| gone.iter().all(|record| record.id != *id));
        Ok(())
    }

    fn replicate(&mut self, twice: bool) -> Result<(), TestCaseError> {
        let stamp = Stamp {
            owner: self.active.id,
            epoch: self.epoch,
        };
        let mut changes = Vec::new();
        // In pieces, as batches would take them.
        while self.active.table.take_changes(stamp, 3, &mut changes) > 0 {}
        for change in &changes {
            for _ in 0..=usize::from(twice) {
                self.standby.install(change, self.now);
            }
        }
        prop_assert_eq!(self.active.table.pending_changes(), 0);
        prop_assert_eq!(self.active.records(), self.standby.records());
        prop_assert_eq!(self.active.table.digest(), self.standby.table.digest());
        prop_assert_eq!(&self.active.mappings, &self.standby.mappings);
        Ok(())
    }

    /// Each key leads to its session, in its direction, and keys without a session lead nowhere.
    fn check(&self) -> Result<(), TestCaseError> {
        let table = &self.active.table;
        prop_assert_eq!(table.len(), self.model.len());
        for table in [table, &self.standby.table] {
            let from_scratch: Digest = table.iter().map(|(_, session)| session.record()).collect();
            prop_assert_eq!(table.digest(), &from_scratch);
            prop_assert_eq!(table.digest().total(), from_scratch.total());
        }
        for (host, tcp) in (0..16).flat_map(|host| [(host, false), (host, true)]) {
            let expected = self.model.get(&(host, tcp)).map(|(id, _)| *id);
            for (key, direction) in [
                (forward(host, tcp), Direction::Forward),
                (reverse(host, tcp), Direction::Reverse),
            ] {
                let found = table.lookup(&key);
                prop_assert!(found.is_none_or(|hit: Hit| hit.direction == direction));
                let id = found.map(|hit| table.get(hit.slot).unwrap().id());
                prop_assert_eq!(id, expected);
            }
        }
        Ok(())
    }
}

fn protocol(tcp: bool) -> Protocol {
    if tcp { Protocol::TCP } else { Protocol::UDP }
}

fn forward(host: u8, tcp: bool) -> FlowKey {
    FlowKey {
        src: Endpoint::new([192, 0, 2, host].into(), 5000),
        dst: Endpoint::new([198, 51, 100, 1].into(), 53),
        protocol: protocol(tcp),
    }
}

fn reverse(host: u8, tcp: bool) -> FlowKey {
    let outside = Endpoint::new([203, 0, 113, u8::from(tcp)].into(), 1024 + u16::from(host));
    FlowKey {
        src: forward(host, tcp).dst,
        dst: outside,
        protocol: protocol(tcp),
    }
}

fn new(id: SessionId, host: u8, tcp: bool) -> NewSession {
    let (forward, reverse) = (forward(host, tcp), reverse(host, tcp));
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
        segment: tcp.then_some(Segment::Syn),
        timeouts: Timeouts {
            initial_ms: 10_000,
            established_ms: 180_000,
        },
        opened_unix_ms: 0,
    }
}
