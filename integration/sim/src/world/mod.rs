//! A run: members, network, faults and requests, moved on together in small steps.
//!
//! ```text
//!   step ── faults ── power ── letters ── operator ── requests ── every member runs ── what was seen
//!    ▲                                                                                      │
//!    └──────────────────────────── the invariants agree ◄───────────────────────────────────┘
//! ```
//! A step is shorter than anything that members wait for, and the order of everything in it is fixed:
//! one seed is one history.

mod ambush;
mod power;
mod requests;
mod run;
mod strike;
mod traffic;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use types::NodeId;

use crate::clock::Millis;
use crate::disk::Disk;
use crate::fault::{Fault, Plan};
use crate::invariant::{self, Invariant, Observation};
use crate::member::{Habits, Member, limits, timing};
use crate::network::{Letter, Network, Outbox};
use crate::operator::Operator;
use crate::policy::{Policies, Site};
use crate::random::Random;
use crate::topology::Topology;
use crate::trace::Trace;
use crate::workload::{Request, RequestId, Told, Workload};

use ambush::Ambush;
pub use run::{Run, run, run_plain};

/// A run that must not have happened.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, thiserror::Error)]
#[error("{invariant} at {at_ms} ms: {reason}")]
pub struct Violation {
    /// What does not hold.
    pub invariant: &'static str,
    /// When it was seen, in milliseconds since the run began.
    pub at_ms: u64,
    /// What was seen.
    pub reason: String,
}

/// The whole of a run.
pub(crate) struct World {
    now: Millis,
    step: Millis,
    members: Vec<Member>,
    network: Network,
    outbox: Arc<Mutex<Outbox>>,
    /// Letters on their way, by arrival and then by the order in which they were sent.
    under_way: BTreeMap<(Millis, u64), Letter>,
    sent: u64,
    /// Hosts of members without power say so at once, or say nothing.
    refuses: bool,
    plan: VecDeque<(Millis, Fault)>,
    calm_at: Millis,
    /// When members get their power back.
    power: BTreeMap<NodeId, Millis>,
    /// Everybody was seen to have a vote.
    has_formed: bool,
    /// Members that have yet to start with an older disk.
    older: BTreeSet<NodeId>,
    /// Members that ever did.
    aged: BTreeSet<NodeId>,
    /// Members that crash as soon as their disk has something to lose.
    ambush: BTreeMap<NodeId, Ambush>,
    habits: Habits,
    operator: Operator,
    policies: Policies,
    site: Site,
    workload: Workload,
    next_request: BTreeMap<NodeId, Millis>,
    /// Requests that nobody was told about yet.
    open: BTreeMap<RequestId, Request>,
    last_told: BTreeMap<NodeId, Told>,
    answers: u64,
    recovered_in: Millis,
    invariants: Vec<Box<dyn Invariant>>,
    trace: Trace,
}

impl World {
    /// The world of `seed`, before anything has happened.
    fn new(topology: Topology, seed: u64, trace: Trace, by_chance: bool) -> Self {
        let origin = Random::new(seed);
        raft::seam::seed(Some(origin.fork(1).next()));
        let mut random = origin.fork(2);
        let plan = if by_chance {
            Plan::draw_plain(topology, origin.fork(3))
        } else {
            Plan::draw(topology, origin.fork(3))
        };
        let members = topology.members().iter().map(|(id, kind)| {
            let disk = Disk::new(origin.fork(100 + u64::from(id.0)));
            Member::new(*id, *kind, disk)
        });
        let habits = Habits {
            topology,
            timing: timing(Millis(random.between(1_000, 3_000))),
            limits: limits(random.between(8, 200)),
            // One by one in some runs: a transport need not have streams.
            streams: !by_chance && origin.fork(7).happens(800),
        };
        let power = topology
            .members()
            .iter()
            .map(|(id, _)| (*id, Millis(random.between(0, 400))))
            .collect();
        Self {
            now: Millis(0),
            step: Millis(random.between(1, 5)),
            members: members.collect(),
            network: Network::new(topology, origin.fork(4)),
            outbox: Arc::default(),
            under_way: BTreeMap::new(),
            sent: 0,
            refuses: random.happens(500),
            calm_at: plan.calm_at,
            plan: plan.faults.into(),
            power,
            has_formed: false,
            older: BTreeSet::new(),
            aged: BTreeSet::new(),
            ambush: BTreeMap::new(),
            habits,
            operator: Operator::default(),
            policies: Policies::new(topology.survives(), origin.fork(6)),
            site: Site::default(),
            workload: Workload::new(origin.fork(5)),
            next_request: BTreeMap::new(),
            open: BTreeMap::new(),
            last_told: BTreeMap::new(),
            answers: 0,
            recovered_in: Millis(0),
            invariants: invariant::all(topology),
            trace,
        }
    }

    /// Moves everything on by one step.
    fn step(&mut self) -> Result<(), Violation> {
        self.now += self.step;
        self.trace.at(self.now);
        self.has_formed = self.has_formed || self.everybody_votes();
        while self.plan.front().is_some_and(|(at, _)| *at <= self.now) {
            if let Some((_, fault)) = self.plan.pop_front() {
                self.strike(&fault)?;
            }
        }
        self.restore_power()?;
        self.deliver()?;
        for order in self.operator.orders(self.now, &mut self.members) {
            self.obey(order);
        }
        let around = (&self.network, &self.site);
        for order in self.policies.orders(self.now, &self.members, around) {
            self.obey(order);
        }
        self.make_requests()?;
        self.run_members();
        self.collect()
    }

    /// Shows `observation` to every invariant.
    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Violation> {
        for invariant in &mut self.invariants {
            if let Err(reason) = invariant.see(observation) {
                return Err(Violation {
                    invariant: invariant.name(),
                    at_ms: self.now.0,
                    reason,
                });
            }
        }
        Ok(())
    }

    fn violation(&self, invariant: &'static str, reason: String) -> Violation {
        Violation {
            invariant,
            at_ms: self.now.0,
            reason,
        }
    }
}
