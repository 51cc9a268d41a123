//! A session processor without its thread: everything a worker decides, and nothing it touches.
//!
//! A shard owns its sessions, fragment tracker and waiting frames; nobody else reads or writes them.
//! Its worker calls [`Shard::begin`] once a batch, then [`Shard::process`] for each frame, then the
//! timers of `upkeep`. Effects leave through an [`Outbox`], time comes in by `begin`.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ahash::RandomState;
use session::table::Table;
use session::{FragmentLimits, Fragments, SessionIds};
use types::{DropReason, Epoch, Instant, SessionChange, SessionRecord};
use wire::icmp::Cause;
use wire::packet::{Frame, parse};

use crate::counters::WorkerCounters;
use crate::fragments::HeldFragments;
use crate::limiter::Limiter;
use crate::neighbors::NeighborMap;
use crate::outbox::{Outbox, OwnedParcel, Parcel, Stage};
use crate::pending::{Held, NeighborKey, Pending};
use crate::pipeline::{Outcome, Packet, Pipeline};
use crate::plan::{PortIndex, Topology};
use crate::port::Offload;
use crate::shared::Shared;
use crate::steering::ShardIndex;

/// ICMP errors of a shard: a thousand a second, as many routers allow, and a tenth of that at once.
const ICMP_INTERVAL: Duration = Duration::from_millis(1);
const ICMP_BURST: u32 = 100;
/// Fragmented datagrams under way, and how long one may take (RFC 4963: longer than any real one).
const FRAGMENTS: FragmentLimits = FragmentLimits {
    datagrams: 4096,
    lifetime: Duration::from_secs(2),
};
/// A frame that came from another worker longer ago than this is worth nothing any more.
const QUEUE_LIMIT: Duration = Duration::from_millis(100);

/// The world as of this batch; stages only read it.
pub(crate) struct Env {
    pub(crate) index: ShardIndex,
    pub(crate) shared: Arc<Shared>,
    pub(crate) topology: Arc<Topology>,
    pub(crate) neighbors: Arc<NeighborMap>,
    pub(crate) counters: Arc<WorkerCounters>,
    /// Active under this epoch; `None` on standby.
    pub(crate) epoch: Option<Epoch>,
    pub(crate) now: Instant,
    pub(crate) unix_ms: u64,
}

/// What only this shard has.
pub(crate) struct State {
    pub(crate) table: Table,
    pub(crate) fragments: Fragments,
    pub(crate) held_fragments: HeldFragments,
    pub(crate) pending: Pending,
    pub(crate) ids: SessionIds,
    pub(crate) limiter: Limiter,
    /// Where frames of our own are built.
    pub(crate) scratch: Vec<u8>,
    /// Frames that go through the pipeline after the present one.
    pub(crate) next: VecDeque<OwnedParcel>,
    /// The epoch whose first packet this shard has sent.
    pub(crate) first_sent: Option<Epoch>,
    /// The last epoch under which this node was active: changes made under it carry it.
    pub(crate) last_epoch: Option<Epoch>,
    /// Addresses that want more port blocks, not yet told.
    pub(crate) low_blocks: Vec<IpAddr>,
    /// Changes that were taken from the table and refused by the outlet; offered again.
    pub(crate) unsent: Vec<SessionChange>,
    /// When neighbours that are waited for may be asked for again.
    pub(crate) ask_again_at: Instant,
    /// Ended sessions, for NAT; reused.
    pub(crate) gone: Vec<SessionRecord>,
}

/// The moment and the role of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The monotonic clock.
    pub now: Instant,
    /// The wall clock, in milliseconds of Unix time, for records.
    pub unix_ms: u64,
    /// The gate.
    pub epoch: Option<Epoch>,
}

/// One session processor.
pub struct Shard {
    pub(crate) env: Env,
    pub(crate) state: State,
}

impl Shard {
    /// An empty shard, on standby.
    pub fn new(
        index: ShardIndex,
        shared: Arc<Shared>,
        topology: Arc<Topology>,
        counters: Arc<WorkerCounters>,
    ) -> Self {
        let plan = &topology.plan;
        let salt = plan.seed ^ (index.0 as u64).rotate_left(32);
        let hasher = |number| RandomState::with_seeds(salt, number, plan.seed, number ^ 0x5eed);
        let processor = u16::try_from(index.0).unwrap_or(u16::MAX);
        let state = State {
            table: Table::new(share(plan.max_sessions, plan.workers), hasher(1)),
            fragments: Fragments::new(FRAGMENTS, hasher(2)),
            held_fragments: HeldFragments::default(),
            pending: Pending::default(),
            ids: SessionIds::new(plan.node, processor, plan.seed),
            limiter: Limiter::new(ICMP_INTERVAL, ICMP_BURST),
            scratch: Vec::with_capacity(2048),
            next: VecDeque::new(),
            first_sent: None,
            last_epoch: None,
            low_blocks: Vec::new(),
            unsent: Vec::new(),
            ask_again_at: Instant::START,
            gone: Vec::new(),
        };
        let env = Env {
            index,
            neighbors: shared.neighbors.load_full(),
            shared,
            topology,
            counters,
            epoch: None,
            now: Instant::START,
            unix_ms: 0,
        };
        Self { env, state }
    }

    /// Begins a batch: takes over the role and the neighbours as they are now. Becoming active costs
    /// the same whatever the number of sessions.
    pub fn begin(&mut self, moment: Moment, out: &mut impl Outbox) {
        self.env.now = moment.now;
        self.env.unix_ms = moment.unix_ms;
        if moment.epoch != self.env.epoch {
            self.change_role(moment.epoch);
        }
        let neighbors = self.env.shared.neighbors.load();
        if !Arc::ptr_eq(&neighbors, &self.env.neighbors) {
            self.env.neighbors = Arc::clone(&neighbors);
            drop(neighbors);
            self.resume_known(out);
        }
    }

    /// A frame goes through the pipeline, and those that follow from it. The result is the frame's
    /// own; drops of all of them are counted.
    pub fn process(
        &mut self,
        parcel: Parcel<'_>,
        out: &mut impl Outbox,
    ) -> Result<Outcome, DropReason> {
        let result = self.run(parcel, out);
        self.drain_next(out);
        result
    }

    /// A frame from another worker.
    pub fn process_handed_over(
        &mut self,
        parcel: &mut OwnedParcel,
        out: &mut impl Outbox,
    ) -> Result<Outcome, DropReason> {
        if self.env.now.saturating_since(parcel.queued_at) > QUEUE_LIMIT {
            self.env.counters.drops.count(DropReason::QueueTimeout);
            return Err(DropReason::QueueTimeout);
        }
        self.process(parcel.lend(), out)
    }

    /// `neighbor` does not answer: what waits for it ends here, and its senders are told.
    pub fn neighbor_failed(&mut self, neighbor: NeighborKey, out: &mut impl Outbox) {
        for held in self.state.pending.take_failed(neighbor) {
            self.end_held(held, out);
        }
    }

    /// A new configuration, FIB or policy. Sessions stay; those whose interface is gone find no route.
    pub fn reconfigure(&mut self, topology: Arc<Topology>) {
        self.env.topology = topology;
    }

    /// The session table, for queries.
    pub const fn table(&self) -> &Table {
        &self.state.table
    }

    fn change_role(&mut self, epoch: Option<Epoch>) {
        self.env.epoch = epoch;
        match epoch {
            Some(_) => {
                self.state.last_epoch = epoch;
                self.state.table.adopt(self.env.now);
            }
            None => self.state.table.pause(),
        }
    }

    fn run(&mut self, parcel: Parcel<'_>, out: &mut impl Outbox) -> Result<Outcome, DropReason> {
        let mut pipeline = Pipeline {
            env: &self.env,
            state: &mut self.state,
            out,
        };
        let result = pipeline.run(parcel);
        self.env.counters.packets.add(1);
        if let Err(reason) = result {
            self.env.counters.drops.count(reason);
        }
        result
    }

    /// Terminates: each hairpin costs a hop of the packet's TTL, held frames wait once.
    fn drain_next(&mut self, out: &mut impl Outbox) {
        while let Some(mut parcel) = self.state.next.pop_front() {
            // Counted like any other; the frame that it followed has its own result.
            let _counted = self.run(parcel.lend(), out);
            self.env.shared.pool.give_back(parcel.frame);
        }
    }

    fn resume_known(&mut self, out: &mut impl Outbox) {
        let Self { env, state } = self;
        let known = state
            .pending
            .take_known(|neighbor| env.neighbors.get(neighbor).is_some());
        for held in known {
            state.follow_up(held.ingress, held.frame, held.offload, held.stage, env.now);
        }
        self.drain_next(out);
    }

    /// Ends a frame whose neighbour does not answer.
    pub(crate) fn end_held(&mut self, mut held: Held, out: &mut impl Outbox) {
        self.env
            .counters
            .drops
            .count(DropReason::NeighborUnreachable);
        let Ok(Frame::Ip(ip)) = parse(&held.frame) else {
            return;
        };
        let packet = Packet {
            frame: &mut held.frame,
            ip,
            ingress: held.ingress,
            offload: held.offload,
            stage: held.stage,
        };
        let mut pipeline = Pipeline {
            env: &self.env,
            state: &mut self.state,
            out,
        };
        pipeline.tell_sender(&packet, Cause::AddressUnreachable);
    }
}

impl State {
    /// Lets a frame go through the pipeline after the present one.
    pub(crate) fn follow_up(
        &mut self,
        ingress: PortIndex,
        frame: Vec<u8>,
        offload: Offload,
        stage: Stage,
        now: Instant,
    ) {
        self.next.push_back(OwnedParcel {
            ingress,
            frame,
            offload,
            stage,
            queued_at: now,
        });
    }
}

/// A shard's part of the node's limit: an eighth more than its equal part, because hashing never
/// spreads evenly.
fn share(max_sessions: usize, workers: usize) -> usize {
    match workers {
        0 | 1 => max_sessions,
        workers => max_sessions / workers + max_sessions / workers / 8 + 1,
    }
}
