//! Which control group is the true one, and how two of them are told apart.
//!
//! ```text
//!   generation 1   founded by the lowest node; everybody joins it
//!        │
//!        ├── a node lost its peer for good: generation 2, founded by it, with it alone
//!        ├── the other one did the same meanwhile: generation 2, too, of another founder
//!        └── the first one did it again, from a backup of before: generation 2, too, of a later life
//! ```
//! A higher generation always wins. Of two equal ones neither founders nor lives say anything: there the
//! higher [`Standing`] wins, which both nodes see alike.

use core::cmp::Ordering;
use core::fmt;

use serde::{Deserialize, Serialize};
use types::{Name, NodeId};

use crate::cluster::Incarnation;

/// A foundation of the control group. Never used again: a life of a node only ever founds the next
/// generation, and a life begins once.
///
/// Lineages are in the order of their generations, and those of one generation in the order in which they
/// were founded, as far as clocks tell.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct ControlLineage {
    /// Counts the foundations; 1 is the first.
    pub generation: u64,
    /// In which of its lives the founder did it; 0 in the first generation, which nobody founds twice.
    pub life: Incarnation,
    /// The member that began it.
    pub founder: NodeId,
}

/// As it is written: life and generation in one number, as on the wire, and the founder. What was written
/// before foundations were told apart by lives reads as what it was.
type Written = (u64, NodeId);

impl From<ControlLineage> for Written {
    fn from(lineage: ControlLineage) -> Self {
        (lineage.wire() >> u8::BITS, lineage.founder)
    }
}

impl From<Written> for ControlLineage {
    fn from((life_and_generation, founder): Written) -> Self {
        let life = u32::try_from(life_and_generation >> Self::GENERATION_BITS);
        Self {
            generation: life_and_generation & Self::LAST_GENERATION,
            life: Incarnation(life.unwrap_or(u32::MAX)),
            founder,
        }
    }
}

impl ControlLineage {
    const GENERATION_BITS: u32 = 24;
    const LAST_GENERATION: u64 = (1 << Self::GENERATION_BITS) - 1;

    /// Where every cluster begins: with its lowest node.
    pub const fn first(founder: NodeId) -> Self {
        Self {
            generation: 1,
            life: Incarnation(0),
            founder,
        }
    }

    /// The generation after this one, founded by that life of `founder`.
    #[must_use]
    pub const fn next(self, founder: NodeId, life: Incarnation) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            life,
            founder,
        }
    }

    /// The number that travels with every message: unequal for unequal lineages, and never 0. It says
    /// nothing about their order.
    pub const fn wire(self) -> u64 {
        (self.life.0 as u64) << u32::BITS
            | (self.generation & Self::LAST_GENERATION) << u8::BITS
            | self.founder.0 as u64
    }

    /// The lineage of a number; `None` for one that no member can have sent.
    pub fn from_wire(number: u64) -> Option<Self> {
        let founder = u8::try_from(number & 0xff).ok().filter(|id| *id != 0)?;
        let lineage = Self::from((number >> u8::BITS, NodeId(founder)));
        (lineage.generation != 0).then_some(lineage)
    }
}

/// Shown as `generation.founder`, such as `2.1`, and with the founder's life where there is one:
/// `2.1@1790000000`.
impl fmt::Display for ControlLineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation, self.founder)?;
        match self.life {
            Incarnation(0) => Ok(()),
            life => write!(f, "@{life}"),
        }
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
        // Founder and life must not be asked before the index: what was agreed on counts more than who began
        // it, or when.
        self.lineage
            .generation
            .cmp(&other.lineage.generation)
            .then_with(|| self.committed.cmp(&other.committed))
            .then_with(|| self.name.cmp(&other.name))
            .then_with(|| self.lineage.cmp(&other.lineage))
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

    fn lineage(generation: u64, founder: u8, life: u32) -> ControlLineage {
        ControlLineage {
            generation,
            life: Incarnation(life),
            founder: NodeId(founder),
        }
    }

    fn standing(generation: u64, committed: u64, founder: u8, name: &str) -> Standing {
        Standing {
            lineage: lineage(generation, founder, 0),
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
        let greatest = lineage(ControlLineage::LAST_GENERATION, 255, u32::MAX);
        for (lineage, number) in [
            (lineage(7, 255, 0), 0x7ff),
            (lineage(2, 1, 5), 0x5_0000_0201),
            (greatest, u64::MAX),
        ] {
            assert_eq!(lineage.wire(), number);
            assert_eq!(ControlLineage::from_wire(number), Some(lineage));
        }
        for nobodys in [0, 0xff, 0x700, 0x5_0000_0001] {
            assert_eq!(ControlLineage::from_wire(nobodys), None);
        }
    }

    #[test]
    fn what_two_lives_of_one_node_began_is_not_the_same() {
        let first = ControlLineage::first(NodeId(1));
        let [earlier, later] = [7, 8].map(|life| first.next(NodeId(1), Incarnation(life)));
        assert_ne!(earlier.wire(), later.wire());
        assert!(first < earlier && earlier < later);
        assert!(later > first.next(NodeId(2), Incarnation(7)));
        assert_eq!(first.to_string(), "1.1");
        assert_eq!(later.to_string(), "2.1@8");
    }

    #[test]
    fn it_is_written_as_it_was_before_lives_counted() {
        for (lineage, written) in [
            (lineage(7, 3, 0), &[7, 3][..]),
            (
                lineage(2, 1, 1_790_000_000),
                &[0x82, 0x80, 0x80, 0x80, 0xb8, 0xa7, 0xac, 0x35, 0x01],
            ),
        ] {
            let bytes = postcard::to_allocvec(&lineage).unwrap();
            assert_eq!(bytes, written, "{lineage}");
            assert_eq!(postcard::from_bytes(&bytes), Ok(lineage));
        }
    }
}
