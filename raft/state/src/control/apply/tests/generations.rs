//! Foundations of both groups, and what a witness and a snapshot know of them.

use super::*;

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
            lineage: ControlLineage::first(A).next(founder, Incarnation(9)),
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

#[test]
fn a_survival_is_recorded_once() {
    let mut state = ControlState::default();
    let survived = ControlCommand::Survived(Survival {
        lineage: ControlLineage::first(A).next(B, Incarnation(9)),
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
