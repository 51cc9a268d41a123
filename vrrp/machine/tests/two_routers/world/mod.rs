//! Two groups, the wires between them and a clock that jumps: what the shell does, without it.
//!
//! Both members' LANs and the HA link deliver after [`LATENCY`]; each can be cut. Heartbeats leave
//! every 5 ms and are missed after 15 ms, as the shell does it with 10 ms adverts.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "test support: what it offers is for its one test file"
)]

use std::time::Duration;

use types::{Epoch, Instant, NodeId, Vrid};
use vrrp_machine::{
    Action, Advert, AdvertInterval, Event, Family, Group, GroupPlan, GroupState, MemberId,
    MemberPlan, PeerClaim, Priority, Report, Transition,
};

pub const LATENCY: Duration = Duration::from_micros(100);
const HEARTBEAT: Duration = Duration::from_millis(5);
const DETECTION: Duration = Duration::from_millis(15);
pub const MEMBERS: u8 = 2;

pub fn ms(millis: u64) -> Instant {
    Instant::START + Duration::from_millis(millis)
}

pub struct Node {
    pub group: Group,
    pub alive: bool,
    pub gate: Option<Epoch>,
    pub actions: Vec<(Instant, Action)>,
    heartbeat_at: Instant,
    peer_heard_at: Option<Instant>,
}

enum Message {
    Advert(MemberId, Advert),
    Heartbeat(PeerClaim),
}

pub struct World {
    pub now: Instant,
    pub nodes: [Node; 2],
    /// Which LANs are cut between the nodes.
    pub lan_cut: [bool; MEMBERS as usize],
    pub ha_cut: bool,
    wire: Vec<(Instant, usize, Message)>,
    /// How long both gates were open at the same time.
    pub dual_active: Duration,
    /// How long no gate was open since the last [`World::forget`].
    pub outage: Duration,
}

pub struct Setup {
    pub priorities: [u8; 2],
    pub preempt: bool,
    pub start_hold: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            priorities: [200, 110],
            preempt: false,
            start_hold: Duration::ZERO,
        }
    }
}

pub fn plan(node: u8, priority: u8) -> GroupPlan {
    // On the LAN the second node has the greater address, on the WAN the first one.
    let sources = match node {
        1 => ["192.0.2.11", "203.0.113.12"],
        _ => ["192.0.2.12", "203.0.113.11"],
    };
    GroupPlan {
        node: NodeId(node),
        priority: Priority::configured(priority).unwrap(),
        preempt_mode: false,
        interval: AdvertInterval::from_centiseconds(1).unwrap(),
        members: sources
            .iter()
            .map(|source| MemberPlan {
                vrid: Vrid::new(51).unwrap(),
                family: Family::V4,
                source: source.parse().unwrap(),
            })
            .collect(),
        peer_sources: Vec::new(),
        initial_epoch: Epoch::NONE,
        start_hold: Duration::ZERO,
    }
}

impl World {
    pub fn new(setup: &Setup) -> Self {
        let node = |id: u8, priority| Node {
            group: Group::new(GroupPlan {
                preempt_mode: setup.preempt,
                start_hold: setup.start_hold,
                ..plan(id, priority)
            })
            .unwrap(),
            alive: false,
            gate: None,
            actions: Vec::new(),
            heartbeat_at: Instant::FAR_FUTURE,
            peer_heard_at: None,
        };
        let [first, second] = setup.priorities;
        Self {
            now: Instant::START,
            nodes: [node(1, first), node(2, second)],
            lan_cut: [false; MEMBERS as usize],
            ha_cut: false,
            wire: Vec::new(),
            dual_active: Duration::ZERO,
            outage: Duration::ZERO,
        }
    }

    /// Both nodes are up and the better one is Active since long.
    pub fn settled(setup: &Setup) -> Self {
        let mut world = Self::new(setup);
        world.start(0);
        world.start(1);
        world.run_until(ms(1_000));
        world.forget();
        world
    }

    pub fn start(&mut self, node: usize) {
        self.nodes[node].alive = true;
        self.nodes[node].heartbeat_at = self.now;
        for member in 0..MEMBERS {
            self.give(node, Event::LinkUp(MemberId(member)));
        }
        self.give(node, Event::Startup);
    }

    /// SIGKILL: not a word more, and the gate goes with the process.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].alive = false;
        self.nodes[node].gate = None;
    }

    /// The killed node's process starts again with nothing but an empty memory.
    pub fn restart(&mut self, node: usize, plan: GroupPlan) {
        self.nodes[node].group = Group::new(plan).unwrap();
        self.nodes[node].peer_heard_at = None;
        self.start(node);
    }

    pub fn forget(&mut self) {
        self.dual_active = Duration::ZERO;
        self.outage = Duration::ZERO;
        for node in &mut self.nodes {
            node.actions.clear();
        }
    }

    pub fn active(&self) -> Vec<usize> {
        (0..2).filter(|n| self.nodes[*n].gate.is_some()).collect()
    }

    pub fn transitions(&self, node: usize) -> Vec<Transition> {
        self.nodes[node]
            .actions
            .iter()
            .filter_map(|(_, action)| match action {
                Action::Report(Report::Transition(transition)) => Some(*transition),
                Action::Report(_)
                | Action::OpenGate(_)
                | Action::CloseGate
                | Action::Advertise { .. }
                | Action::Announce { .. }
                | Action::Heartbeat => None,
            })
            .collect()
    }

    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    pub fn run_until(&mut self, end: Instant) {
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.advance(next);
            self.deliver();
            for node in 0..2 {
                if self.nodes[node].alive {
                    self.serve(node);
                }
            }
        }
        self.advance(end);
    }

    /// One event into one node, and its wishes fulfilled in order.
    pub fn give(&mut self, node: usize, event: Event) {
        let actions = self.nodes[node].group.handle(event, self.now);
        for action in actions {
            self.nodes[node].actions.push((self.now, action.clone()));
            self.act(node, &action);
        }
        let active = matches!(self.nodes[node].group.state(), GroupState::Active { .. });
        assert_eq!(
            self.nodes[node].gate.is_some(),
            active,
            "gate open iff Active"
        );
    }

    fn advance(&mut self, to: Instant) {
        let passed = to - self.now;
        match self.active().len() {
            0 => self.outage += passed,
            1 => {}
            _ => self.dual_active += passed,
        }
        self.now = to;
    }

    fn next_moment(&self) -> Option<Instant> {
        let wire = self.wire.iter().map(|(at, ..)| *at);
        let nodes = self.nodes.iter().filter(|node| node.alive);
        let timers = nodes.flat_map(|node| {
            let silent_at = node.peer_heard_at.map(|heard| heard + DETECTION);
            [
                Some(node.heartbeat_at),
                node.group.next_deadline(),
                silent_at,
            ]
        });
        wire.chain(timers.flatten())
            .min()
            .map(|at| at.max(self.now))
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.wire)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.wire = later;
        for (_, to, message) in due {
            if !self.nodes[to].alive {
                continue;
            }
            match message {
                Message::Advert(member, advert) => self.give(to, Event::Heard { member, advert }),
                Message::Heartbeat(claim) => {
                    self.nodes[to].peer_heard_at = Some(now);
                    let sources = plan(claim.node.0, 100).members;
                    let sources = sources.iter().map(|member| member.source).collect();
                    self.give(to, Event::PeerSources(sources));
                    self.give(to, Event::PeerHeartbeat(claim));
                }
            }
        }
    }

    fn serve(&mut self, node: usize) {
        let silent_at = self.nodes[node]
            .peer_heard_at
            .map(|heard| heard + DETECTION);
        if silent_at.is_some_and(|at| at <= self.now) {
            self.nodes[node].peer_heard_at = None;
            self.give(node, Event::PeerSilent);
        }
        if self.nodes[node].heartbeat_at <= self.now {
            self.nodes[node].heartbeat_at = self.now + HEARTBEAT;
            self.heartbeat(node);
        }
        let due = self.nodes[node].group.next_deadline();
        if due.is_some_and(|due| due <= self.now) {
            self.give(node, Event::Tick);
        }
    }

    fn heartbeat(&mut self, node: usize) {
        let hears = self.nodes[node].peer_heard_at.is_some();
        let claim = self.nodes[node].group.claim(hears, self.now);
        if !self.ha_cut {
            let at = self.now + LATENCY;
            self.wire.push((at, 1 - node, Message::Heartbeat(claim)));
        }
    }

    fn act(&mut self, node: usize, action: &Action) {
        match action {
            Action::OpenGate(epoch) => self.nodes[node].gate = Some(*epoch),
            Action::CloseGate => self.nodes[node].gate = None,
            Action::Heartbeat => self.heartbeat(node),
            Action::Advertise { member, priority } => {
                let index = usize::from(member.0);
                let id = u8::try_from(node + 1).unwrap();
                if !self.lan_cut[index] {
                    let advert = Advert {
                        priority: *priority,
                        interval: AdvertInterval::from_centiseconds(1).unwrap(),
                        source: plan(id, 100).members[index].source,
                    };
                    let at = self.now + LATENCY;
                    let message = Message::Advert(*member, advert);
                    self.wire.push((at, 1 - node, message));
                }
            }
            Action::Announce { .. } | Action::Report(_) => {}
        }
    }
}
