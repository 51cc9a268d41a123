//! What the machine is told and what it wants done.

use core::time::Duration;
use std::net::IpAddr;

use types::{Giid, MacAddr, NeighborRecord};

/// Bounds and times.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Entries at most, over all interfaces.
    pub max_entries: usize,
    /// How long an answer counts.
    pub reachable: Duration,
    /// Between two questions.
    pub retransmit: Duration,
}

/// RFC 4861 §10's times, and room for a /20 full of neighbours.
impl Default for Settings {
    fn default() -> Self {
        Self {
            max_entries: 4096,
            reachable: Duration::from_secs(30),
            retransmit: Duration::from_secs(1),
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// A packet wants to go there and its sender knows no MAC address.
    Needed {
        /// Where.
        interface: Giid,
        /// To whom.
        ip: IpAddr,
    },
    /// The known MAC address is in use. Tell it now and then, such as once a second, not for each packet.
    Used {
        /// Where.
        interface: Giid,
        /// To whom.
        ip: IpAddr,
    },
    /// Somebody said that `ip` is at `mac`.
    Heard {
        /// Where.
        interface: Giid,
        /// Who.
        ip: IpAddr,
        /// At which address.
        mac: MacAddr,
        /// How.
        kind: Heard,
    },
    /// The cluster knows this neighbour.
    Installed(NeighborRecord),
    /// A deadline may have passed.
    Tick,
    /// The link lost its carrier.
    LinkDown(Giid),
}

/// How an address was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// An ARP reply to us, or a solicited advertisement with the override flag.
    Reply,
    /// A solicited advertisement without the override flag.
    ReplyWithoutOverride,
    /// It asked for one of our addresses.
    Request,
    /// Unasked: a gratuitous ARP, or an unsolicited advertisement with the override flag.
    Gratuitous,
}

/// What to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Ask for the address.
    Solicit {
        /// Where.
        interface: Giid,
        /// Whose.
        ip: IpAddr,
        /// Ask this MAC address alone; `None` asks everybody (broadcast, or the solicited-node group).
        unicast: Option<MacAddr>,
    },
    /// New or changed: use it, send what waits for it and, on the active node, replicate it.
    Learned(NeighborRecord),
    /// Nobody answers: drop what waits, forget the MAC address.
    Unreachable {
        /// Where.
        interface: Giid,
        /// Who.
        ip: IpAddr,
    },
    /// Forget the MAC address, for the link went down or others need the place; when it is needed
    /// again, ask again.
    Forget {
        /// Where.
        interface: Giid,
        /// Whose.
        ip: IpAddr,
    },
}
