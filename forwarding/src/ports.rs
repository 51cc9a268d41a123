//! A worker's ports, and where they come from.
//!
//! [`Devices`] stands between the data plane and the host: the real one takes devices from the kernel
//! and opens packet sockets, the fake one gives tests both ends of a wire.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use types::MacAddr;
use types::net::solicited_node;

use crate::counters::InterfaceCounters;
use crate::device::{self, Device, DeviceError, LinkState};
use crate::plan::{InterfacePlan, PortIndex};
use crate::port::{Fanout, PnetPort, Port, PortKind, RawSocket};

/// A port with its worker's counters for it.
pub struct WorkerPort {
    /// The frames.
    pub port: Box<dyn Port>,
    /// What the worker counts.
    pub counters: Arc<InterfaceCounters>,
}

/// Where an interface's port comes from when the plan changes.
pub enum PortChange {
    /// It is the port that stood here; it accepts these addresses too.
    Keep {
        /// Its position in the old plan.
        old: PortIndex,
        /// What it must accept now.
        accept: Vec<MacAddr>,
    },
    /// A new one.
    Open(WorkerPort),
}

/// The host's network devices.
pub trait Devices: Send + Sync {
    /// Checks a device and takes it from the kernel.
    fn prepare(&self, plan: &InterfacePlan) -> Result<Device, DeviceError>;

    /// A port for everything the device receives, shared with the other members of `fanout`.
    fn open(
        &self,
        plan: &InterfacePlan,
        device: Device,
        kind: PortKind,
        fanout: Option<Fanout>,
    ) -> io::Result<Box<dyn Port>>;

    /// A port that only sends.
    fn open_sender(&self, plan: &InterfacePlan, device: Device) -> io::Result<Box<dyn Port>>;

    /// Whether frames can pass now.
    fn link_state(&self, plan: &InterfacePlan) -> LinkState;
}

/// The devices of this host, or of the network namespace we run in.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostDevices;

impl Devices for HostDevices {
    fn prepare(&self, plan: &InterfacePlan) -> Result<Device, DeviceError> {
        device::prepare(plan)
    }

    fn open(
        &self,
        plan: &InterfacePlan,
        device: Device,
        kind: PortKind,
        fanout: Option<Fanout>,
    ) -> io::Result<Box<dyn Port>> {
        Ok(match kind {
            PortKind::Raw => Box::new(RawSocket::open(device.ifindex, fanout)?),
            PortKind::Pnet => Box::new(PnetPort::open(&plan.device, device.ifindex, fanout)?),
        })
    }

    fn open_sender(&self, _plan: &InterfacePlan, device: Device) -> io::Result<Box<dyn Port>> {
        Ok(Box::new(RawSocket::open_send_only(device.ifindex)?))
    }

    fn link_state(&self, plan: &InterfacePlan) -> LinkState {
        device::link_state(&plan.device)
    }
}

/// The MAC addresses, besides the device's own, that an interface must receive: virtual routers', and
/// the groups of its IPv6 addresses (RFC 4291 §2.8), which the kernel joins for nobody here.
pub fn accepted_macs(plan: &InterfacePlan) -> Vec<MacAddr> {
    let all_nodes = MacAddr([0x33, 0x33, 0, 0, 0, 1]);
    let mut macs: Vec<_> = plan
        .virtual_mac_v4
        .into_iter()
        .chain(plan.virtual_mac_v6)
        .collect();
    let addresses = plan
        .addresses
        .iter()
        .flat_map(|address| [Some(address.ip), address.utility])
        .flatten();
    for address in addresses {
        if let IpAddr::V6(v6) = address {
            macs.push(MacAddr::multicast_v6(solicited_node(v6)));
            macs.push(all_nodes);
        }
    }
    macs.sort_unstable();
    macs.dedup();
    macs
}

#[cfg(test)]
mod tests {
    use types::InterfaceAddress;

    use super::*;

    #[test]
    fn an_interface_accepts_its_virtual_macs_and_solicited_node_groups() {
        let plan = InterfacePlan {
            virtual_mac_v4: Some(MacAddr([0, 0, 0x5e, 0, 1, 7])),
            addresses: vec![InterfaceAddress {
                ip: "2001:db8::1".parse().unwrap(),
                prefix_len: 64,
                utility: Some("2001:db8::2".parse().unwrap()),
            }],
            ..InterfacePlan::default()
        };
        let macs: Vec<_> = accepted_macs(&plan)
            .iter()
            .map(MacAddr::to_string)
            .collect();
        assert_eq!(
            macs,
            [
                "00:00:5e:00:01:07",
                "33:33:00:00:00:01",
                "33:33:ff:00:00:01",
                "33:33:ff:00:00:02"
            ]
        );
    }
}
