//! Every command, and what it refuses.

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

fn claim(node: NodeId, held: u16, count: u16) -> ControlCommand {
    ControlCommand::ClaimPortBlocks {
        node,
        address: "198.51.100.1".parse().unwrap(),
        held,
        count,
    }
}

fn blocks(outcome: ControlOutcome) -> Vec<u16> {
    let ControlOutcome::PortBlocks { blocks, .. } = outcome else {
        panic!("{outcome}");
    };
    blocks
}

/// Only a removal that is on record frees blocks: a member, and a node of which nothing is written down yet, may
/// be using theirs at this moment.
#[test]
fn blocks_are_taken_back_of_a_node_that_was_removed_and_of_nobody_else() {
    let mut state = ControlState::default();
    let release = ControlCommand::ReleasePortBlocks { node: B };
    let member = |id: NodeId| {
        ControlCommand::Members(MembersCommand::SetMember {
            record: MemberRecord {
                id,
                name: Name::from(if id == A { "a" } else { "b" }),
                kind: types::MemberKind::Node,
                addresses: Vec::new(),
                certificates: Vec::new(),
                software: String::new(),
                since_unix_s: 1,
                standing: MemberStanding::Member,
            },
            certificates: Certificates::Add,
            now_unix_s: 1,
        })
    };
    let dismiss = MembersCommand::Dismiss {
        id: B,
        by: "uid 0".to_owned(),
        now_unix_s: 2,
    };
    state.apply(&claim(A, 0, 1));
    state.apply(&claim(B, 0, 110));
    let held = |state: &ControlState, node| {
        let address = "198.51.100.1".parse().unwrap();
        state.granted(node, address).len()
    };
    // No list yet; the list is being begun; both are in it; B is leaving.
    let steps = [
        ControlCommand::Stripped,
        member(A),
        member(B),
        ControlCommand::Members(dismiss),
    ];
    for step in steps {
        state.apply(&step);
        assert_eq!(state.removed_with_port_blocks(), []);
        assert_eq!(state.apply(&release), ControlOutcome::Nothing);
        assert_eq!(held(&state, B), 109, "{step}");
    }
    state.apply(&ControlCommand::Members(MembersCommand::RemoveMember {
        id: B,
    }));
    assert_eq!(state.removed_with_port_blocks(), [B]);
    for _ in 0..2 {
        assert_eq!(state.apply(&release), ControlOutcome::PortBlocksReleased);
        assert_eq!((held(&state, A), held(&state, B)), (1, 0));
    }
    assert_eq!(state.removed_with_port_blocks(), []);
    assert_eq!(blocks(state.apply(&claim(A, 1, 109))).len(), 110);
}

#[test]
fn a_commit_on_an_old_base_is_refused_and_changes_nothing() {
    let mut state = ControlState::default();
    assert_eq!(
        state.apply(&set(0, "a")),
        ControlOutcome::ConfigSet {
            revision: Revision(1)
        }
    );
    assert_eq!(
        state.apply(&set(0, "b")),
        ControlOutcome::ConfigStale {
            current: Revision(1)
        }
    );
    assert_eq!(state.config().unwrap().text, "a");
}

#[test]
fn a_commit_proposed_twice_is_one_commit() {
    let mut state = ControlState::default();
    let first = state.apply(&set(0, "a"));
    assert_eq!(state.apply(&set(0, "a")), first);
    assert_eq!(state.revision(), Revision(1));
}

#[test]
fn a_configuration_that_no_message_carries_is_refused() {
    let mut state = ControlState::default();
    let long = "x".repeat(ControlState::MAX_CONFIG_BYTES + 1);
    assert_eq!(
        state.apply(&set(0, &long)),
        ControlOutcome::ConfigTooLarge { bytes: 4_194_305 }
    );
    assert_eq!(state, ControlState::default());
}

#[test]
fn a_role_under_a_lower_epoch_is_refused() {
    let mut state = ControlState::default();
    let older = Epoch::NONE.next_for(A);
    let newer = older.next_for(B);
    assert_eq!(state.apply(&take(B, newer)), ControlOutcome::RoleTaken);
    let current = Role {
        node: B,
        epoch: newer,
    };
    assert_eq!(
        state.apply(&take(A, older)),
        ControlOutcome::RoleRefused { current }
    );
    assert_eq!(state.apply(&take(B, newer)), ControlOutcome::RoleTaken);
    assert_eq!(state.role(&Name::from("lan-wan")), Some(current));
    assert_eq!(state.highest_epoch(), newer);
}

#[test]
fn blocks_are_granted_by_parity_lowest_first_and_never_twice() {
    let mut state = ControlState::default();
    assert_eq!(blocks(state.apply(&claim(A, 0, 2))), [17, 19]);
    assert_eq!(blocks(state.apply(&claim(B, 0, 2))), [16, 18]);
    assert_eq!(blocks(state.apply(&claim(A, 2, 1))), [17, 19, 21]);
    // A claim whose answer got lost does not eat blocks.
    assert_eq!(blocks(state.apply(&claim(A, 2, 1))), [17, 19, 21]);
    assert_eq!(blocks(state.apply(&claim(A, 3, u16::MAX))).len(), 110 - 2);
    assert_eq!(blocks(state.apply(&claim(B, 2, 1))), [16, 18]);
}

#[test]
fn only_the_next_generation_is_formed_and_only_once() {
    let mut state = ControlState::default();
    let form = |generation, founder| ControlCommand::FormState {
        generation,
        founder,
        incarnation: Incarnation(3),
    };
    assert_eq!(
        state.apply(&form(2, A)),
        ControlOutcome::StateFormRefused { current: None }
    );
    assert_eq!(state.apply(&form(1, A)), ControlOutcome::StateFormed);
    assert_eq!(state.apply(&form(1, A)), ControlOutcome::StateFormed);
    let current = state.lineage();
    for refused in [form(1, B), form(3, B)] {
        assert_eq!(
            state.apply(&refused),
            ControlOutcome::StateFormRefused { current }
        );
    }
    assert_eq!(state.apply(&form(2, B)), ControlOutcome::StateFormed);
    assert_eq!(state.lineage().unwrap().founder, B);
}

#[test]
fn the_same_generation_in_two_lineages_has_two_numbers() {
    let mut common = ControlState::default();
    let formed = |mut state: ControlState, generation| {
        let form = ControlCommand::FormState {
            generation,
            founder: A,
            incarnation: Incarnation(3),
        };
        assert_eq!(state.apply(&form), ControlOutcome::StateFormed);
        state
    };
    common = formed(common, 1);
    let survived = |founder| {
        let mut state = common.clone();
        state.apply(&ControlCommand::Survived(Survival {
            lineage: ControlLineage::first(A).next(founder),
            reason: SurvivalReason::Evidence,
            by: "policy".to_owned(),
            at_unix_ms: 1,
            revision: Revision(0),
        }));
        formed(state, 2)
    };
    let [one, other] = [A, B].map(|founder| survived(founder).lineage().unwrap());
    assert_ne!(one.wire(), other.wire());
    assert_eq!(Lineage::generation_of(one.wire()), 2);
    // A witness is taken in with a snapshot, and hears only of what is formed from then on.
    let (node, mut witness) = (survived(B), survived(B).stripped());
    assert_eq!(witness.lineage(), node.lineage());
    let form = ControlCommand::FormState {
        generation: 3,
        founder: B,
        incarnation: Incarnation(3),
    };
    witness.apply(&form);
    let mut node = node;
    node.apply(&form);
    assert_eq!(witness.lineage(), node.lineage());
}

#[test]
fn a_witness_learns_which_state_group_to_vote_in_and_nothing_else() {
    let form = ControlCommand::FormState {
        generation: 1,
        founder: A,
        incarnation: Incarnation(3),
    };
    let commands = [set(0, "secret"), claim(A, 0, 1), form];
    let (mut node, mut witness) = (ControlState::default(), ControlState::default());
    for mut command in commands {
        node.apply(&command);
        command.strip();
        witness.apply(&command);
    }
    assert_eq!(witness, node.stripped());
    assert_eq!(witness.lineage(), node.lineage());
    assert_eq!(witness.config(), None);
}

#[test]
fn snapshots_of_another_version_are_refused_by_number() {
    let mut state = ControlState::default();
    state.apply(&set(0, "a"));
    state.apply(&claim(B, 0, 3));
    let mut bytes = state.encode().unwrap();
    assert_eq!(ControlState::decode(&bytes), Ok(state));
    *bytes.first_mut().unwrap() = 9;
    assert_eq!(
        ControlState::decode(&bytes),
        Err(SnapshotError::Version { found: 9, known: 3 })
    );
    assert_eq!(ControlState::decode(&[]), Err(SnapshotError::Empty));
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
        lineage: ControlLineage::first(A).next(B),
    }
}

fn keep(name: &str, candidate: Candidate) -> ControlCommand {
    ControlCommand::KeepCandidate {
        name: Name::from(name),
        candidate,
    }
}

#[test]
fn the_history_keeps_the_newest_64_and_never_more_than_16_mebibytes_of_text() {
    let mut state = ControlState::default();
    (0..70).for_each(|base| drop(state.apply(&set(base, "small"))));
    assert_eq!(state.history().iter().len(), History::MAX_RECORDS);
    assert_eq!(state.history().get(Revision(6)), None);

    let large = "x".repeat(ControlState::MAX_CONFIG_BYTES);
    (70..76).for_each(|base| drop(state.apply(&set(base, &large))));
    let kept: Vec<_> = state
        .history()
        .iter()
        .map(|record| record.revision.0)
        .collect();
    assert_eq!(kept, [73, 74, 75, 76]);
    assert_eq!(state.config().unwrap().revision, Revision(76));
}

#[test]
fn a_candidate_is_kept_once_under_a_name_that_is_free() {
    let mut state = ControlState::default();
    let kept = |name: &str| ControlOutcome::CandidateKept {
        name: Name::from(name),
    };
    assert_eq!(state.apply(&keep("b-r4", candidate(4, "x"))), kept("b-r4"));
    assert_eq!(state.apply(&keep("b-r4", candidate(4, "x"))), kept("b-r4"));
    assert_eq!(
        state.apply(&keep("b-r4", candidate(4, "y"))),
        kept("b-r4-2")
    );
    assert_eq!(state.candidates().len(), 2);
    assert_eq!(state.candidates().get("b-r4-2").unwrap().record.text, "y");
}

#[test]
fn a_commit_that_the_history_holds_needs_no_candidate() {
    let mut state = ControlState::default();
    state.apply(&set(0, "x"));
    assert_eq!(
        state.apply(&keep("b-r1", candidate(1, "x"))),
        ControlOutcome::CandidateKnown {
            revision: Revision(1)
        }
    );
    assert!(state.candidates().is_empty());
}

#[test]
fn candidates_without_room_are_refused_and_none_makes_way_for_another() {
    let mut state = ControlState::default();
    for revision in 0..64 {
        state.apply(&keep("b", candidate(revision, "x")));
    }
    let full = ControlOutcome::CandidatesFull {
        count: 64,
        bytes: 64,
    };
    let one_more = keep("b", candidate(64, "x"));
    assert_eq!(state.apply(&one_more), full);
    assert_eq!(state.candidates().len(), 64);
    // One that is there already needs no room.
    assert!(matches!(
        state.apply(&keep("b", candidate(63, "x"))),
        ControlOutcome::CandidateKept { .. }
    ));

    let drop = ControlCommand::DropCandidate {
        name: Name::from("b-7"),
    };
    assert_eq!(state.apply(&drop), ControlOutcome::CandidateDropped);
    assert_eq!(
        state.apply(&drop),
        ControlOutcome::CandidateUnknown {
            name: Name::from("b-7")
        }
    );
    assert_eq!(
        state.apply(&one_more),
        ControlOutcome::CandidateKept {
            name: Name::from("b-7")
        }
    );

    let large = "x".repeat(Candidates::MAX_BYTES);
    let mut state = ControlState::default();
    state.apply(&keep("b", candidate(1, &large)));
    assert!(matches!(
        state.apply(&keep("b", candidate(2, "x"))),
        ControlOutcome::CandidatesFull { count: 1, .. }
    ));
}

#[test]
fn a_survival_is_recorded_once() {
    let mut state = ControlState::default();
    let survived = ControlCommand::Survived(Survival {
        lineage: ControlLineage::first(A).next(B),
        reason: SurvivalReason::Thaw,
        by: "root".to_owned(),
        at_unix_ms: 7,
        revision: Revision(0),
    });
    for _ in 0..2 {
        assert_eq!(state.apply(&survived), ControlOutcome::SurvivalRecorded);
    }
    assert_eq!(state.survivals().iter().len(), 1);
}

#[test]
fn the_checksum_follows_every_part_of_the_state() {
    let mut state = ControlState::default();
    let mut seen = vec![state.checksum()];
    let survival = ControlCommand::Survived(Survival {
        lineage: ControlLineage::first(A).next(B),
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
