//! What a redundancy group of this node is made from, and why one cannot be started.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use types::{Epoch, Giid, Name, NodeId, Vrid};
use vrrp_machine::{Family, InvalidGroup, InvalidInterval, ReservedPriority};
use wire::vrrp::ChecksumForm;

/// A redundancy group of this node.
#[derive(Clone, Debug)]
pub struct GroupPlan {
    /// This node.
    pub node: NodeId,
    /// The group's name.
    pub group: Name,
    /// Election weight, 1 to 254.
    pub priority: u8,
    /// Whether a better priority takes the role from a living peer.
    pub preempt: bool,
    /// `Advertisement_Interval` of every member, 10 ms to 40.95 s in steps of 10 ms.
    pub interval: Duration,
    /// The virtual routers that share one fate.
    pub members: Vec<MemberPlan>,
    /// The advert addresses of the peer, as far as the configuration knows them.
    pub peer_sources: Vec<IpAddr>,
    /// The other node, as far as it is known at the start; see [`crate::Handle::expect_peer`].
    pub peer: Option<NodeId>,
    /// The HA links.
    pub links: Vec<LinkPlan>,
    /// Time between two heartbeats; `None` chooses it by [`GroupPlan::default_heartbeat_interval`].
    pub heartbeat_interval: Option<Duration>,
    /// Signs the heartbeats. Both nodes have the same key or none.
    pub heartbeat_key: Option<[u8; 32]>,
    /// The cluster's name; heartbeats of another cluster or group are ignored.
    pub cluster: String,
    /// The highest epoch that this node remembers.
    pub initial_epoch: Epoch,
    /// How long after its start this node leaves the role to others.
    pub start_hold: Duration,
    /// What the checksum of IPv4 adverts covers; keepalived's default is the pseudo-header.
    pub checksum: ChecksumForm,
}

impl GroupPlan {
    /// Half an advertisement interval, and never more than 5 ms while adverts are fast.
    pub fn default_heartbeat_interval(interval: Duration) -> Duration {
        if interval <= Duration::from_millis(20) {
            Duration::from_millis(5)
        } else {
            interval / 2
        }
    }

    /// The time between two heartbeats.
    pub fn heartbeat_interval(&self) -> Duration {
        self.heartbeat_interval
            .unwrap_or_else(|| Self::default_heartbeat_interval(self.interval))
    }
}

/// One virtual router: a VRID of one family on one device.
#[derive(Clone, Debug)]
pub struct MemberPlan {
    /// The shared network-interface.
    pub giid: Giid,
    /// The Linux device that adverts leave by.
    pub device: String,
    /// Which virtual router.
    pub vrid: Vrid,
    /// Its addresses.
    pub addresses: Addresses,
}

/// The virtual addresses of one family, and where adverts come from.
#[derive(Clone, Debug)]
pub enum Addresses {
    /// IPv4.
    V4 {
        /// The utility address of this node on the interface.
        source: Ipv4Addr,
        /// The virtual addresses.
        addresses: Vec<Ipv4Addr>,
    },
    /// IPv6; adverts come from the link-local address that follows from the device's own MAC.
    V6 {
        /// The virtual addresses. Unless one of them is link-local, adverts begin with
        /// [`virtual_link_local`], as RFC 9568 §5.2.9 wants one.
        addresses: Vec<Ipv6Addr>,
    },
}

impl Addresses {
    /// Their family.
    pub const fn family(&self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }

    /// How many virtual addresses there are.
    pub const fn len(&self) -> usize {
        match self {
            Self::V4 { addresses, .. } => addresses.len(),
            Self::V6 { addresses } => addresses.len(),
        }
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The addresses in the order in which adverts carry them.
    #[must_use]
    pub(crate) fn advertised(self, vrid: Vrid) -> Self {
        match self {
            Self::V4 { .. } => self,
            Self::V6 { mut addresses } => {
                let first = addresses
                    .iter()
                    .position(Ipv6Addr::is_unicast_link_local)
                    .map_or_else(|| virtual_link_local(vrid), |at| addresses.remove(at));
                addresses.insert(0, first);
                Self::V6 { addresses }
            }
        }
    }
}

/// The virtual router's link-local address where the configuration has none: `fe80::5e00:2xx` with
/// the VRID as last byte. It resembles the virtual MAC for the reader's sake but is no interface
/// identifier made from it, which RFC 9568 §7.4 forbids.
pub const fn virtual_link_local(vrid: Vrid) -> Ipv6Addr {
    let [high, low] = [0x02, vrid.get()];
    Ipv6Addr::from_octets([
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x5e, 0x00, high, low,
    ])
}

/// One HA link: heartbeats travel between two UDP endpoints.
#[derive(Clone, Debug)]
pub struct LinkPlan {
    /// The link's name.
    pub name: Name,
    /// Our endpoint.
    pub local: SocketAddr,
    /// The peer's endpoint.
    pub remote: SocketAddr,
    /// The device that heartbeats must use.
    pub device: Option<String>,
}

/// Why a redundancy group did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// 0 and 255 mean something else.
    #[error("the group's priority is not usable")]
    Priority(#[source] ReservedPriority),
    /// Not an interval that an advert can carry.
    #[error("the group's interval is not usable")]
    Interval(#[source] InvalidInterval),
    /// No or too many members.
    #[error("the group's members are not usable")]
    Group(#[source] InvalidGroup),
    /// An advert carries 1 to 255 addresses.
    #[error("virtual router {vrid} on {device} has {count} addresses; 1 to 254 are possible")]
    Addresses {
        /// The device.
        device: String,
        /// The virtual router.
        vrid: Vrid,
        /// How many there are.
        count: usize,
    },
    /// The device does not exist or cannot be used.
    #[error("device {device} cannot be used for VRRP")]
    Device {
        /// The device.
        device: String,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// The socket of an HA link could not be made.
    #[error("HA link {link} from {local} cannot be opened")]
    Link {
        /// The link.
        link: Name,
        /// Its local endpoint.
        local: SocketAddr,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// The thread or its wake-up could not be made.
    #[error("the heartbeat thread cannot be started")]
    Thread(#[source] io::Error),
}
