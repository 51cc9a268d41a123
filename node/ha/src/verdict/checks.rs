//! The checks, one function each: what fails, and what to do about it.

use core::time::Duration;

use super::{Check, Failed, NodeFacts, PairFacts, PeerFacts, Quorum, Verdict};
use crate::readiness::{MAX_LAG, NodeRole};
use types::Name;

/// A witness that was silent for longer is gone; it is asked three times a second.
const WITNESS_SILENT: Duration = Duration::from_secs(3);
/// Tables that were not verified for longer are not trusted: three rounds of listing under full load.
const VERIFICATION_HOLDS: Duration = Duration::from_mins(3);
/// Below this a store may soon find no room for a snapshot.
pub const DISK_LOW_PERCENT: u8 = 5;

pub(super) fn failed(facts: &PairFacts) -> Vec<Failed> {
    let mut failed = Vec::new();
    if facts.maintenance {
        failed.push(Failed {
            check: Check::Maintenance,
            verdict: Verdict::Maintenance,
            found: "the router is in maintenance mode".to_owned(),
            next_step: "set maintenance-mode false when the work is done".to_owned(),
        });
    }
    roles(facts, &mut failed);
    quorum(facts, &mut failed);
    match &facts.peer {
        Some(peer) => {
            heard(peer, &mut failed);
            standby(facts, peer, &mut failed);
        }
        None => failed.push(Failed {
            check: Check::Peer,
            verdict: Verdict::Unprotected,
            found: "this router has one node".to_owned(),
            next_step: "add a second node if the site must outlive this one".to_owned(),
        }),
    }
    if facts.agrees == Some(false) {
        failed.push(Failed {
            check: Check::Drift,
            verdict: Verdict::Unprotected,
            found: "the agreed tables of both nodes differ at the same place of the log".to_owned(),
            next_step: "restart the standby: it begins anew from the other node's table".to_owned(),
        });
    }
    links(facts, &mut failed);
    witness(facts, &mut failed);
    candidates(facts, &mut failed);
    let reports = facts.peer.iter().filter_map(|peer| peer.report.as_ref());
    for node in core::iter::once(&facts.here).chain(reports) {
        each_node(node, &mut failed);
    }
    failed
}

fn roles(facts: &PairFacts, failed: &mut Vec<Failed>) {
    let here = facts.here.active;
    let peer = facts.peer.as_ref();
    let there = peer.and_then(|peer| peer.active);
    match (here, there) {
        (Some(here), Some(there)) => failed.push(Failed {
            check: Check::Roles,
            verdict: Verdict::SplitBrain,
            found: format!("both nodes are active, under the epochs {here} and {there}"),
            next_step: "the lower epoch gives way as soon as both hear each other: look for what \
                        separates the nodes on the shared interfaces"
                .to_owned(),
        }),
        (None, None) if peer.is_none_or(|peer| peer.heard) => failed.push(Failed {
            check: Check::Roles,
            verdict: Verdict::Unprotected,
            found: "no node is active".to_owned(),
            next_step: "see show vrrp: a member interface that is down keeps a node from the role"
                .to_owned(),
        }),
        // Silent, the peer may be active: that is the next check's business.
        (Some(_), None) | (None, Some(_) | None) => {}
    }
}

fn quorum(facts: &PairFacts, failed: &mut Vec<Failed>) {
    for (group, quorum) in [
        ("control", &facts.here.control),
        ("state", &facts.here.state),
    ] {
        let (found, next_step) = match quorum {
            Quorum::Ok => continue,
            Quorum::Lacking => (
                format!("the {group} group has no leader"),
                if facts.witness.is_some() && facts.peer.is_none() {
                    "see show cluster whether the witness is silent: its vote is needed. If it is heard, it knows \
                     of more than is on this disk, and 'tandem request cluster survive' goes on with what is here"
                } else if facts.witness.is_some() {
                    "see show cluster for the members that are silent: two of three are needed"
                } else {
                    // Whether there is a way on without the other one, and by which word, is known there.
                    "see show cluster for why and what to do: without a witness both nodes are needed"
                }
                .to_owned(),
            ),
            Quorum::Stopped { why } => (
                format!("the {group} group has stopped here: {why}"),
                "mend that and restart the node; packets go on meanwhile".to_owned(),
            ),
        };
        failed.push(Failed {
            check: Check::Quorum,
            verdict: Verdict::NoQuorum,
            found,
            next_step,
        });
    }
}

fn heard(peer: &PeerFacts, failed: &mut Vec<Failed>) {
    if !peer.heard {
        failed.push(Failed {
            check: Check::Peer,
            verdict: Verdict::Unprotected,
            found: format!("node {} is silent on every HA link", peer.name),
            next_step: format!("see whether node {} runs, then the HA links", peer.name),
        });
    } else if peer.report.is_none() {
        failed.push(Failed {
            check: Check::Peer,
            verdict: Verdict::Degraded,
            found: format!("node {} has not said lately how it is", peer.name),
            next_step:
                "see show cluster: the members' connection may be down while heartbeats pass"
                    .to_owned(),
        });
    }
}

/// The one that is not active.
fn standby(facts: &PairFacts, peer: &PeerFacts, failed: &mut Vec<Failed>) {
    let report = peer.report.as_ref();
    let standby = if facts.here.active.is_some() {
        report
    } else {
        Some(&facts.here)
    };
    let Some(standby) = standby.filter(|node| node.active.is_none()) else {
        return;
    };
    let verdict = match standby.role {
        NodeRole::StandbyReady | NodeRole::Active => return,
        NodeRole::Syncing | NodeRole::StandbyNotReady => Verdict::Degraded,
        NodeRole::Joining | NodeRole::Isolated | NodeRole::Failed => Verdict::Unprotected,
    };
    failed.push(Failed {
        check: Check::Standby,
        verdict,
        found: format!("node {} is {}", standby.name, standby.role),
        next_step: format!("see show ha on node {} for its own reasons", standby.name),
    });
}

fn links(facts: &PairFacts, failed: &mut Vec<Failed>) {
    // All of them silent is the peer's silence, which has been said.
    if !facts.links.iter().any(|link| link.up) {
        return;
    }
    for link in &facts.links {
        let found = match (link.up, link.peer_hears_us) {
            (true, true) => continue,
            (false, _) => format!("nothing is heard on HA link {}", link.name),
            (true, false) => format!("the peer does not hear this node on HA link {}", link.name),
        };
        failed.push(Failed {
            check: Check::HaLinks,
            verdict: Verdict::Degraded,
            found,
            next_step: "see show ha links, then the cable, the addresses and the filters between"
                .to_owned(),
        });
    }
}

fn witness(facts: &PairFacts, failed: &mut Vec<Failed>) {
    let Some(witness) = &facts.witness else {
        return;
    };
    let (found, next_step) = match witness.heard_ago {
        Some(ago) if ago <= WITNESS_SILENT && witness.votes => return,
        Some(ago) if ago <= WITNESS_SILENT => (
            "is heard and does not vote in both groups".to_owned(),
            "see show cluster for its places, and its log for why it is not taken in",
        ),
        Some(ago) => (
            format!("has been silent for {} s", ago.as_secs()),
            "start it, or look at the way to it",
        ),
        None => (
            "has never been heard".to_owned(),
            "start it, or look at the way to it",
        ),
    };
    failed.push(Failed {
        check: Check::Witness,
        verdict: Verdict::Degraded,
        found: format!("witness {} {found}", witness.name),
        next_step: format!("{next_step}: without it the loss of a node costs the quorum"),
    });
}

/// Somebody was told that these are committed, and they do not run.
fn candidates(facts: &PairFacts, failed: &mut Vec<Failed>) {
    let names: Vec<_> = facts.candidates.iter().map(Name::as_str).collect();
    let [first, ..] = names.as_slice() else {
        return;
    };
    failed.push(Failed {
        check: Check::Candidates,
        verdict: Verdict::Degraded,
        found: format!(
            "committed while the nodes were apart, and not running: {}",
            names.join(", ")
        ),
        next_step: format!(
            "read it with 'tandem show config --candidate {first}', commit what is missing, then forget \
             it with 'tandem request cluster drop-candidate {first}'"
        ),
    });
}

/// What each node says of itself.
fn each_node(node: &NodeFacts, failed: &mut Vec<Failed>) {
    for interface in &node.interfaces_down {
        failed.push(node.lacks(
            Check::Interfaces,
            &format!("interface {interface} is down"),
            "see show interfaces there, then the cable and the switch",
        ));
    }
    if node.revision != node.running {
        let (committed, running) = (node.revision, node.running);
        failed.push(node.lacks(
            Check::Configuration,
            &format!("configuration {committed} is committed, {running} is running"),
            "see the log there for why the data plane refused it, and commit a mended one",
        ));
    }
    replication(node, failed);
    drift(node, failed);
    storage(node, failed);
}

fn storage(node: &NodeFacts, failed: &mut Vec<Failed>) {
    if let Some(why) = &node.storage.lacks_room {
        failed.push(node.lacks(
            Check::Storage,
            why,
            "make room on the disk of the data directory: the node goes on by itself, packets do \
             meanwhile",
        ));
    } else if let Some(free) = node.storage.free_percent
        && free < DISK_LOW_PERCENT
    {
        failed.push(node.lacks(
            Check::Storage,
            &format!("{free} % of the data directory's disk is free"),
            "make room before the control group has to wait for it",
        ));
    }
}

fn replication(node: &NodeFacts, failed: &mut Vec<Failed>) {
    if node.lag > MAX_LAG {
        failed.push(node.lacks(
            Check::Replication,
            &format!("session changes are {} ms late", node.lag.as_millis()),
            "see show ha drift for the direction, then the load and the HA links",
        ));
    }
    if node.capacity > 0 && node.pending.saturating_mul(2) > node.capacity {
        let (pending, capacity) = (node.pending, node.capacity);
        failed.push(node.lacks(
            Check::Replication,
            &format!("{pending} session changes wait, {capacity} may"),
            "packets go on, new sessions may not be replicated: see the load and show cluster",
        ));
    }
    if node.refused_lately > 0 {
        let refused = node.refused_lately;
        failed.push(node.lacks(
            Check::Refusals,
            &format!("{refused} session changes were given up in the last minute"),
            "nothing to do: they are found and told again as soon as there is room; see show ha drift",
        ));
    }
}

fn drift(node: &NodeFacts, failed: &mut Vec<Failed>) {
    if node.shards_different > 0 {
        let shards = node.shards_different;
        failed.push(node.lacks(
            Check::Drift,
            &format!("{shards} shards hold other sessions than the cluster"),
            "nothing to do at first: it is mended within seconds; see show ha drift",
        ));
    } else if node
        .verified_ago
        .is_some_and(|ago| ago > VERIFICATION_HOLDS)
    {
        failed.push(node.lacks(
            Check::Drift,
            "the session tables have not been verified for minutes",
            "see show ha drift and the load of the session processors",
        ));
    }
}

impl NodeFacts {
    fn lacks(&self, check: Check, found: &str, next_step: &str) -> Failed {
        Failed {
            check,
            verdict: Verdict::Degraded,
            found: format!("node {}: {found}", self.name),
            next_step: next_step.to_owned(),
        }
    }
}
