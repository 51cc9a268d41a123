//! What can happen to a redundancy group, and what it is made from.

use core::fmt;
use core::time::Duration;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{Epoch, NodeId, PeerState, Vrid};

use crate::advert::{Advert, Family, Priority};
use crate::timers::AdvertInterval;

/// A member's place in its group's plan.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct MemberId(pub u8);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One virtual router of the group.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct MemberPlan {
    /// Which virtual router.
    pub vrid: Vrid,
    /// Of which family.
    pub family: Family,
    /// The address that our adverts come from.
    pub source: IpAddr,
}

/// What an operator decides about a redundancy group.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct GroupPlan {
    /// This node.
    pub node: NodeId,
    /// Our weight in every member; the group has no owner, its addresses belong to both nodes.
    pub priority: Priority,
    /// Whether a better priority takes the role from a living peer.
    pub preempt_mode: bool,
    /// `Advertisement_Interval` of every member.
    pub interval: AdvertInterval,
    /// The virtual routers that share one fate.
    pub members: Vec<MemberPlan>,
    /// The peer's advert addresses, as far as the configuration knows them; more are learnt.
    pub peer_sources: Vec<IpAddr>,
    /// The highest epoch that this node remembers.
    pub initial_epoch: Epoch,
    /// How long after its start this node leaves the role to others.
    pub start_hold: Duration,
}

/// Why no group can be made from a plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidGroup {
    /// A group without members has nothing to own.
    #[error("a redundancy group needs at least one virtual router")]
    NoMembers,
    /// More members than a [`MemberId`] can number.
    #[error("{0} virtual routers are more than a redundancy group can have (255)")]
    TooManyMembers(usize),
    /// 0 and 255 mean something else on the wire.
    #[error("a redundancy group's priority is 1 to 254, not {0}")]
    ReservedPriority(Priority),
}

/// Whether a peer that was Active and now says this has left the addresses to us.
pub(super) const fn gives_way(state: PeerState) -> bool {
    match state {
        PeerState::Initialize | PeerState::Fault | PeerState::Released => true,
        PeerState::Backup | PeerState::Active => false,
    }
}

/// A heartbeat's content, as far as the election reads it. We send the same about ourselves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PeerClaim {
    /// The sender.
    pub node: NodeId,
    /// Its role.
    pub state: PeerState,
    /// The epoch under which it is Active, else the highest that it has seen.
    pub epoch: Epoch,
    /// Its weight.
    pub priority: Priority,
    /// Whether it hears our heartbeats, too.
    pub hears_us: bool,
}

/// What can happen to a group.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The process is ready; links that are up have been reported.
    Startup,
    /// The process ends in order.
    Shutdown,
    /// Time has passed and everything that had arrived by then has been handed over.
    Tick,
    /// A valid advert of another router reached a member.
    Heard {
        /// Where it came in.
        member: MemberId,
        /// What it says.
        advert: Advert,
    },
    /// A member's device has a carrier and is up.
    LinkUp(MemberId),
    /// A member's device lost its carrier or was taken down.
    LinkDown(MemberId),
    /// The advert addresses of the peer, learnt over an HA link.
    PeerSources(Vec<IpAddr>),
    /// A heartbeat came in.
    PeerHeartbeat(PeerClaim),
    /// No heartbeat on any HA link for the detection time.
    PeerSilent,
    /// Somebody else (the cluster's log) knows of this epoch.
    SeenEpoch(Epoch),
    /// An operator hands the role over.
    Release,
    /// Our own thread woke this much too late: its silence is not the peer's.
    Late(Duration),
}
