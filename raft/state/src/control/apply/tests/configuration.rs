//! Commits, their history, and candidates that are kept for somebody to choose.

use super::*;

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
