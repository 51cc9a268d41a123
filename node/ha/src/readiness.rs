//! Readiness is computed and proven, never assumed.
//!
//! ```text
//! no committed configuration ───────────────► joining
//! gate open ────────────────────────────────► active
//! an interface of the group is down ────────► failed
//! no peer, no leader ───────────────────────► isolated
//! state group not a voter yet, or behind ───► syncing
//! any other reason ─────────────────────────► standby-not-ready
//! none ─────────────────────────────────────► standby-ready
//! ```

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use types::{Epoch, Name, Revision};

/// Longest time that the state group may be without having applied what is committed.
pub const MAX_LAG: Duration = Duration::from_secs(1);

/// One word for an operator (ssr-model section 8.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum NodeRole {
    /// No committed configuration has been seen yet.
    Joining,
    /// The session table is being filled from the cluster.
    Syncing,
    /// Could take over this instant, with every committed session.
    StandbyReady,
    /// Would take over, but not with everything: see the reasons.
    StandbyNotReady,
    /// Forwards under an epoch.
    Active,
    /// Neither a peer nor a leader is to be heard.
    Isolated,
    /// A member interface is down: cannot take over.
    Failed,
}

impl NodeRole {
    /// The word that commands print.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Syncing => "syncing",
            Self::StandbyReady => "standby-ready",
            Self::StandbyNotReady => "standby-not-ready",
            Self::Active => "active",
            Self::Isolated => "isolated",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for NodeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Number of sessions and a checksum over them that does not depend on their order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct TableProof {
    /// Sessions in the table.
    pub sessions: u64,
    /// Sum of the sessions' hashes, modulo 2^64.
    pub checksum: u64,
}

/// What one Raft group looks like from here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupFacts {
    /// Why the group has ended on this node, if it has.
    pub stopped: Option<String>,
    /// A leader is known.
    pub has_leader: bool,
    /// This node votes (a returning node is a learner first).
    pub is_voter: bool,
    /// How long committed entries have been waiting to be applied here.
    pub lag: Duration,
}

/// Everything that readiness depends on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The committed configuration's number; zero before the first.
    pub revision: Revision,
    /// The configuration that the data plane runs.
    pub running: Revision,
    /// The epoch under which this node forwards; `None` on standby.
    pub active: Option<Epoch>,
    /// Whether the peer node has been heard on any HA link lately.
    pub peer_heard: bool,
    /// Control group.
    pub control: GroupFacts,
    /// State group.
    pub state: GroupFacts,
    /// Interfaces of the redundancy group that are down.
    pub interfaces_down: Vec<Name>,
    /// Why the store cannot write now, if so.
    pub lacks_room: Option<String>,
    /// What the cluster agreed on, as applied here.
    pub agreed: TableProof,
    /// What is programmed in this node's session processors.
    pub programmed: TableProof,
}

/// Why a node is not ready, each with what to look at.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Reason {
    /// No configuration has been committed yet.
    NoConfiguration,
    /// The data plane runs another revision than the committed one.
    ConfigurationBehind {
        /// Committed.
        committed: Revision,
        /// Running.
        running: Revision,
    },
    /// The peer node is silent on every HA link.
    PeerSilent,
    /// A Raft group has ended on this node; packets go on, agreement does not.
    GroupStopped {
        /// `control` or `state`.
        group: &'static str,
        /// What ended it, with the path if a disk is to blame.
        why: String,
    },
    /// A Raft group has no leader.
    NoLeader {
        /// `control` or `state`.
        group: &'static str,
    },
    /// The state group has not made this node a voter yet.
    NotYetVoter,
    /// Replication is late.
    StateBehind {
        /// How late, in milliseconds.
        lag_ms: u64,
    },
    /// The store waits for room on its disk: this node's vote may be missing.
    NoRoom {
        /// What is missing, with the path.
        why: String,
    },
    /// An interface of the redundancy group is down.
    InterfaceDown {
        /// The interface.
        interface: Name,
    },
    /// The processors' tables differ from what the cluster agreed on.
    TablesDiffer {
        /// Agreed sessions.
        agreed: u64,
        /// Programmed sessions.
        programmed: u64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConfiguration => f.write_str("no configuration has been committed yet"),
            Self::ConfigurationBehind { committed, running } => {
                write!(
                    f,
                    "configuration {committed} is committed, {running} is running"
                )
            }
            Self::PeerSilent => f.write_str("the peer is silent on every HA link"),
            Self::GroupStopped { group, why } => write!(
                f,
                "the {group} group has stopped here: {why}; mend it and restart the node"
            ),
            Self::NoLeader { group } => write!(f, "the {group} group has no leader"),
            Self::NotYetVoter => f.write_str("the state group has not made this node a voter yet"),
            Self::StateBehind { lag_ms } => write!(f, "replication is {lag_ms} ms behind"),
            Self::NoRoom { why } => {
                write!(f, "{why}; make room, and the node goes on by itself")
            }
            Self::InterfaceDown { interface } => write!(f, "interface {interface} is down"),
            Self::TablesDiffer { agreed, programmed } => {
                write!(
                    f,
                    "{programmed} sessions are programmed, the cluster agreed on {agreed}"
                )
            }
        }
    }
}

/// The verdict.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assessment {
    /// One word.
    pub role: NodeRole,
    /// Could this node take over (or go on) with everything?
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<Reason>,
}

/// Judges the facts. Total and pure: the same facts give the same word on every node.
pub fn assess(facts: &Facts) -> Assessment {
    let reasons = reasons(facts);
    Assessment {
        role: role(facts, &reasons),
        ready: reasons.is_empty(),
        reasons,
    }
}

fn reasons(facts: &Facts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if facts.revision == Revision::default() {
        reasons.push(Reason::NoConfiguration);
    } else if facts.revision != facts.running {
        let (committed, running) = (facts.revision, facts.running);
        reasons.push(Reason::ConfigurationBehind { committed, running });
    }
    for interface in &facts.interfaces_down {
        reasons.push(Reason::InterfaceDown {
            interface: interface.clone(),
        });
    }
    if !facts.peer_heard {
        reasons.push(Reason::PeerSilent);
    }
    for (group, seen) in [("control", &facts.control), ("state", &facts.state)] {
        if let Some(why) = &seen.stopped {
            let why = why.clone();
            reasons.push(Reason::GroupStopped { group, why });
        } else if !seen.has_leader {
            reasons.push(Reason::NoLeader { group });
        }
    }
    if let Some(why) = &facts.lacks_room {
        let why = why.clone();
        reasons.push(Reason::NoRoom { why });
    }
    if !facts.state.is_voter {
        reasons.push(Reason::NotYetVoter);
    }
    if facts.state.lag > MAX_LAG {
        let lag_ms = u64::try_from(facts.state.lag.as_millis()).unwrap_or(u64::MAX);
        reasons.push(Reason::StateBehind { lag_ms });
    }
    // The active node's table runs ahead of agreement by its newest sessions, so only a standby
    // has a copy to prove.
    if facts.active.is_none() && facts.agreed != facts.programmed {
        let (agreed, programmed) = (facts.agreed.sessions, facts.programmed.sessions);
        reasons.push(Reason::TablesDiffer { agreed, programmed });
    }
    reasons
}

fn role(facts: &Facts, reasons: &[Reason]) -> NodeRole {
    let syncing = |reason: &Reason| match reason {
        Reason::NotYetVoter | Reason::StateBehind { .. } => true,
        Reason::NoConfiguration
        | Reason::ConfigurationBehind { .. }
        | Reason::PeerSilent
        | Reason::GroupStopped { .. }
        | Reason::NoLeader { .. }
        | Reason::NoRoom { .. }
        | Reason::InterfaceDown { .. }
        | Reason::TablesDiffer { .. } => false,
    };
    if facts.active.is_some() {
        NodeRole::Active
    } else if facts.revision == Revision::default() {
        NodeRole::Joining
    } else if !facts.interfaces_down.is_empty() {
        NodeRole::Failed
    } else if !facts.peer_heard && !facts.state.has_leader {
        NodeRole::Isolated
    } else if reasons.iter().any(syncing) {
        NodeRole::Syncing
    } else if reasons.is_empty() {
        NodeRole::StandbyReady
    } else {
        NodeRole::StandbyNotReady
    }
}

#[cfg(test)]
mod tests;
