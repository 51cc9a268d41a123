//! Ports, generations, epochs and roles that two have, or nobody.

use super::*;

#[test]
fn a_block_of_two_nodes_and_a_claim_that_counts_twice_are_rejected() {
    let of = |node| request(1, node, 0, claim(node, 0));
    let (a, b) = (of(A), of(B));
    let answer = Told::Outcome(ControlOutcome::PortBlocks {
        address: "198.51.100.1".parse().unwrap(),
        blocks: vec![16],
    });
    let both = [told(&a, &answer, 1), told(&b, &answer, 2)];
    assert!(verdict("no_port_twice", &both).is_err());

    let (once, twice) = (state(&[claim(A, 0)]), state(&[claim(A, 0), claim(A, 1)]));
    let again = Content::Command(claim(A, 0).encode().unwrap());
    let history = [applied(A, 1, &again, &once), applied(A, 2, &again, &twice)];
    assert!(verdict("no_port_twice", &history).is_err());
}

#[test]
fn a_generation_of_two_founders_or_of_none_is_rejected() {
    let form = |founder| ControlCommand::FormState {
        generation: 1,
        founder,
        incarnation: Incarnation(1),
    };
    let (one, other) = (state(&[form(A)]), state(&[form(B)]));
    let entry = Content::Consensus;
    let history = [applied(A, 1, &entry, &one), applied(B, 1, &entry, &other)];
    assert!(verdict("one_generation", &history).is_err());
    let sessions = ClusterState::default();
    let undecided = Observation::Applied {
        member: A,
        kind: MemberKind::Node,
        place: place(GroupName::State, 1),
        content: &entry,
        state: Applied::State(&sessions),
    };
    assert!(verdict("one_generation", &[undecided]).is_err());
}

fn take(node: NodeId, epoch: Epoch) -> ControlCommand {
    ControlCommand::TakeRole {
        group: Name::from("lan-wan"),
        node,
        epoch,
    }
}

#[test]
fn an_epoch_of_two_owners_is_rejected_in_whatever_lineage() {
    let epoch = Epoch::NONE.next_for(A);
    let (mine, stolen) = (state(&[take(A, epoch)]), state(&[take(B, epoch)]));
    assert!(verdict("one_owner", &[applied_in(0x201, A, &stolen)]).is_err());
    let apart = [applied_in(0x201, A, &mine), applied_in(0x202, B, &stolen)];
    assert!(verdict("one_owner", &apart).is_err());
    let agreed = [applied_in(0x201, A, &mine), applied_in(0x202, B, &mine)];
    assert_eq!(verdict("one_owner", &agreed), Ok(()));
}

#[test]
fn a_role_of_an_older_epoch_is_rejected_however_it_comes() {
    let first = Epoch::NONE.next_for(A);
    let second = first.next_for(B);
    let command = |node, epoch| Content::Command(take(node, epoch).encode().unwrap());
    let (old, new) = (state(&[take(A, first)]), state(&[take(B, second)]));
    let (low, high) = (command(A, first), command(B, second));
    let rises = [applied(A, 1, &low, &old), applied(A, 2, &high, &new)];
    assert_eq!(verdict("one_owner", &rises), Ok(()));
    // By an entry, by a snapshot, and by being forgotten.
    let none = ControlState::default();
    for (content, fallen) in [(&low, &old), (&Content::Snapshot, &old), (&low, &none)] {
        let falls = [applied(A, 1, &high, &new), applied(A, 2, content, fallen)];
        assert!(verdict("one_owner", &falls).is_err(), "{content:?}");
    }
    // Only a claim changes a role, and it does.
    let by_itself = [
        applied(A, 1, &low, &old),
        applied(A, 2, &Content::Consensus, &new),
    ];
    assert!(verdict("one_owner", &by_itself).is_err());
    let ignored = [applied(A, 1, &low, &old), applied(A, 2, &high, &old)];
    assert!(verdict("one_owner", &ignored).is_err());
    // Who starts again applies from an older place on.
    let again = [
        applied(A, 1, &low, &old),
        applied(A, 2, &high, &new),
        applied(A, 1, &low, &old),
    ];
    assert_eq!(verdict("one_owner", &again), Ok(()));
}

#[test]
fn answers_about_a_role_that_nobody_ends_with_are_rejected() {
    let first = Epoch::NONE.next_for(A);
    let second = first.next_for(B);
    let third = second.next_for(A);
    let current = state(&[take(B, second)]);
    let recorded = applied(B, 1, &Content::Snapshot, &current);
    let all = End {
        members: vec![end(B, &current)],
        living: Vec::new(),
    };
    let claim = |node, epoch| request(1, node, 0, take(node, epoch));
    let taken = Told::Outcome(ControlOutcome::RoleTaken);
    let refused = |node, epoch| {
        Told::Outcome(ControlOutcome::RoleRefused {
            current: raft_state::Role { node, epoch },
        })
    };
    let (late, right, newer) = (claim(A, first), claim(B, second), claim(A, third));
    let lost = refused(B, second);
    let at_once = |request: &Request, answer: &Told| {
        verdict("one_owner", &[recorded, told(request, answer, 1)])
    };
    let in_the_end = |request: &Request, answer: &Told| {
        let history = [recorded, told(request, answer, 1), Observation::Ended(&all)];
        verdict("one_owner", &history)
    };
    assert_eq!(in_the_end(&right, &taken), Ok(()));
    assert_eq!(in_the_end(&late, &lost), Ok(()));
    // Agreed on by one that died before anybody saw it apply that.
    assert_eq!(in_the_end(&late, &taken), Ok(()));
    let wrong = [
        (&newer, &lost),
        (&late, &refused(A, second)),
        (&late, &Told::Outcome(ControlOutcome::Nothing)),
    ];
    for (request, answer) in wrong {
        assert!(at_once(request, answer).is_err(), "{answer:?}");
    }
    for (request, answer) in [(&newer, &taken), (&late, &refused(A, third))] {
        assert!(in_the_end(request, answer).is_err(), "{answer:?}");
    }
}
