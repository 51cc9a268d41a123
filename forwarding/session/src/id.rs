//! New session identifiers: unique over nodes, processors and restarts, without asking anybody.

use types::{NodeId, SessionId};

/// Makes session ids for one processor.
///
/// ```text
///  127            64 63  56 55       40 39                0
///  | boot: random   | node | processor |     counter      |
/// ```
///
/// Two starts of one node differ by `boot`, which the caller draws at random once for each start.
#[derive(Clone, Debug)]
pub struct SessionIds {
    prefix: u128,
    next: u64,
}

impl SessionIds {
    const COUNTER_BITS: u32 = 40;

    /// Ids of this node's processor number `processor` since this start.
    pub fn new(node: NodeId, processor: u16, boot: u64) -> Self {
        let origin = (u64::from(node.0) << 16 | u64::from(processor)) << Self::COUNTER_BITS;
        Self {
            prefix: u128::from(boot) << 64 | u128::from(origin),
            next: 0,
        }
    }

    /// An id that nobody else makes. A million sessions a second exhaust the counter in twelve days of
    /// that; the carry then goes into the random part, where it meets nobody either.
    pub fn make(&mut self) -> SessionId {
        let counter = self.next & ((1 << Self::COUNTER_BITS) - 1);
        let carry = u128::from(self.next >> Self::COUNTER_BITS) << 64;
        self.next = self.next.wrapping_add(1);
        SessionId(self.prefix.wrapping_add(carry) | u128::from(counter))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nodes_processors_and_starts_never_make_the_same_id() {
        let mut seen = HashSet::new();
        for node in [1, 2, 255] {
            for processor in [0, 1, u16::MAX] {
                for boot in [0, 7, u64::MAX] {
                    let mut ids = SessionIds::new(NodeId(node), processor, boot);
                    for _ in 0..100 {
                        assert!(seen.insert(ids.make()));
                    }
                }
            }
        }
    }

    #[test]
    fn a_worn_out_counter_makes_no_id_twice() {
        let mut ids = SessionIds::new(NodeId(1), 0, 5);
        let first = ids.make();
        ids.next = 1 << SessionIds::COUNTER_BITS;
        assert_ne!(ids.make(), first);
    }
}
