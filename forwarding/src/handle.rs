//! How the rest of the node speaks to the data plane. Cheap to clone; knows no lock but NAT's.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use nat::Block;
use runtime::Outlet;
use tokio::sync::{Mutex, oneshot};
use types::{Coverage, DropReason, EpochGate, NeighborRecord, SessionChange, SessionRecord};

use crate::counters::{Counter, InterfaceCounters, WorkerCounters};
use crate::device::Device;
use crate::driver::neighbor::Message;
use crate::io::Peer;
use crate::plan::Topology;
use crate::ports::Devices;
use crate::shared::Shared;
use crate::status::{Counts, DropCount, InterfaceRole, InterfaceStatus, ProcessorStatus, Traffic};
use crate::steering::{Arrival, ShardIndex};
use crate::worker::Command;

/// Changes in one command: about half a millisecond of a worker's time.
const CHANGES_A_COMMAND: usize = 512;

/// The data plane has stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the data plane has stopped")]
pub struct Stopped;

/// The data plane, from outside.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Inner>);

/// What all handles share.
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) workers: Vec<WorkerHandle>,
    pub(crate) neighbors: Outlet<Message>,
    pub(crate) gate: EpochGate,
    pub(crate) devices: Box<dyn Devices>,
    pub(crate) live: ArcSwap<Live>,
    /// One reconfiguration at a time; held over its awaits, so tokio's.
    pub(crate) reconfiguring: Mutex<()>,
}

/// One worker.
pub(crate) struct WorkerHandle {
    pub(crate) thread: &'static str,
    pub(crate) commands: Outlet<Command>,
    pub(crate) peer: Peer,
    pub(crate) counters: Arc<WorkerCounters>,
}

/// The plan in force and the counters of its interfaces.
pub(crate) struct Live {
    pub(crate) topology: Arc<Topology>,
    pub(crate) devices: Vec<Device>,
    /// By interface, then by worker.
    pub(crate) counters: Vec<Vec<Arc<InterfaceCounters>>>,
}

impl Handle {
    /// Programs sessions as the cluster has them. Waits while the workers are behind: a standby that
    /// skipped one would lose it at takeover.
    pub async fn install(&self, changes: Vec<SessionChange>) -> Result<(), Stopped> {
        let mut by_shard = vec![Vec::new(); self.0.workers.len()];
        for change in changes {
            match &change {
                SessionChange::Put(record) => {
                    let steering = &self.0.shared.steering;
                    let ShardIndex(owner) = steering.shard(&record.forward, Arrival::Inside);
                    if let Some(batch) = by_shard.get_mut(owner) {
                        batch.push(change);
                    }
                }
                // It names no flow: the shard that has the session knows it.
                SessionChange::Remove { .. } => {
                    for batch in &mut by_shard {
                        batch.push(change.clone());
                    }
                }
            }
        }
        for (worker, batch) in self.0.workers.iter().zip(by_shard) {
            let mut rest = batch.into_iter();
            loop {
                let chunk: Vec<_> = rest.by_ref().take(CHANGES_A_COMMAND).collect();
                if chunk.is_empty() {
                    break;
                }
                worker.send(Command::Install(chunk)).await?;
            }
        }
        Ok(())
    }

    /// Takes over neighbours as the cluster knows them, so that a takeover asks nobody.
    pub async fn learn(&self, records: Vec<NeighborRecord>) -> Result<(), Stopped> {
        let message = Message::Learn(records);
        self.0.neighbors.send(message).await.map_err(|_| Stopped)
    }

    /// The tables hold this much of what the cluster knows. Until it is everything, TCP without a session
    /// is not reset: see [`Coverage`].
    pub fn cover(&self, coverage: Coverage) {
        self.0.shared.cover(coverage);
    }

    /// This node may allocate ports of `address` from `blocks`. Numbers beyond the last block are
    /// ignored, since no record can have granted them.
    pub fn grant(&self, address: IpAddr, blocks: &[u16]) {
        let mut nat = self.0.shared.nat.lock();
        for block in blocks.iter().filter_map(|index| Block::new(*index)) {
            nat.grant(address, block);
        }
    }

    /// This node may no longer allocate from `blocks`; sessions that use them go on.
    pub fn revoke(&self, address: IpAddr, blocks: &[u16]) {
        let mut nat = self.0.shared.nat.lock();
        for block in blocks.iter().filter_map(|index| Block::new(*index)) {
            nat.revoke(address, block);
        }
    }

    /// Up to `limit` sessions, of all shards alike.
    pub async fn sessions(&self, limit: usize) -> Vec<SessionRecord> {
        let workers = self.0.workers.len().max(1);
        let mut records = Vec::new();
        for worker in &self.0.workers {
            let (reply, answer) = oneshot::channel();
            let limit = limit.div_ceil(workers);
            let asked = worker.send(Command::Query { limit, reply }).await;
            if asked.is_ok() {
                records.extend(answer.await.unwrap_or_default());
            }
        }
        records.truncate(limit);
        records
    }

    /// Sums over all processors.
    pub fn counts(&self) -> Counts {
        let sum = |counter: fn(&WorkerCounters) -> &Counter| {
            let values = self
                .0
                .workers
                .iter()
                .map(|worker| counter(&worker.counters).get());
            values.fold(0, u64::wrapping_add)
        };
        Counts {
            sessions: sum(|counters| &counters.sessions),
            opened: sum(|counters| &counters.opened),
            installed: sum(|counters| &counters.installed),
            packets: sum(|counters| &counters.packets),
            forwarded: sum(|counters| &counters.forwarded),
            dropped: self.drops().iter().map(|drop| drop.count).sum(),
            replication_refused: sum(|counters| &counters.replication_refused),
            digest: sum(|counters| &counters.digest),
        }
    }

    /// Why packets ended here, every reason there is.
    pub fn drops(&self) -> Vec<DropCount> {
        let count = |reason: DropReason| {
            let counters = self.0.workers.iter().map(|worker| &worker.counters);
            counters.map(|counters| counters.drops.get(reason)).sum()
        };
        DropReason::ALL
            .iter()
            .map(|reason| DropCount {
                reason: *reason,
                count: count(*reason),
            })
            .collect()
    }

    /// The interfaces of the plan in force.
    pub fn interfaces(&self) -> Vec<InterfaceStatus> {
        let live = self.0.live.load_full();
        let interfaces = live.topology.interfaces.iter().zip(&live.counters);
        interfaces
            .map(|(interface, counters)| InterfaceStatus {
                name: interface.plan.name.clone(),
                device: interface.plan.device.clone(),
                giid: interface.plan.giid,
                mac: interface.mac,
                virtual_mac: interface
                    .plan
                    .virtual_mac_v4
                    .or(interface.plan.virtual_mac_v6),
                link: self.0.devices.link_state(&interface.plan),
                role: match (interface.plan.shared, self.0.gate.epoch()) {
                    (false, _) => InterfaceRole::Unshared,
                    (true, Some(_)) => InterfaceRole::Active,
                    (true, None) => InterfaceRole::Standby,
                },
                port: live.topology.plan.port,
                traffic: traffic(counters),
            })
            .collect()
    }

    /// The routes of the FIB in force.
    pub fn fib(&self) -> Vec<fib::Route> {
        let live = self.0.live.load();
        live.topology.plan.fib.iter().copied().collect()
    }

    /// Neighbours whose MAC address is known.
    pub fn neighbors(&self) -> Vec<NeighborRecord> {
        let mut records: Vec<_> = self.0.shared.neighbors.load().records().collect();
        records.sort_unstable_by_key(|record| (record.interface, record.ip));
        records
    }

    /// The session processors.
    pub fn processors(&self) -> Vec<ProcessorStatus> {
        let workers = self.0.workers.iter();
        workers
            .map(|worker| ProcessorStatus {
                thread: worker.thread,
                sessions: worker.counters.sessions.get(),
                packets: worker.counters.packets.get(),
                forwarded: worker.counters.forwarded.get(),
                handed_over: worker.counters.handed_over.get(),
                queue_depth: worker.peer.queue.len(),
                waiting: worker.counters.waiting.get(),
            })
            .collect()
    }

    /// Free ports of an address that sessions are translated to, in its scarcest protocol.
    pub fn free_ports(&self, address: IpAddr) -> u32 {
        self.0.shared.nat.lock().free_ports(address)
    }
}

impl WorkerHandle {
    /// Waits for room in the worker's queue, then wakes it.
    pub(crate) async fn send(&self, command: Command) -> Result<(), Stopped> {
        let sent = self.commands.send(command).await;
        self.peer.waker.wake();
        sent.map_err(|_| Stopped)
    }
}

fn traffic(workers: &[Arc<InterfaceCounters>]) -> Traffic {
    let sum = |counter: fn(&InterfaceCounters) -> &Counter| {
        workers.iter().map(|worker| counter(worker).get()).sum()
    };
    Traffic {
        rx_packets: sum(|counters| &counters.rx_packets),
        rx_bytes: sum(|counters| &counters.rx_bytes),
        rx_drops: sum(|counters| &counters.rx_drops),
        tx_packets: sum(|counters| &counters.tx_packets),
        tx_bytes: sum(|counters| &counters.tx_bytes),
        tx_drops: sum(|counters| &counters.tx_drops),
    }
}
