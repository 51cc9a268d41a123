//! Every command, and what it refuses.

mod configuration;
mod generations;
mod ownership;

use super::*;
use crate::cluster::Incarnation;
use crate::control::{
    Candidates, Certificates, ControlLineage, History, MemberRecord, MemberStanding,
    MembersCommand, Survival, SurvivalReason,
};
use crate::snapshot::{SnapshotError, Versioned};

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);

fn set(base: u64, text: &str) -> ControlCommand {
    ControlCommand::SetConfig {
        base: Revision(base),
        text: text.to_owned(),
        author: "root".to_owned(),
        at_unix_ms: 7,
    }
}

fn take(node: NodeId, epoch: Epoch) -> ControlCommand {
    ControlCommand::TakeRole {
        group: Name::from("lan-wan"),
        node,
        epoch,
    }
}

#[test]
fn the_checksum_follows_every_part_of_the_state() {
    let mut state = ControlState::default();
    let mut seen = vec![state.checksum()];
    let survival = ControlCommand::Survived(Survival {
        lineage: ControlLineage::first(A).next(B, Incarnation(9)),
        reason: SurvivalReason::Evidence,
        by: "policy".to_owned(),
        at_unix_ms: 7,
        revision: Revision(1),
    });
    for command in [
        set(0, "a"),
        keep("b", candidate(4, "x")),
        survival,
        claim(A, 0, 1),
    ] {
        state.apply(&command);
        assert!(!seen.contains(&state.checksum()), "{command}");
        seen.push(state.checksum());
    }
    let copy = ControlState::decode(&state.encode().unwrap()).unwrap();
    assert_eq!(copy.checksum(), state.checksum());
}

fn claim(node: NodeId, held: u16, count: u16) -> ControlCommand {
    ControlCommand::ClaimPortBlocks {
        node,
        address: "198.51.100.1".parse().unwrap(),
        held,
        count,
    }
}

fn candidate(revision: u64, text: &str) -> Candidate {
    Candidate {
        record: ConfigRecord {
            revision: Revision(revision),
            text: text.to_owned(),
            author: "root".to_owned(),
            at_unix_ms: 7,
        },
        node: B,
        lineage: ControlLineage::first(A).next(B, Incarnation(9)),
    }
}

fn keep(name: &str, candidate: Candidate) -> ControlCommand {
    ControlCommand::KeepCandidate {
        name: Name::from(name),
        candidate,
    }
}
