//! What `show vrrp` and `show ha links` read: an immutable snapshot, replaced ten times a second and
//! at every transition.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use types::{Epoch, Giid, Instant, Name, NodeId, PeerState, Vrid};
use vrrp_machine::{AdvertInterval, Family, GroupState, StateName};

use crate::event::Transition;
use crate::frame::Invalid;

/// How the heartbeat thread is scheduled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scheduling {
    /// Real time, by this priority.
    Fifo(i32),
    /// Like everybody else, but in the shortest slices, because the kernel refused real time.
    ShortSlices {
        /// What the kernel said.
        refusal: String,
    },
    /// Like everybody else, because the kernel refused both.
    Normal {
        /// What the kernel said.
        refusal: String,
    },
}

/// The group.
#[derive(Clone, Debug)]
pub struct GroupStatus {
    /// Its name.
    pub group: Name,
    /// This node.
    pub node: NodeId,
    /// Its state.
    pub state: GroupState,
    /// The highest epoch known; while Active, ours.
    pub epoch: Epoch,
    /// Election weight.
    pub priority: u8,
    /// Whether a better priority takes the role from a living peer.
    pub preempt: bool,
    /// The last change of state.
    pub last_transition: Option<Transition>,
    /// How often the state changed.
    pub transitions: u64,
    /// What the peer said last, while it is heard.
    pub peer: Option<PeerStatus>,
    /// The virtual routers.
    pub members: Vec<MemberStatus>,
    /// The HA links.
    pub links: Vec<LinkStatus>,
    /// How the thread is scheduled.
    pub scheduling: Scheduling,
    /// How often the thread woke later than half an advertisement interval.
    pub late: u64,
    /// The worst lateness since the start.
    pub worst_lateness: Duration,
    /// When this snapshot was taken.
    pub at: Instant,
}

/// The other node, as it says over the HA links.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PeerStatus {
    /// Its number.
    pub node: NodeId,
    /// Its role.
    pub state: PeerState,
    /// Its epoch while Active, else the highest that it has seen.
    pub epoch: Epoch,
    /// Its election weight.
    pub priority: u8,
}

/// One virtual router.
#[derive(Clone, Debug)]
pub struct MemberStatus {
    /// The shared network-interface.
    pub giid: Giid,
    /// The Linux device.
    pub device: String,
    /// Which virtual router.
    pub vrid: Vrid,
    /// Of which family.
    pub family: Family,
    /// Its state, as RFC 9568 names it; Fault when its link is down.
    pub state: StateName,
    /// Whether the device's link is up.
    pub link_up: bool,
    /// Our election weight.
    pub priority: u8,
    /// The interval that it counts with: ours while Active, else the Active router's.
    pub interval: AdvertInterval,
    /// Where the Active router's adverts come from, as far as it has been heard.
    pub active_router: Option<IpAddr>,
    /// How often it became Active.
    pub became_active: u64,
    /// Adverts sent.
    pub adverts_sent: u64,
    /// Adverts that could not be sent.
    pub send_errors: u64,
    /// Valid adverts received.
    pub adverts_received: u64,
    /// Priority 0 received.
    pub resignations_received: u64,
    /// Frames not heard, by reason; reasons that never occurred are left out.
    pub invalid: Vec<(Invalid, u64)>,
    /// Adverts whose address list differs from ours.
    pub other_addresses: u64,
    /// Adverts whose IPv4 checksum covers the pseudo-header.
    pub pseudo_header_checksums: u64,
    /// Gratuitous ARPs and unsolicited NAs sent.
    pub announcements_sent: u64,
    /// When its state last changed.
    pub last_change: Option<Instant>,
}

/// One HA link.
#[derive(Clone, Debug)]
pub struct LinkStatus {
    /// Its name.
    pub name: Name,
    /// Our endpoint.
    pub local: SocketAddr,
    /// The peer's endpoint.
    pub remote: SocketAddr,
    /// Whether the peer is heard.
    pub up: bool,
    /// Whether the peer says that it hears us.
    pub peer_hears_us: bool,
    /// The smoothed round trip.
    pub rtt: Option<Duration>,
    /// Heartbeats sent.
    pub sent: u64,
    /// Heartbeats that could not be sent.
    pub send_errors: u64,
    /// Heartbeats taken.
    pub received: u64,
    /// Heartbeats of the peer that did not arrive.
    pub lost: u64,
    /// Datagrams that were no heartbeat of our pair, or an old one.
    pub refused: u64,
}

impl LinkStatus {
    /// The share of the peer's heartbeats that did not arrive, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn loss(&self) -> f64 {
        let expected = self.received + self.lost;
        if expected == 0 {
            0.0
        } else {
            self.lost as f64 / expected as f64
        }
    }
}
