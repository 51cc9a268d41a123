//! Devices that are no host's.

use std::io;
use std::sync::Arc;

use forwarding::port::{FakeWire, Fanout, Port};
use forwarding::ports::Devices;
use forwarding::{Device, DeviceError, InterfacePlan, LinkState, PortKind};
use types::MacAddr;

use crate::support::{DMZ_DEVICE, LAN_DEVICE, WAN_DEVICE};

/// Devices whose other ends the test holds. Workers of one device share its wire, as a fan-out
/// group shares a socket: each frame goes to whoever takes it.
#[derive(Clone)]
pub(crate) struct FakeDevices {
    wires: Arc<Vec<(&'static str, MacAddr, FakeWire)>>,
}

impl FakeDevices {
    pub(crate) fn new() -> Self {
        let wire = |name, mac| (name, mac, FakeWire::new().unwrap());
        Self {
            wires: Arc::new(vec![
                wire("fake-lan", LAN_DEVICE),
                wire("fake-wan", WAN_DEVICE),
                wire("fake-dmz", DMZ_DEVICE),
            ]),
        }
    }

    pub(crate) fn wire(&self, device: &str) -> &FakeWire {
        let mut wires = self.wires.iter();
        &wires.find(|(name, _, _)| *name == device).unwrap().2
    }
}

impl Devices for FakeDevices {
    fn prepare(&self, plan: &InterfacePlan) -> Result<Device, DeviceError> {
        let found = self
            .wires
            .iter()
            .zip(1..)
            .find(|((name, _, _), _)| *name == plan.device);
        found
            .map(|((_, mac, _), ifindex)| Device { ifindex, mac: *mac })
            .ok_or_else(|| DeviceError::Missing {
                device: plan.device.clone(),
            })
    }

    fn open(
        &self,
        plan: &InterfacePlan,
        _device: Device,
        _kind: PortKind,
        _fanout: Option<Fanout>,
    ) -> io::Result<Box<dyn Port>> {
        Ok(Box::new(self.wire(&plan.device).port()))
    }

    fn open_sender(&self, plan: &InterfacePlan, _device: Device) -> io::Result<Box<dyn Port>> {
        Ok(Box::new(self.wire(&plan.device).port()))
    }

    fn link_state(&self, _plan: &InterfacePlan) -> LinkState {
        LinkState {
            admin_up: true,
            oper_up: true,
        }
    }
}
