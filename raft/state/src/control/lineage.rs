//! Which control group is the true one, and how two of them are told apart.
//!
//! ```text
//!   generation 1   founded by the lowest node; everybody joins it
//!        │
//!        ├── a node lost its peer for good: generation 2, founded by it, with it alone
//!        └── the other one did the same meanwhile: generation 2, too, of another founder
//! ```
//! A higher generation always wins. Of two equal ones the founders say nothing: there the higher
//! [`Standing`] wins, which both nodes see alike.

use core::cmp::Ordering;
use core::fmt;

use serde::{Deserialize, Serialize};
use types::{Name, NodeId};

/// A foundation of the control group. Never used again: nodes only ever found the next generation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct ControlLineage {
    /// Counts the foundations; 1 is the first.
    pub generation: u64,
    /// The member that began it.
    pub founder: NodeId,
}

impl ControlLineage {
    /// Where every cluster begins: with its lowest node.
    pub const fn first(founder: NodeId) -> Self {
        Self {
            generation: 1,
            founder,
        }
    }

    /// The generation after this one, founded by `founder`.
    #[must_use]
    pub const fn next(self, founder: NodeId) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            founder,
        }
    }

    /// The number that travels with every message: unequal for unequal lineages, never 0, and ordered
    /// as generations are.
    pub const fn wire(self) -> u64 {
        (self.generation << 8) | self.founder.0 as u64
    }

    /// The lineage of a number; `None` for one that no member can have sent.
    pub fn from_wire(number: u64) -> Option<Self> {
        let founder = u8::try_from(number & 0xff).ok().filter(|id| *id != 0)?;
        let generation = number >> 8;
        (generation != 0).then_some(Self {
            generation,
            founder: NodeId(founder),
        })
    }
}

/// Shown as `generation.founder`, such as `2.1`.
impl fmt::Display for ControlLineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation, self.founder)
    }
}

/// What a node has to show when two foundations meet.
///
/// Totally ordered, and two nodes are never equal, since their names differ: so exactly one of two
/// standings is the higher one. Its fields are in the order in which they count.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The foundation that the node takes part in.
    pub lineage: ControlLineage,
    /// Index of the last entry that is agreed on in it. It never falls.
    pub committed: u64,
    /// The node.
    pub name: Name,
}

impl Ord for Standing {
    fn cmp(&self, other: &Self) -> Ordering {
        // The founder follows from the name where it could matter, and must not be asked before the
        // index: what was agreed on counts more than a number in a file.
        self.lineage
            .generation
            .cmp(&other.lineage.generation)
            .then_with(|| self.committed.cmp(&other.committed))
            .then_with(|| self.name.cmp(&other.name))
            .then_with(|| self.lineage.founder.cmp(&other.lineage.founder))
    }
}

impl PartialOrd for Standing {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(generation: u64, committed: u64, founder: u8, name: &str) -> Standing {
        Standing {
            lineage: ControlLineage {
                generation,
                founder: NodeId(founder),
            },
            committed,
            name: Name::from(name),
        }
    }

    #[test]
    fn generation_then_index_then_name_decide() {
        let low = standing(2, 900, 9, "z");
        assert!(standing(3, 1, 1, "a") > low);
        assert!(standing(2, 901, 1, "a") > low);
        assert!(standing(2, 900, 1, "zz") > low);
        assert!(standing(2, 900, 10, "a") < low);
    }

    #[test]
    fn the_number_on_the_wire_is_the_lineage_and_never_zero() {
        let lineage = ControlLineage {
            generation: 7,
            founder: NodeId(255),
        };
        assert_eq!(lineage.wire(), 0x7ff);
        assert_eq!(ControlLineage::from_wire(0x7ff), Some(lineage));
        assert_eq!(ControlLineage::from_wire(0), None);
        assert_eq!(ControlLineage::from_wire(0xff), None);
        assert_eq!(ControlLineage::from_wire(0x700), None);
        assert!(lineage.next(NodeId(1)).wire() > lineage.wire());
    }
}
