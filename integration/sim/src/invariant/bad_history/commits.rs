//! Commits that are lost, denied or told in an impossible order.

use super::*;

#[test]
fn an_acknowledged_commit_that_is_gone_is_rejected() {
    let commit = request(1, A, 0, set(0, "mine"));
    let answer = made(1);
    let ack = told(&commit, &answer, 5);
    let other = state(&[set(0, "another's")]);
    let replaced = applied(B, 3, &Content::Consensus, &other);
    assert!(verdict("no_lost_commit", &[ack, replaced]).is_err());
    let nothing = End {
        members: vec![end(B, &ControlState::default())],
        living: Vec::new(),
    };
    assert!(verdict("no_lost_commit", &[ack, Observation::Ended(&nothing)]).is_err());
}

#[test]
fn a_denied_commit_that_runs_is_rejected() {
    let commit = request(1, A, 0, set(0, "mine"));
    let runs = state(&[set(0, "mine")]);
    let ran = applied(B, 3, &Content::Consensus, &runs);
    for answer in [Told::Nothing, stale(7)] {
        let denied = told(&commit, &answer, 5);
        assert!(verdict("honest_answers", &[denied, ran]).is_err());
        assert!(verdict("honest_answers", &[ran, denied]).is_err());
    }
    assert!(verdict("honest_answers", &[ran, told(&commit, &Told::Unknown, 5)]).is_ok());
}

#[test]
fn commits_in_an_impossible_order_are_rejected() {
    let (first, second) = (request(1, A, 0, set(0, "a")), request(2, B, 9, set(1, "b")));
    let (one, two) = (made(1), made(2));
    let ended = End::default();
    let fine = [
        told(&first, &one, 5),
        told(&second, &two, 12),
        Observation::Ended(&ended),
    ];
    assert_eq!(verdict("linearizable", &fine), Ok(()));
    // The second revision was answered before anybody had asked for the first.
    let early = request(2, B, 0, set(1, "b"));
    let late = request(1, A, 20, set(0, "a"));
    let wrong = [
        told(&early, &two, 12),
        told(&late, &one, 25),
        Observation::Ended(&ended),
    ];
    assert!(verdict("linearizable", &wrong).is_err());
    // A refusal names a revision that had been replaced before the question.
    let (reader, met) = (request(3, A, 30, set(0, "c")), stale(1));
    let wrong = [
        told(&first, &one, 5),
        told(&second, &two, 12),
        told(&reader, &met, 31),
        Observation::Ended(&ended),
    ];
    assert!(verdict("linearizable", &wrong).is_err());
    let twice = request(4, B, 0, set(0, "d"));
    assert!(
        verdict(
            "linearizable",
            &[told(&first, &one, 5), told(&twice, &one, 6)]
        )
        .is_err()
    );
}

#[test]
fn two_entries_at_one_place_are_rejected() {
    let nothing = ControlState::default();
    let entries = [1, 2].map(|byte| Content::Command(vec![byte]));
    let [one, other] =
        [(A, 0), (B, 1)].map(|(node, entry)| applied(node, 4, &entries[entry], &nothing));
    assert!(verdict("log_matching", &[one, other]).is_err());
    let changed = state(&[set(0, "a")]);
    let same_entry = applied(B, 4, &entries[0], &changed);
    assert!(verdict("log_matching", &[one, same_entry]).is_err());
}
