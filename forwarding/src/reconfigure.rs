//! Changing the plan of a running data plane: everything is prepared first, then swapped in, so a plan
//! that cannot be brought up changes nothing.

use std::sync::Arc;

use types::MacAddr;

use crate::counters::InterfaceCounters;
use crate::device::Device;
use crate::driver::neighbor::Message;
use crate::error::StartError;
use crate::handle::{Handle, Live, Stopped};
use crate::opening::{new_counters, open_port, open_senders, prepare_all};
use crate::plan::{InterfacePlan, Plan, PortIndex, Topology};
use crate::ports::{Devices, PortChange, accepted_macs};
use crate::worker::Command;

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
