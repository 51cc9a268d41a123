//! (signatures; bodies follow) ARP (RFC 826) and neighbour discovery (RFC 4861 §7), as one machine.
#![expect(
    unused_variables,
    clippy::unused_self,
    clippy::needless_pass_by_ref_mut,
    clippy::needless_pass_by_value,
    reason = "signatures first"
)]
use core::time::Duration;
use std::net::IpAddr;

use ipnet::IpNet;
use types::{Giid, Instant, MacAddr, NeighborRecord};

/// Bounds and times.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Entries at most, over all interfaces.
    pub max_entries: usize,
    /// How long an answer counts (RFC 4861 §10: 30 s).
    pub reachable: Duration,
    /// Between two solicitations (RFC 4861 §10: 1 s).
    pub retransmit: Duration,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// A packet wants to go there and no MAC address is known.
    Needed {
        /// Where.
        interface: Giid,
        /// Whom.
        ip: IpAddr,
    },
    /// The known MAC address is in use (tell now and then, not for each packet).
    Used {
        /// Where.
        interface: Giid,
        /// Whom.
        ip: IpAddr,
    },
    /// Somebody said that `ip` is at `mac`.
    Heard {
        /// Where.
        interface: Giid,
        /// Who.
        ip: IpAddr,
        /// Its MAC address.
        mac: MacAddr,
        /// How.
        kind: Heard,
    },
    /// A record of the node that was active; usable at once.
    Installed(NeighborRecord),
    /// A timer is due.
    Tick,
    /// The link lost its carrier.
    LinkDown(Giid),
}

/// How an address was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// ARP reply to us, or a solicited advertisement with the override flag.
    Reply,
    /// A solicited advertisement without the override flag (RFC 4861 §7.2.5).
    ReplyWithoutOverride,
    /// It asked for one of our addresses.
    Request,
    /// Unasked: gratuitous ARP, or an unsolicited advertisement with the override flag.
    Gratuitous,
}

/// What to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Ask for the address: by broadcast or solicited-node multicast, or this MAC address alone.
    Solicit {
        /// Where.
        interface: Giid,
        /// Whom.
        ip: IpAddr,
        /// `Some`: ask it directly.
        unicast: Option<MacAddr>,
    },
    /// New or changed: use, publish, replicate.
    Learned(NeighborRecord),
    /// It did not answer: drop what waits, forget its MAC address.
    Unreachable {
        /// Where.
        interface: Giid,
        /// Whom.
        ip: IpAddr,
    },
    /// Forget its MAC address (link down, table full); ask again when it is needed.
    Forget {
        /// Where.
        interface: Giid,
        /// Whom.
        ip: IpAddr,
    },
}

/// The neighbours of all interfaces.
#[derive(Debug)]
pub struct Neighbors;

impl Neighbors {
    /// Knows nobody.
    pub fn new(settings: Settings) -> Self {
        Self
    }
    /// The subnets of an interface: nobody outside of them is learned from a mere request.
    pub fn set_subnets(&mut self, interface: Giid, subnets: Vec<IpNet>) {}
    /// Feeds the machine.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        Vec::new()
    }
    /// When `Tick` is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }
    /// The MAC address of a neighbour, when one is known.
    pub fn lookup(&self, interface: Giid, ip: IpAddr) -> Option<MacAddr> {
        None
    }
    /// All known neighbours.
    pub fn iter(&self) -> impl Iterator<Item = NeighborRecord> {
        core::iter::empty()
    }
}
