//! Bringing the data plane up.

use std::sync::Arc;

use ::nat::Nat;
use ::neighbor::{Neighbors, Settings};
use arc_swap::ArcSwap;
use crossbeam_queue::ArrayQueue;
use runtime::{Clock, Outlet, Subsystem};
use tokio::sync::Mutex;
use types::{EpochGate, MacAddr};

use crate::counters::{InterfaceCounters, WorkerCounters};
use crate::device::Device;
use crate::driver::neighbor::{self, Listener, Message, NeighborActor, Progress};
use crate::error::StartError;
use crate::event::Event;
use crate::handle::{Handle, Inner, Live, WorkerHandle};
use crate::io::{Peer, WorkerIo};
use crate::opening::{new_counters, open_port, open_senders, prepare_all};
use crate::plan::{Plan, Topology};
use crate::port::{Port, RxBatch};
use crate::ports::{Devices, HostDevices, WorkerPort};
use crate::shard::Shard;
use crate::shared::Shared;
use crate::steering::ShardIndex;
use crate::waker::Waker;
use crate::worker::{COMMANDS, HAND_OVERS, Timers, Worker};

/// Starts the data plane on this host's devices, on standby until `gate` opens.
pub fn start(
    plan: Plan,
    gate: EpochGate,
    clock: Clock,
    events: Outlet<Event>,
    subsystem: &mut Subsystem,
) -> Result<Handle, StartError> {
    start_on(Box::new(HostDevices), plan, gate, clock, events, subsystem)
}

/// Starts the data plane on any devices; see [`start`].
pub fn start_on(
    devices: Box<dyn Devices>,
    plan: Plan,
    gate: EpochGate,
    clock: Clock,
    events: Outlet<Event>,
    subsystem: &mut Subsystem,
) -> Result<Handle, StartError> {
    if plan.workers == 0 {
        return Err(StartError::NoWorkers);
    }
    let found = prepare_all(devices.as_ref(), &plan)?;
    let macs: Vec<MacAddr> = found.iter().map(|device| device.mac).collect();
    let topology = Arc::new(Topology::new(plan, &macs));
    let shared = Arc::new(new_shared(&topology));
    let (neighbors, messages) = runtime::mailbox::mailbox(neighbor::MESSAGES);
    let assembly = Assembly {
        devices: devices.as_ref(),
        topology: &topology,
        found: &found,
        shared: &shared,
        gate: &gate,
        clock,
        events: &events,
        neighbors: &neighbors,
    };
    let counters = assembly.counters();
    let senders = assembly.senders()?;
    let (workers, handles) = assembly.workers(&counters)?;
    let actor = NeighborActor {
        machine: Neighbors::new(Settings::default()),
        messages,
        topology: Arc::clone(&topology),
        senders,
        shared: Arc::clone(&shared),
        gate: gate.clone(),
        clock,
        events,
        listeners: handles.iter().map(listener).collect(),
        state: Progress::default(),
    };
    for (worker, handle) in workers.into_iter().zip(&handles) {
        subsystem
            .spawn_thread(handle.thread, move |shutdown| worker.run(&shutdown))
            .map_err(StartError::Thread)?;
    }
    let shutdown = subsystem.shutdown();
    subsystem.spawn("neighbor", actor.run(shutdown));
    Ok(Handle(Arc::new(Inner {
        shared,
        workers: handles,
        neighbors,
        gate,
        devices,
        live: ArcSwap::from_pointee(Live {
            topology,
            devices: found,
            counters,
        }),
        reconfiguring: Mutex::new(()),
    })))
}

/// What all parts are made from.
struct Assembly<'a> {
    devices: &'a dyn Devices,
    topology: &'a Arc<Topology>,
    found: &'a [Device],
    shared: &'a Arc<Shared>,
    gate: &'a EpochGate,
    clock: Clock,
    events: &'a Outlet<Event>,
    neighbors: &'a Outlet<Message>,
}

impl Assembly<'_> {
    fn counters(&self) -> Vec<Vec<Arc<InterfaceCounters>>> {
        let workers = self.topology.plan.workers;
        let interfaces = self.topology.interfaces.iter();
        interfaces.map(|_| new_counters(workers)).collect()
    }

    fn senders(&self) -> Result<Vec<Box<dyn Port>>, StartError> {
        open_senders(self.devices, self.topology, self.found)
    }

    fn workers(
        &self,
        counters: &[Vec<Arc<InterfaceCounters>>],
    ) -> Result<(Vec<Worker>, Vec<WorkerHandle>), StartError> {
        let count = self.topology.plan.workers;
        let mut peers = Vec::with_capacity(count);
        for _ in 0..count {
            peers.push(Peer {
                queue: Arc::new(ArrayQueue::new(HAND_OVERS)),
                waker: Waker::new().map_err(StartError::Thread)?,
            });
        }
        let mut workers = Vec::with_capacity(count);
        let mut handles = Vec::with_capacity(count);
        for (index, peer) in peers.iter().enumerate() {
            let (commands, mailbox) = runtime::mailbox::mailbox(COMMANDS);
            let worker_counters = Arc::new(WorkerCounters::default());
            let ports = self.ports(index, counters)?;
            workers.push(Worker {
                shard: Shard::new(
                    ShardIndex(index),
                    Arc::clone(self.shared),
                    Arc::clone(self.topology),
                    Arc::clone(&worker_counters),
                ),
                io: WorkerIo {
                    ports,
                    to_wake: vec![false; count],
                    peers: peers.clone(),
                    neighbors: self.neighbors.clone(),
                    shared: Arc::clone(self.shared),
                    counters: Arc::clone(&worker_counters),
                    now: self.clock.now(),
                    first_packet: None,
                    first_packet_at: None,
                },
                batch: RxBatch::default(),
                commands: mailbox,
                handed_over: Arc::clone(&peer.queue),
                waker: peer.waker.clone(),
                gate: self.gate.clone(),
                clock: self.clock,
                events: self.events.clone(),
                timers: Timers::default(),
            });
            handles.push(WorkerHandle {
                thread: thread_name(index),
                commands,
                peer: peer.clone(),
                counters: worker_counters,
            });
        }
        Ok((workers, handles))
    }

    fn ports(
        &self,
        worker: usize,
        counters: &[Vec<Arc<InterfaceCounters>>],
    ) -> Result<Vec<WorkerPort>, StartError> {
        let interfaces = self
            .topology
            .interfaces
            .iter()
            .zip(self.found)
            .zip(counters);
        interfaces
            .map(|((interface, device), counters)| {
                open_port(
                    self.devices,
                    &self.topology.plan,
                    &interface.plan,
                    *device,
                    counters.get(worker),
                )
            })
            .collect()
    }
}

fn new_shared(topology: &Topology) -> Shared {
    let plan = &topology.plan;
    let addresses: Vec<_> = topology.translated_addresses().collect();
    let settings = ::nat::Settings::with_seed(plan.seed);
    Shared::new(Nat::new(settings, &addresses), plan.seed, plan.workers)
}

fn listener(worker: &WorkerHandle) -> Listener {
    Listener {
        commands: worker.commands.clone(),
        waker: worker.peer.waker.clone(),
    }
}

/// Threads carry their names for the life of the process.
fn thread_name(index: usize) -> &'static str {
    String::leak(format!("SessionProc-{index:02}"))
}
