//! One neighbour and its state (RFC 4861 §7.3.2, without DELAY: nothing above us confirms anything,
//! so waiting for it would only make verification later).

use std::net::IpAddr;

use types::{Giid, Instant, MacAddr};

/// Which neighbour.
pub(crate) type Key = (Giid, IpAddr);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    pub(crate) state: State,
    /// We send to it. Entries of those that only asked us give way to it.
    pub(crate) needed: bool,
    /// When it was last told something about it.
    pub(crate) heard_at: Instant,
    /// When the machine has to look at it.
    pub(crate) deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// Asked everybody this many times.
    Incomplete { asked: u8 },
    /// Confirmed a short while ago.
    Reachable(MacAddr),
    /// Used without confirmation.
    Stale(MacAddr),
    /// In use and being confirmed: asked this many times.
    Probe { mac: MacAddr, asked: u8 },
}

impl State {
    pub(crate) const fn mac(self) -> Option<MacAddr> {
        match self {
            Self::Incomplete { .. } => None,
            Self::Reachable(mac) | Self::Stale(mac) | Self::Probe { mac, .. } => Some(mac),
        }
    }
}
