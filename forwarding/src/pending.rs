//! Frames that wait for their next hop's MAC address.
//!
//! They wait as they came, before any rewriting: once the neighbour answers they go through the
//! pipeline again, and if it does not, the sender's ICMP error quotes its own packet. Bounded for
//! each neighbour and as a whole; what does not fit is dropped as `neighbor-pending`.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use ahash::HashMap;
use types::{Giid, Instant};

use crate::outbox::Stage;
use crate::plan::PortIndex;
use crate::port::Offload;

/// Frames that may wait for one neighbour.
const PER_NEIGHBOR: usize = 64;
/// Frames that may wait for all neighbours of a shard.
const IN_ALL: usize = 2048;
/// How long the first frame waits before the neighbour counts as unreachable: the resolution of RFC
/// 4861 §7.2.2 takes three solicitations, one a second, and this is its last word if nobody says so.
const PATIENCE: Duration = Duration::from_secs(4);

/// A neighbour as it is asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NeighborKey {
    /// The interface it is on.
    pub interface: Giid,
    /// Its address.
    pub ip: IpAddr,
}

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Held {
    /// Where it came from.
    pub ingress: PortIndex,
    /// Its bytes.
    pub frame: Vec<u8>,
    /// What the kernel left undone.
    pub offload: Offload,
    /// How far it had come.
    pub stage: Stage,
}

/// Waiting frames by neighbour.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    neighbors: HashMap<NeighborKey, Queue>,
    frames: usize,
}

#[derive(Debug)]
struct Queue {
    held: VecDeque<Held>,
    gives_up_at: Instant,
}

impl Pending {
    /// Keeps a copy of `held`; `None` when there is no room, else whether it is the neighbour's
    /// first, so that somebody must ask.
    pub(crate) fn hold(
        &mut self,
        neighbor: NeighborKey,
        held: Held,
        now: Instant,
    ) -> Option<First> {
        if self.frames >= IN_ALL {
            return None;
        }
        let first = !self.neighbors.contains_key(&neighbor);
        let queue = self.neighbors.entry(neighbor).or_insert_with(|| Queue {
            held: VecDeque::with_capacity(4),
            gives_up_at: now + PATIENCE,
        });
        if queue.held.len() >= PER_NEIGHBOR {
            return None;
        }
        queue.held.push_back(held);
        self.frames += 1;
        Some(if first { First::Yes } else { First::No })
    }

    /// Frames of neighbours that `is_known` says can be reached now.
    pub(crate) fn take_known(&mut self, is_known: impl Fn(&NeighborKey) -> bool) -> Vec<Held> {
        self.take(|neighbor, _| is_known(neighbor))
            .into_iter()
            .map(|(_, held)| held)
            .collect()
    }

    /// Frames of `neighbor`, which does not answer.
    pub(crate) fn take_failed(&mut self, neighbor: NeighborKey) -> Vec<Held> {
        self.take(|waiting, _| *waiting == neighbor)
            .into_iter()
            .map(|(_, held)| held)
            .collect()
    }

    /// Frames that have waited too long, with the neighbours they wanted.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<(NeighborKey, Held)> {
        self.take(|_, queue| queue.gives_up_at <= now)
    }

    /// Everybody who is waited for.
    pub(crate) fn neighbors(&self) -> impl Iterator<Item = NeighborKey> + '_ {
        self.neighbors.keys().copied()
    }

    /// When the next queue gives up.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self.neighbors.values().map(|queue| queue.gives_up_at);
        deadlines.min()
    }

    /// How many frames wait.
    pub(crate) const fn len(&self) -> usize {
        self.frames
    }

    /// Whether none waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.frames == 0
    }

    fn take(&mut self, wanted: impl Fn(&NeighborKey, &Queue) -> bool) -> Vec<(NeighborKey, Held)> {
        let queues = self
            .neighbors
            .extract_if(|neighbor, queue| wanted(neighbor, queue));
        let taken: Vec<_> = queues
            .flat_map(|(neighbor, queue)| queue.held.into_iter().map(move |held| (neighbor, held)))
            .collect();
        self.frames -= taken.len();
        taken
    }
}

/// Whether a held frame is the first for its neighbour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum First {
    /// Nobody has asked for the neighbour yet.
    Yes,
    /// The question is under way.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbor(last: u8) -> NeighborKey {
        NeighborKey {
            interface: Giid(1),
            ip: [192, 0, 2, last].into(),
        }
    }

    fn held(mark: u8) -> Held {
        Held {
            ingress: PortIndex(0),
            frame: vec![mark],
            offload: Offload::None,
            stage: Stage::Arrived,
        }
    }

    fn marks(held: &[Held]) -> Vec<u8> {
        held.iter().map(|held| held.frame[0]).collect()
    }

    #[test]
    fn frames_leave_in_order_once_their_neighbour_is_known() {
        let mut pending = Pending::default();
        let now = Instant::START;
        assert_eq!(pending.hold(neighbor(1), held(1), now), Some(First::Yes));
        assert_eq!(pending.hold(neighbor(2), held(2), now), Some(First::Yes));
        assert_eq!(pending.hold(neighbor(1), held(3), now), Some(First::No));

        let known = pending.take_known(|waiting| *waiting == neighbor(1));
        assert_eq!(marks(&known), [1, 3]);
        assert_eq!(pending.len(), 1);
        assert_eq!(marks(&pending.take_failed(neighbor(2))), [2]);
        assert!(pending.is_empty());
    }

    #[test]
    fn one_silent_neighbour_cannot_take_all_the_room() {
        let mut pending = Pending::default();
        let kept = (0..200)
            .filter(|_| pending.hold(neighbor(1), held(1), Instant::START).is_some())
            .count();
        assert_eq!(kept, PER_NEIGHBOR);
        assert!(pending.hold(neighbor(2), held(2), Instant::START).is_some());
    }

    #[test]
    fn frames_do_not_wait_for_ever() {
        let mut pending = Pending::default();
        pending.hold(neighbor(1), held(1), Instant::START);
        let deadline = pending.next_deadline().unwrap();
        assert!(pending.expire(Instant::START).is_empty());
        let expired = pending.expire(deadline);
        assert_eq!(expired[0].0, neighbor(1));
        assert_eq!(pending.next_deadline(), None);
    }
}
