//! What a redundancy group wants done, in the order in which it must be done.

use core::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{Epoch, Instant, NodeId};

use super::event::MemberId;
use crate::advert::Priority;

/// One effect. The list's order is part of its meaning: the gate closes before a priority 0 leaves,
/// and opens before the first advert and announcement do.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Forward from now on, under this epoch.
    OpenGate(Epoch),
    /// Neither forward nor answer any more.
    CloseGate,
    /// Send one ADVERTISEMENT.
    Advertise {
        /// On whose device.
        member: MemberId,
        /// With which priority.
        priority: Priority,
    },
    /// Start the announcement schedule of a member's addresses (gratuitous ARP, unsolicited NA).
    Announce {
        /// Whose addresses.
        member: MemberId,
    },
    /// Send a heartbeat on every HA link without waiting for the next one's time.
    Heartbeat,
    /// Tell people and other parts of the node.
    Report(Report),
}

/// What people and other parts of the node should know.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// The group's state changed.
    Transition(Transition),
    /// The peer is Active too, under a lower epoch.
    Conflict {
        /// Our epoch, which wins.
        ours: Epoch,
        /// The peer's.
        theirs: Epoch,
    },
    /// The peer has noticed and is Active no longer.
    ConflictOver,
    /// We stay Active and claim a newer epoch, because a higher one than ours had been used.
    EpochRaised {
        /// The epoch until now.
        from: Epoch,
        /// The epoch from now on.
        to: Epoch,
    },
    /// The peer says over the HA link that it is Active, but no member hears its adverts.
    AdvertsUnheard {
        /// The peer.
        peer: NodeId,
    },
}

/// Name of a group's state.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
pub enum StateName {
    /// Not started or stopped.
    Initialize,
    /// Standby, ready.
    Backup,
    /// Forwarding.
    Active,
    /// A member's link is down.
    Fault,
}

impl StateName {
    /// The text that operators read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Backup => "backup",
            Self::Active => "active",
            Self::Fault => "fault",
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A change of the group's state, for the log and for the failover's film.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The state until now.
    pub from: StateName,
    /// The state from now on.
    pub to: StateName,
    /// The epoch that begins (to Active) or ends (from Active), else the highest one known.
    pub epoch: Epoch,
    /// Why.
    pub cause: Cause,
    /// When the Active router was last heard, by advert or heartbeat.
    pub last_heard_at: Option<Instant>,
    /// When the first evidence for the cause came in.
    pub detected_at: Instant,
    /// When the decision fell.
    pub decided_at: Instant,
}

/// Why a group's state changed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
pub enum Cause {
    /// The node started.
    Startup,
    /// The node stops in order.
    Shutdown,
    /// `Active_Down_Timer` of every member ran out.
    ActiveDownTimer,
    /// Heartbeats and adverts of the Active peer stopped.
    PeerSilent,
    /// The Active router sent priority 0.
    PriorityZero,
    /// The Active peer said over an HA link that it gives way.
    PeerReleased,
    /// A higher epoch than ours was claimed.
    HigherEpoch(Epoch),
    /// A router of a third party is better by the rules of VRRP.
    BetterRouter(IpAddr),
    /// The peer is better by priority and node number, and the HA links are silent.
    BetterPeer(NodeId),
    /// A member's link went down.
    LinkDown(MemberId),
    /// The last link that was down came back.
    LinkRestored,
    /// An operator handed the role over.
    Release,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Startup => f.write_str("startup"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ActiveDownTimer => f.write_str("adverts of the active router stopped"),
            Self::PeerSilent => f.write_str("heartbeats and adverts of the peer stopped"),
            Self::PriorityZero => f.write_str("the active router resigned"),
            Self::PeerReleased => f.write_str("the peer gave way"),
            Self::HigherEpoch(epoch) => write!(f, "epoch {epoch} is higher"),
            Self::BetterRouter(address) => write!(f, "router {address} is better"),
            Self::BetterPeer(node) => write!(f, "node {node} is better"),
            Self::LinkDown(member) => write!(f, "link of member {member} went down"),
            Self::LinkRestored => f.write_str("all links are back"),
            Self::Release => f.write_str("released by an operator"),
        }
    }
}
