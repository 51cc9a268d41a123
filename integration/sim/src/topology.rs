//! The shapes of cluster that are tried.

use core::fmt;
use core::str::FromStr;

use raft::{Member, MemberKind};
use types::{Name, NodeId};

/// Who takes part.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Topology {
    /// Nodes 1 and 2 and the witness 3: one of the three may be gone.
    PairWitness,
    /// Nodes 1 and 2 alone: without either there is no quorum, and nothing is agreed on.
    Pair,
    /// The same, but for a policy, or an operator, that lets a node go on alone.
    PairSurvivor,
}

/// A word that names no topology.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} is no topology: pair-witness, pair and pair-survivor are")]
pub struct UnknownTopology(String);

impl Topology {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PairWitness, Self::Pair, Self::PairSurvivor];

    /// As operators write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PairWitness => "pair-witness",
            Self::Pair => "pair",
            Self::PairSurvivor => "pair-survivor",
        }
    }

    /// Whether a member that lost its disk is filled again by the others: where they have a quorum.
    pub const fn refills(self) -> bool {
        match self {
            Self::PairWitness => true,
            Self::Pair | Self::PairSurvivor => false,
        }
    }

    /// Whether a node may go on alone.
    pub const fn survives(self) -> bool {
        match self {
            Self::PairSurvivor => true,
            Self::PairWitness | Self::Pair => false,
        }
    }

    /// The members with their kinds.
    pub const fn members(self) -> &'static [(NodeId, MemberKind)] {
        const MEMBERS: [(NodeId, MemberKind); 3] = [
            (NodeId(1), MemberKind::Node),
            (NodeId(2), MemberKind::Node),
            (NodeId(3), MemberKind::Witness),
        ];
        match self {
            Self::PairWitness => &MEMBERS,
            Self::Pair | Self::PairSurvivor => MEMBERS.split_at(2).0,
        }
    }

    /// The members as a plan lists them; they have no addresses, since nothing is real.
    pub fn plan(self) -> Vec<Member> {
        let member = |(id, kind): &(NodeId, MemberKind)| Member {
            id: *id,
            name: Name::from(format!("node-{id}")),
            kind: *kind,
            addresses: Vec::new(),
        };
        self.members().iter().map(member).collect()
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Topology {
    type Err = UnknownTopology;

    fn from_str(text: &str) -> Result<Self, UnknownTopology> {
        let known = Self::ALL.into_iter().find(|known| known.name() == text);
        known.ok_or_else(|| UnknownTopology(text.to_owned()))
    }
}
