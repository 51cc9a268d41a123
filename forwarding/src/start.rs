//! Bringing the data plane up, and changing its plan while it runs.

use std::io;
use std::sync::Arc;

use ::nat::Nat;
use ::neighbor::{Neighbors, Settings};
use arc_swap::ArcSwap;
use crossbeam_queue::ArrayQueue;
use runtime::{Clock, Outlet, Subsystem};
use tokio::sync::Mutex;
use types::{EpochGate, MacAddr};

use crate::counters::{InterfaceCounters, WorkerCounters};
use crate::device::{Device, DeviceError};
use crate::driver::neighbor::{self, Listener, Message, NeighborActor, Progress};
use crate::event::Event;
use crate::handle::{Handle, Inner, Live, Stopped, WorkerHandle};
use crate::io::{Peer, WorkerIo};
use crate::plan::{InterfacePlan, Plan, PortIndex, Topology};
use crate::port::{Fanout, Port, RxBatch};
use crate::ports::{Devices, HostDevices, PortChange, WorkerPort, accepted_macs};
use crate::shard::Shard;
use crate::shared::Shared;
use crate::steering::ShardIndex;
use crate::waker::Waker;
use crate::worker::{COMMANDS, Command, HAND_OVERS, Timers, Worker};

/// Why the data plane did not come up, or did not take a new plan.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A plan needs a session processor.
    #[error("the plan has no session processor")]
    NoWorkers,
    /// A device cannot be used.
    #[error("network-interface '{interface}' cannot be brought up")]
    Device {
        /// The operators' name.
        interface: String,
        /// Why not.
        #[source]
        cause: DeviceError,
    },
    /// A packet socket could not be opened.
    #[error("no packet socket on network device '{device}'")]
    Port {
        /// The device.
        device: String,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The system gave no thread or descriptor.
    #[error("a session processor could not be started")]
    Thread(#[source] io::Error),
}

/// Why a running data plane did not take a new plan. It goes on with the old one.
#[derive(Debug, thiserror::Error)]
pub enum ReconfigureError {
    /// The number of processors is fixed while the process lives.
    #[error("{running} session processors are running, {wanted} are wanted: restart the node")]
    Workers {
        /// Now.
        running: usize,
        /// In the new plan.
        wanted: usize,
    },
    /// An interface could not be brought up.
    #[error(transparent)]
    Start(#[from] StartError),
    /// There is nobody left to take it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

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

impl Handle {
    /// Puts a new plan in force: policy, FIB, addresses, interfaces. Sessions stay. Ports of devices that
    /// both plans name stay open, so no frame is lost on them; a frame that is being handed from one
    /// worker to another at that moment may be.
    pub async fn reconfigure(&self, plan: Plan) -> Result<(), ReconfigureError> {
        let inner = &self.0;
        let _one_at_a_time = inner.reconfiguring.lock().await;
        if plan.workers != inner.workers.len() {
            return Err(ReconfigureError::Workers {
                running: inner.workers.len(),
                wanted: plan.workers,
            });
        }
        let old = inner.live.load_full();
        let found = prepare_all(inner.devices.as_ref(), &plan)?;
        let macs: Vec<MacAddr> = found.iter().map(|device| device.mac).collect();
        let topology = Arc::new(Topology::new(plan, &macs));
        let update = Update {
            devices: inner.devices.as_ref(),
            old: &old,
            topology: &topology,
            found: &found,
        };
        let counters = update.counters(inner.workers.len());
        let mut changes = Vec::new();
        for worker in 0..inner.workers.len() {
            changes.push(update.ports(worker, &counters)?);
        }
        let senders = open_senders(inner.devices.as_ref(), &topology, &found)?;
        self.serve_addresses(&topology);
        for (worker, ports) in inner.workers.iter().zip(changes) {
            let topology = Arc::clone(&topology);
            worker
                .send(Command::Reconfigure { topology, ports })
                .await?;
        }
        let message = Message::Reconfigure {
            topology: Arc::clone(&topology),
            senders,
        };
        inner.neighbors.send(message).await.map_err(|_| Stopped)?;
        inner.live.store(Arc::new(Live {
            topology,
            devices: found,
            counters,
        }));
        Ok(())
    }

    fn serve_addresses(&self, topology: &Topology) {
        let addresses: Vec<_> = topology.translated_addresses().collect();
        let mut nat = self.0.shared.nat.lock();
        nat.set_addresses(&addresses);
        self.0.shared.steering.set_directory(nat.directory());
    }
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

/// From one plan to the next.
struct Update<'a> {
    devices: &'a dyn Devices,
    old: &'a Live,
    topology: &'a Topology,
    found: &'a [Device],
}

impl Update<'_> {
    /// Where the device of an interface stood in the old plan.
    fn kept(&self, plan: &InterfacePlan, device: Device) -> Option<PortIndex> {
        let old = self.old.topology.interfaces.iter().zip(&self.old.devices);
        let same_port = self.old.topology.plan.port == self.topology.plan.port;
        old.filter(|_| same_port)
            .find(|(interface, found)| interface.plan.device == plan.device && **found == device)
            .map(|(interface, _)| interface.port)
    }

    /// Counters go on where the port does.
    fn counters(&self, workers: usize) -> Vec<Vec<Arc<InterfaceCounters>>> {
        let interfaces = self.topology.interfaces.iter().zip(self.found);
        interfaces
            .map(|(interface, device)| {
                self.kept(&interface.plan, *device)
                    .and_then(|PortIndex(old)| self.old.counters.get(old).cloned())
                    .unwrap_or_else(|| new_counters(workers))
            })
            .collect()
    }

    fn ports(
        &self,
        worker: usize,
        counters: &[Vec<Arc<InterfaceCounters>>],
    ) -> Result<Vec<PortChange>, StartError> {
        let interfaces = self
            .topology
            .interfaces
            .iter()
            .zip(self.found)
            .zip(counters);
        interfaces
            .map(|((interface, device), counters)| {
                let plan = &interface.plan;
                if let Some(old) = self.kept(plan, *device) {
                    let accept = accepted_macs(plan);
                    return Ok(PortChange::Keep { old, accept });
                }
                let whole = &self.topology.plan;
                open_port(self.devices, whole, plan, *device, counters.get(worker))
                    .map(PortChange::Open)
            })
            .collect()
    }
}

fn prepare_all(devices: &dyn Devices, plan: &Plan) -> Result<Vec<Device>, StartError> {
    let prepare = |interface: &InterfacePlan| {
        devices
            .prepare(interface)
            .map_err(|cause| StartError::Device {
                interface: interface.name.to_string(),
                cause,
            })
    };
    plan.interfaces.iter().map(prepare).collect()
}

fn new_shared(topology: &Topology) -> Shared {
    let plan = &topology.plan;
    let addresses: Vec<_> = topology.translated_addresses().collect();
    let settings = ::nat::Settings::with_seed(plan.seed);
    Shared::new(Nat::new(settings, &addresses), plan.seed, plan.workers)
}

fn new_counters(workers: usize) -> Vec<Arc<InterfaceCounters>> {
    (0..workers).map(|_| Arc::default()).collect()
}

fn open_port(
    devices: &dyn Devices,
    plan: &Plan,
    interface: &InterfacePlan,
    device: Device,
    counters: Option<&Arc<InterfaceCounters>>,
) -> Result<WorkerPort, StartError> {
    let failed = |cause| StartError::Port {
        device: interface.device.clone(),
        cause,
    };
    let fanout = (plan.workers > 1).then(|| fanout(device));
    let mut port = devices
        .open(interface, device, plan.port, fanout)
        .map_err(failed)?;
    for mac in accepted_macs(interface) {
        port.accept(mac).map_err(failed)?;
    }
    Ok(WorkerPort {
        port,
        counters: counters.cloned().unwrap_or_default(),
    })
}

fn open_senders(
    devices: &dyn Devices,
    topology: &Topology,
    found: &[Device],
) -> Result<Vec<Box<dyn Port>>, StartError> {
    let interfaces = topology.interfaces.iter().zip(found);
    interfaces
        .map(|(interface, device)| {
            let opened = devices.open_sender(&interface.plan, *device);
            opened.map_err(|cause| StartError::Port {
                device: interface.plan.device.clone(),
                cause,
            })
        })
        .collect()
}

/// Fan-out groups are numbered per network namespace: process and device make a number that no other
/// process of ours takes for the same device.
fn fanout(device: Device) -> Fanout {
    let process = std::process::id().wrapping_mul(31);
    let number = process.wrapping_add(device.ifindex.wrapping_mul(7919)) & 0xffff;
    Fanout {
        group: u16::try_from(number).unwrap_or_default(),
    }
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
