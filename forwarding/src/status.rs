//! What operators see of the data plane.

use types::{DropReason, Giid, MacAddr, Name};

use crate::device::LinkState;
use crate::port::PortKind;

/// An interface's part in redundancy, now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InterfaceRole {
    /// Its addresses belong to this node alone.
    Unshared,
    /// This node answers for its addresses.
    Active,
    /// The peer answers for its addresses.
    Standby,
}

impl InterfaceRole {
    /// The word operators read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unshared => "unshared",
            Self::Active => "active",
            Self::Standby => "standby",
        }
    }
}

/// A row of `show interfaces`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InterfaceStatus {
    /// The operators' name.
    pub name: Name,
    /// The Linux device.
    pub device: String,
    /// Its id.
    pub giid: Giid,
    /// The device's MAC address.
    pub mac: MacAddr,
    /// The virtual MAC address for IPv4, else the one for IPv6.
    pub virtual_mac: Option<MacAddr>,
    /// Administrative and operational state.
    pub link: LinkState,
    /// Its part in redundancy.
    pub role: InterfaceRole,
    /// What carries its frames.
    pub port: PortKind,
    /// Traffic.
    pub traffic: Traffic,
}

/// Sums over all workers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Frames received.
    pub rx_packets: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Received frames that ended here.
    pub rx_drops: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Frames the device did not take.
    pub tx_drops: u64,
}

/// A row of `show drops`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DropCount {
    /// Why; it knows its name and its help.
    pub reason: DropReason,
    /// How many packets.
    pub count: u64,
}

/// A row of the processors' table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessorStatus {
    /// The thread's name.
    pub thread: &'static str,
    /// Sessions in its shard.
    pub sessions: u64,
    /// Frames it has processed.
    pub packets: u64,
    /// Packets of sessions it has sent on.
    pub forwarded: u64,
    /// Frames it has handed over to other processors.
    pub handed_over: u64,
    /// Frames of other processors that wait for it.
    pub queue_depth: usize,
    /// Frames that wait for a neighbour.
    pub waiting: u64,
}

/// Sums over all processors.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Sessions in the table.
    pub sessions: u64,
    /// Sessions opened by packets here.
    pub opened: u64,
    /// Session changes taken over from the cluster.
    pub installed: u64,
    /// Frames processed.
    pub packets: u64,
    /// Packets of sessions sent on.
    pub forwarded: u64,
    /// Packets that ended here.
    pub dropped: u64,
    /// Times a replication batch was refused and offered again.
    pub replication_refused: u64,
    /// Equal on two nodes that hold the same sessions in the same versions.
    pub digest: u64,
}
