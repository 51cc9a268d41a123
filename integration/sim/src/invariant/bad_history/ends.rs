//! What must not be so in the end, or on the way to a witness.

use super::*;

#[test]
fn content_on_its_way_to_the_witness_or_held_by_it_is_rejected() {
    let carried = |to| Observation::Carried {
        to,
        bytes: b"..set secret 7..",
    };
    assert!(verdict("blind_witness", &[carried(MemberKind::Node)]).is_ok());
    assert!(verdict("blind_witness", &[carried(MemberKind::Witness)]).is_err());
    let holds = state(&[set(0, "a")]);
    let entry = Content::Consensus;
    assert!(verdict("blind_witness", &[applied(W, 1, &entry, &holds)]).is_err());
}

#[test]
fn nodes_that_differ_in_the_end_are_rejected() {
    let (one, other) = (state(&[set(0, "a")]), state(&[set(0, "b")]));
    let members = |b: Final| End {
        members: vec![end(A, &one), b],
        living: Vec::new(),
    };
    let same = members(end(B, &one));
    assert!(verdict("equal_in_the_end", &[Observation::Ended(&same)]).is_ok());
    let differ = members(end(B, &other));
    assert!(verdict("equal_in_the_end", &[Observation::Ended(&differ)]).is_err());
    let leaderless = End {
        members: vec![Final {
            leaders: [None, Some(A)],
            ..end(A, &one)
        }],
        living: Vec::new(),
    };
    assert!(verdict("equal_in_the_end", &[Observation::Ended(&leaderless)]).is_err());
}

#[test]
fn a_session_of_a_living_node_that_is_gone_is_rejected() {
    let lost = End {
        members: vec![end(A, &ControlState::default())],
        living: vec![Opened {
            id: types::SessionId(7),
            node: A,
            life: 1,
        }],
    };
    assert!(verdict("no_lost_session", &[Observation::Ended(&lost)]).is_err());
}

#[test]
fn a_group_that_ends_without_a_reason_of_its_disk_is_rejected() {
    let stopped = Observation::Stopped {
        member: A,
        reason: "panicked",
    };
    assert!(verdict("keeps_running", &[stopped]).is_err());
}
