//! Devices and sockets for a plan: the part that starting and reconfiguring have in common.

use std::sync::Arc;

use crate::counters::InterfaceCounters;
use crate::device::Device;
use crate::error::StartError;
use crate::plan::{InterfacePlan, Plan, Topology};
use crate::port::{Fanout, Port};
use crate::ports::{Devices, WorkerPort, accepted_macs};

/// Takes all devices of a plan from the kernel.
pub(crate) fn prepare_all(devices: &dyn Devices, plan: &Plan) -> Result<Vec<Device>, StartError> {
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

/// An interface's counters, one set for each worker.
pub(crate) fn new_counters(workers: usize) -> Vec<Arc<InterfaceCounters>> {
    (0..workers).map(|_| Arc::default()).collect()
}

/// A worker's port for an interface, accepting all addresses that the interface has.
pub(crate) fn open_port(
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

/// The neighbour actor's ports.
pub(crate) fn open_senders(
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
