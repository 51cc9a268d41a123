//! Why a packet ended here. A packet never just vanishes: each reason is a counter, a column of
//! `show drops` and a line in docs/operate/drop-reasons.md.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

macro_rules! drop_reasons {
    ($($variant:ident $text:literal $help:literal,)*) => {
        /// Why a packet was dropped.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum DropReason { $(#[doc = $help] $variant,)* }

        impl DropReason {
            /// Every reason, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name operators read, such as `no-route`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// One line for people who wonder what it means.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }
        }
    };
}

// One macro, because variant, text and help must never drift apart.
drop_reasons! {
    Standby "standby" "This node is standby for the interface: its peer forwards.",
    NotForUs "not-for-us" "The frame's destination MAC is neither ours nor a group we listen to.",
    UnknownEtherType "unknown-ethertype" "Neither IPv4, IPv6 nor ARP.",
    Malformed "malformed" "A header is truncated, contradicts itself or has a wrong length.",
    BadChecksum "bad-checksum" "The checksum of an IPv4 header, an ICMP error or a neighbour discovery message is wrong.",
    MartianSource "martian-source" "The source address can never be a sender (multicast, loopback, our own).",
    MartianDestination "martian-destination" "The destination address is never routed (loopback, link-local, unspecified).",
    Multicast "multicast" "Multicast or broadcast that no actor here listens to.",
    UnsupportedProtocol "unsupported-protocol" "An IP protocol that sessions do not carry (not TCP, UDP, ICMP).",
    UnsupportedExtension "unsupported-extension" "An IPv6 extension header that a router must not pass, or a source route.",
    NoService "no-service" "No service covers the destination address and port.",
    AccessDenied "access-denied" "The service's access policy does not admit the tenant.",
    NoRoute "no-route" "The service has no usable service-route and the FIB has no route.",
    TtlExceeded "ttl-exceeded" "TTL or hop limit ran out here; the sender was told by ICMP.",
    TooBig "too-big" "Larger than the egress MTU and must not be fragmented; the sender was told by ICMP.",
    MidFlowTcp "mid-flow-tcp" "TCP of a session that is not in the table and does not begin with SYN.",
    SessionAwaited "session-awaited" "The same while the cluster may still tell this node of the session; no reset is sent, the sender tries again.",
    InvalidTcp "invalid-tcp" "TCP flags that no connection sends together.",
    UnsolicitedIcmp "unsolicited-icmp" "An ICMP error or reply that belongs to no session.",
    UnsolicitedInbound "unsolicited-inbound" "Traffic to a translated address that no session expects.",
    NatExhausted "nat-exhausted" "No free port is left in this node's blocks of the address.",
    SessionTableFull "session-table-full" "The session table has reached its limit.",
    NeighborPending "neighbor-pending" "Too many packets already wait for this neighbour's MAC address.",
    NeighborUnreachable "neighbor-unreachable" "The next hop did not answer ARP or neighbour solicitation.",
    FragmentTableFull "fragment-table-full" "Too many fragmented datagrams at once.",
    FragmentWithoutFirst "fragment-without-first" "A later fragment whose first never came in time.",
    QueueFull "queue-full" "A session processor's queue was full; the sender will retransmit.",
    QueueTimeout "queue-timeout" "The packet waited longer than its limit for a session processor.",
    EgressFull "egress-full" "The interface's transmit queue did not take the frame.",
    EgressDown "egress-down" "The egress interface is down.",
    IcmpRateLimited "icmp-rate-limited" "An ICMP error that was due was not sent: the limiter said no.",
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A counter for each reason; one writer, many readers. Never decreases.
#[derive(Debug)]
pub struct DropCounters([AtomicU64; DropReason::ALL.len()]);

impl Default for DropCounters {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; DropReason::ALL.len()])
    }
}

impl DropCounters {
    /// One more packet ended for `reason`.
    pub fn count(&self, reason: DropReason) {
        if let Some(counter) = self.0.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many packets ended for `reason`.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0
            .get(reason as usize)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Every reason with its count, in the order of the enum.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL
            .iter()
            .map(|reason| (*reason, self.get(*reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_and_a_name_of_its_own() {
        let counters = DropCounters::default();
        for reason in DropReason::ALL {
            counters.count(*reason);
        }
        assert!(counters.iter().all(|(_, count)| count == 1));
        let mut names: Vec<_> = DropReason::ALL
            .iter()
            .map(|reason| reason.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DropReason::ALL.len());
    }
}
