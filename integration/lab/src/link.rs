//! Links: a switch with ports, wires between two hosts, and ways to cut them.
//!
//! ```text
//! host ─ lan0 ══════ port ─┐
//!                          ├─ bridge        a switch holds all its bridges in one namespace, so
//! host ─ lan0 ══════ port ─┘                that several links can be cut in one visit
//! ```

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, Ordering};

use types::MacAddr;

use crate::host::{Change, Host, HostError, Unknown, VethEnd};

/// How a link fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// The switch's port goes down: the host loses its carrier.
    Carrier,
    /// The host's device is set down: the switch loses its carrier.
    Device,
    /// Frames vanish while both ends believe that all is well.
    Silent,
}

/// A host's link to a switch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Port {
    name: String,
    bridge: String,
    device: String,
    unknown: Unknown,
}

/// How a host is to be wired to a switch.
#[derive(Clone, Copy, Debug)]
pub struct Plug<'a> {
    /// The bridge.
    pub bridge: &'a str,
    /// The device's name at the host.
    pub device: &'a str,
    /// Its address; the kernel's random one without.
    pub mac: Option<MacAddr>,
    /// What it gets of frames for nobody in particular.
    pub unknown: Unknown,
}

impl<'a> Plug<'a> {
    /// An ordinary one, with a random address.
    pub const fn new(bridge: &'a str, device: &'a str) -> Self {
        Self {
            bridge,
            device,
            mac: None,
            unknown: Unknown::Flood,
        }
    }
}

/// Bridges in a namespace of their own.
#[derive(Debug)]
pub struct Switch {
    host: Host,
    next_index: AtomicU32,
}

/// Interface indices at the switch start here. The kernel reports a lost carrier at once only when a
/// device's index differs from its peer's; with equal ones (easily so between fresh namespaces) it
/// takes its time, up to a second.
const FIRST_INDEX: u32 = 1000;

impl Switch {
    /// A switch without bridges.
    pub fn new(name: &str) -> Result<Self, HostError> {
        let host = Host::new(name)?;
        // A switch says nothing of its own.
        host.set("ipv6.conf.all.disable_ipv6", "1")?;
        host.set("ipv6.conf.default.disable_ipv6", "1")?;
        Ok(Self {
            host,
            next_index: AtomicU32::new(FIRST_INDEX),
        })
    }

    /// The namespace.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Adds a bridge: one broadcast domain.
    pub fn bridge(&self, name: &str) -> Result<(), HostError> {
        self.host.apply(&[Change::Bridge(name)])
    }

    /// Wires `host` to a bridge, up at both ends, with plain frames at the host's.
    pub fn connect(&self, host: &Host, plug: Plug<'_>) -> Result<Port, HostError> {
        let Plug {
            bridge,
            device,
            mac,
            unknown,
        } = plug;
        let index = self.next_index.fetch_add(1, Ordering::Relaxed);
        let name = format!("p{index}");
        self.host.apply(&[
            Change::Veth {
                here: VethEnd {
                    device: &name,
                    index: Some(index),
                    mac: None,
                },
                there: VethEnd {
                    device,
                    index: None,
                    mac,
                },
                namespace: host.netns().as_fd(),
            },
            Change::Join {
                device: &name,
                bridge,
                unknown,
            },
            Change::Up(&name),
        ])?;
        host.plain_frames(device)?;
        host.apply(&[Change::Up(device)])?;
        Ok(Port {
            name,
            bridge: bridge.to_owned(),
            device: device.to_owned(),
            unknown,
        })
    }

    /// Cuts the links at `ports`, all in one visit, by their carriers.
    pub fn cut_carriers<'a>(
        &self,
        ports: impl IntoIterator<Item = &'a Port>,
    ) -> Result<(), HostError> {
        let downs: Vec<_> = ports
            .into_iter()
            .map(|port| Change::Down(&port.name))
            .collect();
        self.host.apply(&downs)
    }

    /// Cuts the link of `host` at `port`.
    pub fn cut(&self, host: &Host, port: &Port, cut: Cut) -> Result<(), HostError> {
        match cut {
            Cut::Carrier => self.host.apply(&[Change::Down(&port.name)]),
            Cut::Device => host.apply(&[Change::Down(&port.device)]),
            Cut::Silent => self.host.apply(&[Change::Leave(&port.name)]),
        }
    }

    /// Undoes every kind of cut. A host's IPv6 addresses and routes through the device do not
    /// survive [`Cut::Device`]: the kernel drops them with the device.
    pub fn restore(&self, host: &Host, port: &Port) -> Result<(), HostError> {
        self.host.apply(&[
            Change::Join {
                device: &port.name,
                bridge: &port.bridge,
                unknown: port.unknown,
            },
            Change::Up(&port.name),
        ])?;
        host.apply(&[Change::Up(&port.device)])
    }
}

/// A direct wire between two hosts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wire {
    device: String,
}

impl Wire {
    /// Makes a wire whose ends are called `device` at both hosts, up, with plain frames.
    pub fn between(one: &Host, other: &Host, device: &str) -> Result<Self, HostError> {
        one.apply(&[Change::Veth {
            // See FIRST_INDEX.
            here: VethEnd {
                device,
                index: Some(FIRST_INDEX),
                mac: None,
            },
            there: VethEnd {
                device,
                index: None,
                mac: None,
            },
            namespace: other.netns().as_fd(),
        }])?;
        for host in [one, other] {
            host.plain_frames(device)?;
            host.apply(&[Change::Up(device)])?;
        }
        Ok(Self {
            device: device.to_owned(),
        })
    }

    /// Cuts it at `host`'s end; the other end loses its carrier.
    pub fn cut(&self, host: &Host) -> Result<(), HostError> {
        host.apply(&[Change::Down(&self.device)])
    }

    /// Undoes [`Wire::cut`] at the same host.
    pub fn restore(&self, host: &Host) -> Result<(), HostError> {
        host.apply(&[Change::Up(&self.device)])
    }
}
