//! What goes wrong in a run, and when.

mod plan;
mod trap;

use core::fmt;

use types::NodeId;

pub use plan::Plan;
pub(crate) use trap::laid_until;

use crate::clock::Millis;

/// Something that goes wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Something of the links between members.
    Network(NetworkFault),
    /// A member loses its power, and gets it back after a while.
    Crash(NodeId, Millis),
    /// The same, at a moment at which its disk has something to lose.
    CrashUnsynced(NodeId, Millis),
    /// A member is shut down in order, and started again after a while.
    Stop(NodeId, Millis),
    /// A member loses its power and its disk, and comes back with an empty one.
    Replace(NodeId, Millis),
    /// A copy is taken of a member's disk.
    Copy(NodeId),
    /// A member loses its power, and comes back with that copy.
    PutBack {
        /// Whose disk.
        node: NodeId,
        /// For how long it has no power.
        down: Millis,
        /// Who has none when it comes back, and for how long.
        then: Option<(NodeId, Millis)>,
    },
    /// A member crashes while a vote that it has given is not on its disk yet, and whoever got it is cut
    /// off from everybody: may another one get a vote for the same term?
    LoseVote {
        /// Who votes.
        voter: NodeId,
        /// Who is cut off.
        winner: NodeId,
        /// For how long the voter has no power.
        down: Millis,
    },
    /// The leader crashes when entries have been missing on its disk for a while, which the other node
    /// never heard of: does anybody else count on them?
    LoseEntries {
        /// For how long they have been missing.
        after: Millis,
        /// For how long the leader has no power.
        down: Millis,
    },
    /// Everybody loses power; the members get it back one after the other.
    PowerCut(Vec<(NodeId, Millis)>),
    /// A member does nothing for a while, and its clock has gone on.
    Stall(NodeId, Millis),
    /// A member's clock jumps ahead.
    Jump(NodeId, Millis),
    /// A member's disk takes up to that long for each sync.
    SlowDisk(NodeId, Millis),
    /// A member's disk takes no more writes.
    FullDisk(NodeId),
    /// A member's disk is quick and has room again.
    MendDisk(NodeId),
    /// Something beside the HA links.
    Site(SiteFault),
    /// An operator orders a node to go on alone, perhaps in error.
    Order(NodeId),
}

/// Something that goes wrong, or is well again, on the links between members.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NetworkFault {
    /// Nobody hears one member, and it hears nobody.
    Isolate(NodeId),
    /// Two members do not hear each other.
    Part(NodeId, NodeId),
    /// One member does not hear the other, which hears it.
    Deafen {
        /// Who speaks in vain.
        from: NodeId,
        /// Who does not hear.
        to: NodeId,
    },
    /// Nobody hears anybody.
    PartAll,
    /// That many messages of a thousand are lost, on all links.
    Lose(u64),
    /// That many messages of a thousand are lost, in one direction.
    LoseOneWay {
        /// From here.
        from: NodeId,
        /// To there.
        to: NodeId,
        /// How many of a thousand.
        permille: u64,
    },
    /// Messages take up to that long, and overtake each other.
    Delay(Millis),
    /// That many messages of a thousand come twice.
    Duplicate(u64),
    /// The network is healthy again.
    Mend,
}

/// Something that goes wrong, or is well again, beside the HA links: what a node's evidence is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SiteFault {
    /// The nodes hear each other nowhere any more, neither on HA links nor on a shared interface.
    Split,
    /// Advertisements on the shared interfaces are not heard.
    CutLan,
    /// No anchor answers a node.
    Offside(NodeId),
    /// Shared interfaces carry advertisements again, and anchors answer.
    Mend,
}

impl fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Isolate(node) => write!(f, "node {node} is isolated"),
            Self::Part(one, other) => write!(f, "nodes {one} and {other} are parted"),
            Self::Deafen { from, to } => write!(f, "node {to} does not hear node {from}"),
            Self::PartAll => f.write_str("nobody hears anybody"),
            Self::Lose(permille) => write!(f, "{permille} of 1000 messages are lost"),
            Self::LoseOneWay { from, to, permille } => {
                write!(
                    f,
                    "{permille} of 1000 messages from {from} to {to} are lost"
                )
            }
            Self::Delay(most) => write!(f, "messages take up to {} ms", most.0),
            Self::Duplicate(permille) => write!(f, "{permille} of 1000 messages come twice"),
            Self::Mend => f.write_str("the network is mended"),
        }
    }
}

impl fmt::Display for SiteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Split => f.write_str("the nodes hear each other nowhere"),
            Self::CutLan => f.write_str("no advertisement is heard"),
            Self::Offside(node) => write!(f, "no anchor answers node {node}"),
            Self::Mend => f.write_str("advertisements are heard and anchors answer"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(fault) => fault.fmt(f),
            Self::Crash(node, down) => write!(f, "node {node} crashes for {} ms", down.0),
            Self::CrashUnsynced(node, down) => {
                write!(
                    f,
                    "node {node} will crash with unsynced writes for {} ms",
                    down.0
                )
            }
            Self::Stop(node, down) => write!(f, "node {node} is stopped for {} ms", down.0),
            Self::Replace(node, down) => {
                write!(f, "node {node} gets an empty disk within {} ms", down.0)
            }
            Self::Copy(node) => write!(f, "the disk of node {node} is copied"),
            Self::PutBack { node, down, .. } => {
                write!(f, "node {node} gets its older disk within {} ms", down.0)
            }
            Self::LoseVote { voter, winner, .. } => {
                write!(
                    f,
                    "node {voter} will lose a vote, and node {winner} its way"
                )
            }
            Self::LoseEntries { after, .. } => {
                write!(f, "the leader will lose entries of {} ms", after.0)
            }
            Self::PowerCut(_) => f.write_str("everybody loses power"),
            Self::Stall(node, time) => write!(f, "node {node} stalls for {} ms", time.0),
            Self::Jump(node, time) => write!(f, "the clock of node {node} jumps {} ms", time.0),
            Self::SlowDisk(node, most) => {
                write!(f, "the disk of node {node} takes up to {} ms", most.0)
            }
            Self::FullDisk(node) => write!(f, "the disk of node {node} is full"),
            Self::MendDisk(node) => write!(f, "the disk of node {node} is mended"),
            Self::Site(fault) => fault.fmt(f),
            Self::Order(node) => write!(f, "node {node} is ordered to go on alone"),
        }
    }
}
