//! One entry of the FIB and what it says about a destination.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use types::{Giid, Hop};

/// Where a prefix leaves.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Route {
    /// The destinations; host bits are zero.
    pub prefix: IpNet,
    /// What happens to their packets.
    pub target: Target,
    /// Who says so.
    pub origin: Origin,
    /// Administrative distance; the lowest of one prefix is in the FIB.
    pub distance: u8,
}

/// What happens to packets of a route.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Target {
    /// They leave by an interface.
    Hop {
        /// Egress network-interface.
        interface: Giid,
        /// The neighbour that gets them; `None` when the destination itself is on link.
        gateway: Option<IpAddr>,
    },
    /// They are dropped on purpose.
    Blackhole,
}

/// Who put a route into the FIB. The order breaks ties between equal distances.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Origin {
    /// A subnet of one of our interfaces.
    Connected,
    /// Typed by hand.
    Static,
}

impl Origin {
    /// The name operators read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Static => "static",
        }
    }
}

impl Route {
    /// Egress interface and neighbour for `destination`; `None` for a blackhole.
    pub fn hop(&self, destination: IpAddr) -> Option<Hop> {
        match self.target {
            Target::Hop { interface, gateway } => Some(Hop {
                interface,
                neighbor: gateway.unwrap_or(destination),
            }),
            Target::Blackhole => None,
        }
    }
}
