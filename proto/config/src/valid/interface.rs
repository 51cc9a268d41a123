//! Ports, virtual routers, addresses.

use core::time::Duration;
use std::net::IpAddr;

use types::{Giid, InterfaceAddress, MacAddr, Name, Vrid};

/// A port of one node.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeviceInterface {
    /// The device-interface's name.
    pub name: Name,
    /// The Linux network device behind it.
    pub interface_name: String,
    /// The virtual MAC that replaces VRRP's own; the same on both nodes.
    pub shared_phys_address: Option<MacAddr>,
    /// The virtual router that answers for its addresses; `None` when it is not shared.
    pub vrrp: Option<Vrrp>,
    /// Its logical interfaces.
    pub network_interfaces: Vec<NetworkInterface>,
}

impl DeviceInterface {
    /// Whether its addresses move between two machines.
    pub const fn is_shared(&self) -> bool {
        self.vrrp.is_some()
    }

    /// The MAC address that IPv4 neighbours learn; `None` means the device's own.
    pub fn virtual_mac_v4(&self) -> Option<MacAddr> {
        let vrrp = self.vrrp?;
        Some(
            self.shared_phys_address
                .unwrap_or(MacAddr::virtual_v4(vrrp.vrid)),
        )
    }

    /// The MAC address that IPv6 neighbours learn; `None` means the device's own.
    pub fn virtual_mac_v6(&self) -> Option<MacAddr> {
        let vrrp = self.vrrp?;
        Some(
            self.shared_phys_address
                .unwrap_or(MacAddr::virtual_v6(vrrp.vrid)),
        )
    }
}

/// A virtual router (RFC 9568) on a device-interface, for IPv4 and IPv6 alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Vrrp {
    /// Its identifier on the link.
    pub vrid: Vrid,
    /// Election weight, 1 to 254; the higher one wins.
    pub priority: u8,
    /// Time between two advertisements, 10 ms to 40.95 s in steps of 10 ms.
    pub interval: Duration,
    /// Whether a better node takes over from a healthy one.
    pub preempt: bool,
}

/// A logical interface.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NetworkInterface {
    /// The network-interface's name, unique on its node.
    pub name: Name,
    /// Its global id: the same on both halves of a shared interface, unique otherwise.
    pub giid: Giid,
    /// What it is for.
    pub kind: InterfaceKind,
    /// Largest IP packet that leaves in one piece.
    pub mtu: u16,
    /// Whose traffic arrives here; `None` is the global tenant.
    pub tenant: Option<Name>,
    /// The neighborhoods it is in, for tenants that are known by their senders' addresses.
    pub neighborhoods: Vec<Name>,
    /// Whether sessions that leave here get this interface's address.
    pub source_nat: bool,
    /// Its addresses; at least one.
    pub addresses: Vec<Address>,
}

/// What a network-interface is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InterfaceKind {
    /// It carries sessions to and from others.
    External,
}

/// An address of a network-interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Address {
    /// Address, subnet and, on a shared interface, this node's own address.
    pub interface: InterfaceAddress,
    /// The neighbour for sessions that leave here without a route of their own.
    pub gateway: Option<IpAddr>,
}
