//! A resolved neighbour as it is replicated, so that a takeover asks nobody.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::Giid;
use crate::net::MacAddr;

/// Who answers for an address on an interface (ARP, RFC 826; ND, RFC 4861).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct NeighborRecord {
    /// Where the neighbour lives.
    pub interface: Giid,
    /// Its address.
    pub ip: IpAddr,
    /// Its MAC address.
    pub mac: MacAddr,
}
