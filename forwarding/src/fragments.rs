//! Later fragments that came before the first one of their datagram: bounded, and held by the shard
//! whose tracker told them to wait.

use ahash::HashMap;
use session::FragmentKey;

use crate::plan::PortIndex;

/// Fragments that may wait for one datagram's first: a 64 KiB datagram over a 1500-byte link has 45.
const PER_DATAGRAM: usize = 48;
/// Fragments that may wait in all.
const IN_ALL: usize = 1024;

/// A fragment as it came.
#[derive(Debug)]
pub(crate) struct HeldFragment {
    /// Where it came from.
    pub ingress: PortIndex,
    /// Its bytes.
    pub frame: Vec<u8>,
}

/// Waiting fragments by datagram.
#[derive(Debug, Default)]
pub(crate) struct HeldFragments {
    datagrams: HashMap<FragmentKey, Vec<HeldFragment>>,
    count: usize,
}

impl HeldFragments {
    /// Keeps a fragment; `false` when there is no room.
    pub(crate) fn hold(&mut self, datagram: FragmentKey, fragment: HeldFragment) -> bool {
        if self.count >= IN_ALL {
            return false;
        }
        let waiting = self.datagrams.entry(datagram).or_default();
        if waiting.len() >= PER_DATAGRAM {
            return false;
        }
        waiting.push(fragment);
        self.count += 1;
        true
    }

    /// All fragments of a datagram, in the order they came.
    pub(crate) fn take(&mut self, datagram: &FragmentKey) -> Vec<HeldFragment> {
        let taken = self.datagrams.remove(datagram).unwrap_or_default();
        self.count -= taken.len();
        taken
    }
}

#[cfg(test)]
mod tests {
    use types::Protocol;

    use super::*;

    #[test]
    fn fragments_wait_within_bounds_and_leave_in_order() {
        let datagram = |id| FragmentKey {
            src: [192, 0, 2, 9].into(),
            dst: [198, 51, 100, 9].into(),
            id,
            protocol: Protocol::UDP,
        };
        let fragment = |mark| HeldFragment {
            ingress: PortIndex(0),
            frame: vec![mark],
        };
        let mut held = HeldFragments::default();
        let kept = (0..100).filter(|mark| held.hold(datagram(1), fragment(*mark)));
        assert_eq!(kept.count(), PER_DATAGRAM);
        assert!(held.hold(datagram(2), fragment(7)));

        let marks: Vec<_> = held.take(&datagram(1)).iter().map(|f| f.frame[0]).collect();
        assert_eq!(marks, (0..48).collect::<Vec<_>>());
        assert!(held.take(&datagram(1)).is_empty());
        assert_eq!(held.count, 1);
    }
}
