//! What routing starts from.

use std::net::IpAddr;

use ipnet::IpNet;
use types::Giid;

/// A network-interface with the subnets it is connected to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectedInterface {
    /// The interface.
    pub interface: Giid,
    /// Its subnets; host bits are ignored.
    pub subnets: Vec<IpNet>,
}

/// A route typed by hand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StaticRoute {
    /// The destinations; host bits are ignored.
    pub prefix: IpNet,
    /// Administrative distance, 1 to 255.
    pub distance: u8,
    /// Where their packets go.
    pub target: StaticTarget,
}

/// Where a static route leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StaticTarget {
    /// To a neighbour on one of our subnets.
    Gateway {
        /// The neighbour.
        gateway: IpAddr,
        /// The interface it must be on; `None` means whichever is connected to it. A link-local
        /// gateway needs one.
        via: Option<Giid>,
    },
    /// To the destination itself on this interface's link.
    OnLink(Giid),
    /// Nowhere, on purpose.
    Blackhole,
}
