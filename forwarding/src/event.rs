//! What the data plane tells the node.

use std::net::IpAddr;

use types::{Epoch, Instant, NeighborRecord, SessionChange};

/// News for `replicate` and the failover film. Batches, so that a burst of sessions is few messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// Sessions this node opened, changed or ended while active. Offered again until it is taken.
    Sessions(Vec<SessionChange>),
    /// Neighbours this node learned while active. Offered again until it is taken.
    Neighbors(Vec<NeighborRecord>),
    /// The port blocks of an address run out: grant more.
    NatBlocksLow {
        /// The address.
        address: IpAddr,
    },
    /// The first packet under a new epoch was given to its device.
    FirstPacket {
        /// The epoch.
        epoch: Epoch,
        /// When.
        at: Instant,
    },
}
