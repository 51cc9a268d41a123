//! What the heartbeat thread tells the node.

use std::time::Duration;

use types::{Epoch, Instant, Name, NodeId};
use vrrp_machine::{Cause, StateName};

/// Something that others must know or record.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The group's state changed, and everything that follows at once has been done.
    Transition(Transition),
    /// The peer is Active too, under a lower epoch; it is told.
    Conflict {
        /// Our epoch.
        ours: Epoch,
        /// The peer's.
        theirs: Epoch,
    },
    /// The conflict is over and our addresses have been announced again.
    ConflictOver,
    /// We stay Active under a newer epoch.
    EpochRaised {
        /// The epoch until now.
        from: Epoch,
        /// The epoch from now on.
        to: Epoch,
    },
    /// The peer is Active by its own word, but its adverts reach no member.
    AdvertsUnheard {
        /// The peer.
        peer: NodeId,
    },
    /// A member's device gained or lost its link.
    LinkState {
        /// The device.
        device: String,
        /// Whether frames can pass.
        up: bool,
    },
    /// The peer became audible or silent on an HA link.
    HaLink {
        /// The link.
        name: Name,
        /// Whether it is heard.
        up: bool,
        /// The last round trip, when one was measured.
        rtt: Option<Duration>,
    },
    /// Our own thread woke too late; at most one report a second, of the worst.
    Lateness {
        /// How late.
        by: Duration,
        /// When it woke.
        at: Instant,
    },
}

/// A change of state with the moments that a failover's film shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transition {
    /// The state until now.
    pub from: StateName,
    /// The state from now on.
    pub to: StateName,
    /// The epoch that begins or ends, else the highest one known.
    pub epoch: Epoch,
    /// Why.
    pub cause: Cause,
    /// When the Active router was last heard, by advert or heartbeat.
    pub last_heard_at: Option<Instant>,
    /// When the first evidence for the cause came in.
    pub detected_at: Instant,
    /// When the decision fell.
    pub decided_at: Instant,
    /// When the gate opened or closed; `None` when it stayed as it was.
    pub gate_at: Option<Instant>,
    /// When the first gratuitous ARP or unsolicited NA had been sent.
    pub announced_at: Option<Instant>,
}
