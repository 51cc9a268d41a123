//! Roles and ports: who may have them.

use super::*;

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
