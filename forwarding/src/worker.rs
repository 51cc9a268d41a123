//! One session processor's thread: frames in, shard, frames out.
//!
//! ```text
//!  ports ──► RxBatch ─┐                       ┌─► TxQueue of each port ─► device
//!  inbox (handle) ────┼─► Shard (decides) ────┼─► other workers' inboxes
//!  hand-overs ────────┘   begin, process,     ├─► neighbour actor
//!                         expire, replicate   └─► events ─► node
//! ```
//!
//! A turn looks at everything once and never waits; a turn that found nothing is followed by a sleep
//! in `ppoll` over all sockets and the waker, until the next timer. Queues and their policies:
//! hand-overs (4096 frames) drop the newest as `queue-full`; commands (256) make the sender wait;
//! events refuse, and the worker offers again.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use runtime::{Clock, Mailbox, Outlet, Shutdown};
use session::table::{Held, Repair};
use tokio::sync::oneshot;
use types::{EpochGate, Instant, SessionChange, SessionRecord, ShardSet};

use crate::audit::{RepairCounts, TableReport};
use crate::event::Event;
use crate::io::WorkerIo;
use crate::outbox::{OwnedParcel, Parcel, Stage};
use crate::pending::NeighborKey;
use crate::plan::{PortIndex, Topology};
use crate::port::{BATCH, RxBatch};
use crate::ports::PortChange;
use crate::shard::{Moment, Shard};
use crate::waker::Waker;

/// Commands that may wait for a worker; then their sender waits.
pub(crate) const COMMANDS: usize = 256;
/// Frames that may wait for a worker; further ones are dropped as `queue-full`.
pub(crate) const HAND_OVERS: usize = 4096;
/// Hand-overs in one turn, so that a busy peer cannot keep our own ports waiting.
const HAND_OVERS_A_TURN: usize = 4 * BATCH;
/// Commands in one turn: an installation of 512 sessions takes about half a millisecond.
const COMMANDS_A_TURN: usize = 4;
/// Between two replication batches, so that a burst of sessions travels together.
const REPLICATION_INTERVAL: Duration = Duration::from_millis(2);
/// Between two looks at the timers.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(50);
/// Between two questions to the kernel for frames it threw away.
const MISSED_INTERVAL: Duration = Duration::from_secs(1);
/// The longest sleep: the stop of the node is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// What a worker is told.
pub(crate) enum Command {
    /// Sessions as the cluster has them.
    Install(Vec<SessionChange>),
    /// A new plan, and where each of its interfaces gets its port from.
    Reconfigure {
        /// The plan.
        topology: Arc<Topology>,
        /// One for each interface.
        ports: Vec<PortChange>,
    },
    /// A neighbour does not answer.
    NeighborFailed(NeighborKey),
    /// "Which sessions are there?"
    Query {
        /// At most so many.
        limit: usize,
        /// Where to; a requester that has given up is no error.
        reply: oneshot::Sender<Vec<SessionRecord>>,
    },
    /// "What does the table sum up to?"
    Digest {
        /// Where to.
        reply: oneshot::Sender<TableReport>,
    },
    /// "What is held of these shards' sessions?"
    List {
        /// Which shards.
        shards: ShardSet,
        /// The first place to look at.
        from: u32,
        /// Where to: what was found, and where to go on.
        reply: oneshot::Sender<(Vec<Held>, Option<u32>)>,
    },
    /// Differences to what the cluster agreed on.
    Repair {
        /// The differences.
        repairs: Vec<Repair>,
        /// Where to.
        reply: oneshot::Sender<RepairCounts>,
    },
}

/// A worker, ready to run on its thread.
pub(crate) struct Worker {
    pub(crate) shard: Shard,
    pub(crate) io: WorkerIo,
    pub(crate) batch: RxBatch,
    pub(crate) commands: Mailbox<Command>,
    pub(crate) handed_over: Arc<ArrayQueue<OwnedParcel>>,
    pub(crate) waker: Waker,
    pub(crate) gate: EpochGate,
    pub(crate) clock: Clock,
    pub(crate) events: Outlet<Event>,
    pub(crate) timers: Timers,
}

/// When the periodic work is due.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    replicate: Instant,
    expire: Instant,
    missed: Instant,
}

impl Worker {
    /// Until the subsystem stops. What is queued then is sent; what arrives later is the peer's.
    pub(crate) fn run(mut self, shutdown: &Shutdown) {
        while !shutdown.is_requested() {
            if !self.turn() {
                self.sleep();
            }
        }
        self.io.flush();
    }

    /// One look at everything; whether there was anything.
    pub(crate) fn turn(&mut self) -> bool {
        let now = self.clock.now();
        let moment = Moment {
            now,
            unix_ms: self.clock.unix_nanos(now) / 1_000_000,
            epoch: self.gate.epoch(),
        };
        self.io.begin(now);
        self.shard.begin(moment, &mut self.io);
        let mut busy = self.take_commands();
        busy |= self.take_hand_overs();
        for index in 0..self.io.ports.len() {
            busy |= self.take_frames(PortIndex(index));
        }
        busy |= self.run_timers(now);
        self.io.flush();
        self.report();
        busy
    }

    fn take_commands(&mut self) -> bool {
        let mut taken = 0;
        while taken < COMMANDS_A_TURN
            && let Some(command) = self.commands.try_next()
        {
            self.obey(command);
            taken += 1;
        }
        taken > 0
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Install(changes) => self.shard.install(&changes),
            Command::Reconfigure { topology, ports } => {
                self.io.flush();
                self.io.change_ports(ports);
                self.shard.reconfigure(topology);
            }
            Command::NeighborFailed(neighbor) => {
                self.shard.neighbor_failed(neighbor, &mut self.io);
            }
            Command::Query { limit, reply } => {
                // The requester may have given up: nobody wants the answer then.
                let _unwanted = reply.send(self.shard.records(limit));
            }
            Command::Digest { reply } => {
                let _unwanted = reply.send(self.shard.report());
            }
            Command::List {
                shards,
                from,
                reply,
            } => {
                let _unwanted = reply.send(self.shard.held(&shards, from));
            }
            Command::Repair { repairs, reply } => {
                let _unwanted = reply.send(self.shard.repair(&repairs));
            }
        }
    }

    fn take_hand_overs(&mut self) -> bool {
        let mut taken = 0;
        while taken < HAND_OVERS_A_TURN
            && let Some(mut parcel) = self.handed_over.pop()
        {
            let ingress = parcel.ingress;
            let result = self.shard.process_handed_over(&mut parcel, &mut self.io);
            if result.is_err() {
                self.io.count_rx_drop(ingress);
            }
            self.io.give_back(parcel.frame);
            taken += 1;
        }
        taken > 0
    }

    fn take_frames(&mut self, port: PortIndex) -> bool {
        self.io.receive(port, &mut self.batch);
        let count = self.batch.len();
        let mut bytes = 0;
        for index in 0..count {
            let Some((frame, offload)) = self.batch.frame(index) else {
                break;
            };
            bytes += frame.len() as u64;
            let parcel = Parcel {
                ingress: port,
                frame,
                offload,
                stage: Stage::Arrived,
            };
            if self.shard.process(parcel, &mut self.io).is_err() {
                self.io.count_rx_drop(port);
            }
        }
        self.io.count_received(port, count as u64, bytes);
        count > 0
    }

    fn run_timers(&mut self, now: Instant) -> bool {
        let mut more = false;
        let due = self.shard.next_deadline().is_some_and(|at| at <= now);
        if due || now >= self.timers.expire {
            more = self.shard.expire(&mut self.io);
            self.timers.expire = now + EXPIRY_INTERVAL;
        }
        if self.shard.is_dirty() && now >= self.timers.replicate {
            let events = &self.events;
            self.shard.replicate(|changes| {
                events
                    .offer(Event::Sessions(changes))
                    .map_err(|refused| match refused {
                        Event::Sessions(changes) => changes,
                        Event::Neighbors(_)
                        | Event::NatBlocksLow { .. }
                        | Event::FirstPacket { .. } => Vec::new(),
                    })
            });
            self.timers.replicate = now + REPLICATION_INTERVAL;
        }
        if now >= self.timers.missed {
            self.io.count_missed();
            self.timers.missed = now + MISSED_INTERVAL;
        }
        more
    }

    /// Tells the node what it should know soon, after the packets have gone.
    fn report(&mut self) {
        let events = &self.events;
        self.shard
            .report_low_blocks(|address| events.offer(Event::NatBlocksLow { address }).is_ok());
        if let Some(epoch) = self.io.first_packet {
            let at = self.io.first_packet_at.unwrap_or_else(|| self.clock.now());
            if events.offer(Event::FirstPacket { epoch, at }).is_ok() {
                self.io.first_packet = None;
                self.io.first_packet_at = None;
            } else {
                self.io.first_packet_at = Some(at);
            }
        }
    }

    /// Until a frame, a message or a timer.
    fn sleep(&mut self) {
        self.waker.falls_asleep();
        // Looks once more: who sent before the flag was set has not woken us.
        if let Some(command) = self.commands.try_next() {
            self.obey(command);
        } else if self.handed_over.is_empty() {
            let timeout = TimeSpec::from_duration(self.sleep_time());
            let wakes = |fd| PollFd::new(fd, PollFlags::POLLIN);
            let mut descriptors = vec![wakes(self.waker.as_fd())];
            descriptors.extend(self.io.poll_fds().map(wakes));
            // Interrupted or not, the next turn looks at everything.
            let _readable = ppoll(&mut descriptors, Some(timeout), None);
        }
        self.waker.is_awake();
    }

    fn sleep_time(&self) -> Duration {
        let now = self.clock.now();
        let until = |at: Instant| at.saturating_since(now);
        let mut time = LONGEST_SLEEP;
        if !self.shard.table().is_empty() {
            time = time.min(until(self.timers.expire));
        }
        if let Some(deadline) = self.shard.next_deadline() {
            time = time.min(until(deadline));
        }
        if self.shard.is_dirty() {
            time = time.min(until(self.timers.replicate));
        }
        time
    }
}
