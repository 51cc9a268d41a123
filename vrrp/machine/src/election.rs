//! Who is right when two routers are Active: three rules for three kinds of rivals.
//!
//! A third party knows only VRRP, so priority and address decide (RFC 9568 §6.4.3). Our own pair
//! has epochs, which say who took the role last. When the pair's HA links are silent the epoch of
//! the rival is unknown; then priority and node decide, the same for every member of the group:
//! addresses could name one winner on the LAN and the other one on the WAN.

use core::cmp::Ordering;
use std::net::IpAddr;

use types::{Epoch, NodeId};

use crate::advert::Priority;

/// The verdict of one comparison, seen from here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// We stay Active.
    Stay,
    /// The other router is Active.
    Yield,
}

const fn verdict(ours_to_theirs: Ordering) -> Verdict {
    match ours_to_theirs {
        Ordering::Less => Verdict::Yield,
        Ordering::Equal | Ordering::Greater => Verdict::Stay,
    }
}

/// RFC 9568 §6.4.3: the higher priority, then the greater address. Two addresses of one family
/// compare as unsigned numbers in network order, which is what `IpAddr` does.
pub fn by_vrrp(ours: (Priority, IpAddr), theirs: (Priority, IpAddr)) -> Verdict {
    verdict(ours.cmp(&theirs))
}

/// The epoch that was claimed later is right, whatever the priorities are.
pub fn by_epoch(ours: Epoch, theirs: Epoch) -> Verdict {
    verdict(ours.cmp(&theirs))
}

/// The pair without its HA links: the higher priority, then the greater node number.
pub fn by_node(ours: (Priority, NodeId), theirs: (Priority, NodeId)) -> Verdict {
    verdict(ours.cmp(&theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_break_ties_as_unsigned_numbers() {
        let priority = Priority::received(100);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let (low, high) = (address("192.0.2.9"), address("192.0.2.200"));
        assert_eq!(by_vrrp((priority, low), (priority, high)), Verdict::Yield);
        assert_eq!(by_vrrp((priority, high), (priority, low)), Verdict::Stay);
        let better = Priority::received(101);
        assert_eq!(by_vrrp((better, low), (priority, high)), Verdict::Stay);
    }
}
