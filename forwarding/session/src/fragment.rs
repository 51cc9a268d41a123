//! Lets the later fragments of a datagram find the session of its first one.
//!
//! Only a first fragment carries ports. The tracker remembers its flow under what all fragments share;
//! what comes before its first is told to wait. It holds no frames: the caller does, within its own
//! bound.

use core::time::Duration;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use types::{FlowKey, Instant, Protocol};

/// What all fragments of one datagram have in common (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FragmentKey {
    /// Sender.
    pub src: IpAddr,
    /// Destination.
    pub dst: IpAddr,
    /// Identification.
    pub id: u32,
    /// Protocol; IPv6 does not need it, and it does no harm there.
    pub protocol: Protocol,
}

/// Bounds of a tracker.
#[derive(Clone, Copy, Debug)]
pub struct FragmentLimits {
    /// Datagrams remembered at once.
    pub datagrams: usize,
    /// How long a datagram is remembered after its first fragment of any kind came.
    pub lifetime: Duration,
}

/// 4096 datagrams for 30 s: what hosts allow for reassembly, give or take (RFC 1122 §3.3.2 asks for
/// 60 s to 120 s, Linux does 30 s; who has not sent the rest by then will not be reassembled).
impl Default for FragmentLimits {
    fn default() -> Self {
        Self {
            datagrams: 4096,
            lifetime: Duration::from_secs(30),
        }
    }
}

/// What to do with a later fragment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Later {
    /// Its first fragment had this key, as on the wire.
    Known(FlowKey),
    /// The first fragment is not here yet: hold the frame.
    Wait,
    /// Too many datagrams at once: drop it (`FragmentTableFull`).
    Full,
    /// It would overwrite the transport header that the policy was asked about: drop it (`Malformed`).
    Overlap,
}

/// What a first fragment changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum First {
    /// The datagram is remembered.
    Remembered,
    /// It is, and later fragments wait for it: send them behind it.
    Awaited,
    /// Too many datagrams at once: its later fragments will not find their way.
    Full,
}

/// Remembers which datagram belongs to which flow.
#[derive(Debug)]
pub struct Fragments {
    datagrams: HashMap<FragmentKey, Datagram, ahash::RandomState>,
    /// Each datagram once. One that is used again keeps its place here and is put behind the others
    /// when its turn comes.
    deadlines: VecDeque<(Instant, FragmentKey)>,
    limits: FragmentLimits,
    overlaps: u64,
}

#[derive(Clone, Copy, Debug)]
struct Datagram {
    /// `None` while later fragments wait for the first one.
    flow: Option<FlowKey>,
    deadline: Instant,
}

impl Fragments {
    /// An empty tracker. The hasher's seeds must be random: senders choose identifications.
    pub fn new(limits: FragmentLimits, hasher: ahash::RandomState) -> Self {
        Self {
            datagrams: HashMap::with_capacity_and_hasher(limits.datagrams, hasher),
            deadlines: VecDeque::with_capacity(limits.datagrams),
            limits,
            overlaps: 0,
        }
    }

    /// A first fragment (offset 0, more to come) of `flow`.
    ///
    /// Identifications are used again, on fast paths within seconds: a new first fragment stands for a
    /// new datagram. It cannot smuggle: its own ports are what its session is opened by.
    pub fn first(&mut self, key: FragmentKey, flow: FlowKey, now: Instant) -> First {
        let deadline = now + self.limits.lifetime;
        let known = Datagram {
            flow: Some(flow),
            deadline,
        };
        let full = self.datagrams.len() >= self.limits.datagrams;
        match self.datagrams.entry(key) {
            Entry::Occupied(mut datagram) => match datagram.insert(known).flow {
                None => First::Awaited,
                Some(_) => First::Remembered,
            },
            Entry::Vacant(_) if full => First::Full,
            Entry::Vacant(place) => {
                place.insert(known);
                self.deadlines.push_back((deadline, key));
                First::Remembered
            }
        }
    }

    /// A later fragment whose data begins `offset` bytes into the datagram's payload.
    pub fn later(&mut self, key: FragmentKey, offset: u16, now: Instant) -> Later {
        if overlaps_header(key.protocol, offset) {
            self.overlaps += 1;
            return Later::Overlap;
        }
        let full = self.datagrams.len() >= self.limits.datagrams;
        match self.datagrams.entry(key) {
            Entry::Occupied(datagram) => datagram.get().flow.map_or(Later::Wait, Later::Known),
            Entry::Vacant(_) if full => Later::Full,
            Entry::Vacant(place) => {
                let deadline = now + self.limits.lifetime;
                place.insert(Datagram {
                    flow: None,
                    deadline,
                });
                self.deadlines.push_back((deadline, key));
                Later::Wait
            }
        }
    }

    /// Forgets what is too old. `abandoned` is called for each datagram whose fragments waited in vain:
    /// drop the frames that are held for it (`FragmentWithoutFirst`).
    pub fn expire(&mut self, now: Instant, mut abandoned: impl FnMut(FragmentKey)) {
        while let Some((turn, key)) = self.deadlines.front().copied() {
            if turn > now {
                return;
            }
            self.deadlines.pop_front();
            let Entry::Occupied(datagram) = self.datagrams.entry(key) else {
                continue;
            };
            let Datagram { flow, deadline } = *datagram.get();
            if deadline > now {
                self.deadlines.push_back((deadline, key));
            } else {
                datagram.remove();
                if flow.is_none() {
                    abandoned(key);
                }
            }
        }
    }

    /// When [`Fragments::expire`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// How many later fragments tried to overwrite a transport header.
    pub const fn overlaps(&self) -> u64 {
        self.overlaps
    }

    /// How many datagrams are remembered.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }
}

/// RFC 1858 §4.2 and RFC 3128: a fragment that begins within the transport header would change, at
/// reassembly, the ports or flags that were looked at. Twenty bytes is TCP's header without options; the
/// smallest offset is 8, which is behind the headers of UDP and ICMP echo.
fn overlaps_header(protocol: Protocol, offset: u16) -> bool {
    const TCP_HEADER: u16 = 20;
    protocol == Protocol::TCP && offset < TCP_HEADER
}

#[cfg(test)]
mod tests {
    use types::Endpoint;

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(30);

    #[test]
    fn later_fragments_follow_their_first() {
        let mut fragments = tracker(8);
        assert_eq!(fragments.first(key(1), flow(10), at(0)), First::Remembered);
        assert_eq!(fragments.later(key(1), 1480, at(1)), Later::Known(flow(10)));
        assert_eq!(
            fragments.later(key(2), 1480, at(1)),
            Later::Wait,
            "another datagram"
        );
    }

    #[test]
    fn a_first_fragment_that_comes_late_frees_those_that_wait() {
        let mut fragments = tracker(8);
        assert_eq!(fragments.later(key(1), 2960, at(0)), Later::Wait);
        assert_eq!(fragments.later(key(1), 1480, at(0)), Later::Wait);
        assert_eq!(fragments.first(key(1), flow(10), at(1)), First::Awaited);
        assert_eq!(fragments.later(key(1), 4440, at(1)), Later::Known(flow(10)));
        fragments.expire(at(100), |key| panic!("{key:?} was not in vain"));
        assert!(fragments.is_empty());
    }

    #[test]
    fn an_identification_that_is_used_again_means_the_new_flow() {
        let mut fragments = tracker(8);
        fragments.first(key(1), flow(10), at(0));
        assert_eq!(fragments.first(key(1), flow(11), at(5)), First::Remembered);
        fragments.expire(at(32), |_| ());
        assert_eq!(
            fragments.later(key(1), 1480, at(32)),
            Later::Known(flow(11))
        );
        fragments.expire(at(35), |_| ());
        assert!(fragments.is_empty());
    }

    #[test]
    fn waiting_in_vain_is_told_once_and_on_time() {
        let mut fragments = tracker(8);
        fragments.later(key(1), 1480, at(0));
        fragments.first(key(2), flow(10), at(1));
        assert_eq!(fragments.next_deadline(), Some(at(0) + LIFETIME));
        let mut abandoned = Vec::new();
        fragments.expire(at(29), |key| abandoned.push(key));
        assert_eq!(abandoned, []);
        fragments.expire(at(30), |key| abandoned.push(key));
        fragments.expire(at(300), |key| abandoned.push(key));
        assert_eq!(abandoned, [key(1)]);
        assert_eq!((fragments.len(), fragments.next_deadline()), (0, None));
    }

    #[test]
    fn memory_is_bounded_and_those_who_are_in_stay_in() {
        let mut fragments = tracker(2);
        fragments.first(key(1), flow(10), at(0));
        fragments.later(key(2), 1480, at(0));
        assert_eq!(fragments.first(key(3), flow(12), at(0)), First::Full);
        assert_eq!(fragments.later(key(4), 1480, at(0)), Later::Full);
        assert_eq!(fragments.later(key(1), 1480, at(1)), Later::Known(flow(10)));
        assert_eq!(fragments.first(key(2), flow(11), at(1)), First::Awaited);
        fragments.expire(at(31), |_| ());
        assert_eq!(fragments.first(key(3), flow(12), at(31)), First::Remembered);
    }

    /// RFC 3128: a fragment at offset 8 carries TCP's flags byte.
    #[test]
    fn fragments_that_overwrite_a_tcp_header_are_refused_and_counted() {
        let mut fragments = tracker(8);
        let tcp = FragmentKey {
            protocol: Protocol::TCP,
            ..key(1)
        };
        fragments.first(tcp, flow(10), at(0));
        for (offset, expected) in [
            (0, Later::Overlap),
            (8, Later::Overlap),
            (16, Later::Overlap),
            (24, Later::Known(flow(10))),
        ] {
            assert_eq!(
                fragments.later(tcp, offset, at(0)),
                expected,
                "offset {offset}"
            );
        }
        assert_eq!(
            fragments.later(key(1), 8, at(0)),
            Later::Wait,
            "UDP's header is 8 bytes"
        );
        assert_eq!(fragments.overlaps(), 3);
    }

    fn tracker(datagrams: usize) -> Fragments {
        let limits = FragmentLimits {
            datagrams,
            lifetime: LIFETIME,
        };
        Fragments::new(limits, ahash::RandomState::with_seeds(1, 2, 3, 4))
    }

    fn key(id: u32) -> FragmentKey {
        FragmentKey {
            src: [192, 0, 2, 1].into(),
            dst: [198, 51, 100, 1].into(),
            id,
            protocol: Protocol::UDP,
        }
    }

    fn flow(port: u16) -> FlowKey {
        FlowKey {
            src: Endpoint::new([192, 0, 2, 1].into(), port),
            dst: Endpoint::new([198, 51, 100, 1].into(), 53),
            protocol: Protocol::UDP,
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant::START + Duration::from_secs(seconds)
    }
}
