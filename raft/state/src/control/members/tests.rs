//! Invitations are good once, and certificates as long as the list says so.

use proptest::prelude::*;

use super::*;
use crate::control::{ControlCommand, ControlOutcome, ControlState};

mod certificates;
mod dismissals;

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const W: NodeId = NodeId(3);
const SOON: u64 = 1_000;

fn print(number: u8) -> Fingerprint {
    Fingerprint([number; 32])
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, last], 7400))
}

fn record(id: NodeId, name: &str, certificate: u8) -> MemberRecord {
    MemberRecord {
        id,
        name: Name::from(name),
        kind: MemberKind::Node,
        addresses: vec![address(id.0)],
        certificates: vec![CertificateRecord {
            fingerprint: print(certificate),
            until_unix_s: 10_000,
        }],
        software: "0.1.0".to_owned(),
        since_unix_s: 5,
        standing: MemberStanding::Member,
    }
}

fn set(record: MemberRecord, certificates: Certificates) -> MembersCommand {
    MembersCommand::SetMember {
        record,
        certificates,
        now_unix_s: 10,
    }
}

fn add(token: u8, kind: MemberKind, replaces: Option<&str>) -> MembersCommand {
    MembersCommand::AddToken {
        hash: print(token),
        kind,
        expires_unix_s: SOON,
        replaces: replaces.map(Name::from),
        now_unix_s: 10,
    }
}

fn newcomer(name: &str, key: u8) -> Newcomer {
    Newcomer {
        name: Name::from(name),
        key: print(key),
        addresses: vec![address(key)],
    }
}

fn redeem(token: u8, newcomer: Newcomer, now_unix_s: u64) -> MembersCommand {
    MembersCommand::RedeemToken {
        hash: print(token),
        newcomer,
        now_unix_s,
    }
}

fn redeemed(kind: MemberKind, id: NodeId) -> MembersOutcome {
    MembersOutcome::Redeemed {
        kind,
        id,
        certificates: Certificates::Add,
    }
}

fn refused(outcome: MembersOutcome) -> TokenRefusal {
    let MembersOutcome::TokenRefused(refusal) = outcome else {
        panic!("{outcome}");
    };
    refusal
}

/// A cluster of A alone with one open token for a node.
fn inviting() -> Members {
    let mut members = Members::default();
    members.apply(&set(record(A, "a", 1), Certificates::Add));
    members.apply(&add(100, MemberKind::Node, None));
    members
}

#[test]
fn a_token_is_taken_once_and_again_only_from_the_same_newcomer() {
    let mut members = inviting();
    let first = members.apply(&redeem(100, newcomer("b", 20), 20));
    assert_eq!(first, redeemed(MemberKind::Node, B));
    // Its answer got lost.
    assert_eq!(members.apply(&redeem(100, newcomer("b", 20), 30)), first);
    for thief in [newcomer("b", 21), newcomer("c", 20)] {
        assert_eq!(
            refused(members.apply(&redeem(100, thief, 30))),
            TokenRefusal::Used {
                name: Name::from("b")
            }
        );
    }
}

#[test]
fn a_token_is_refused_from_its_last_second_on_and_one_that_nobody_gave_always() {
    let mut members = inviting();
    assert_eq!(
        refused(members.apply(&redeem(100, newcomer("b", 20), SOON))),
        TokenRefusal::Expired { ago_s: 0 }
    );
    assert_eq!(
        refused(members.apply(&redeem(101, newcomer("b", 20), 20))),
        TokenRefusal::Unknown
    );
    // A refusal uses nothing up.
    let outcome = members.apply(&redeem(100, newcomer("b", 20), SOON - 1));
    assert_eq!(outcome, redeemed(MemberKind::Node, B));
}

#[test]
fn names_and_addresses_are_each_one_members() {
    let mut members = inviting();
    assert_eq!(
        refused(members.apply(&redeem(100, newcomer("a", 20), 20))),
        TokenRefusal::NameTaken {
            name: Name::from("a"),
            id: A
        }
    );
    let mut neighbour = newcomer("b", 20);
    neighbour.addresses = vec![address(20), address(A.0)];
    assert_eq!(
        refused(members.apply(&redeem(100, neighbour.clone(), 20))),
        TokenRefusal::AddressTaken {
            address: address(A.0),
            id: A
        }
    );
    neighbour.addresses.clear();
    assert_eq!(
        refused(members.apply(&redeem(100, neighbour, 20))),
        TokenRefusal::Addresses { count: 0 }
    );
    // Also the name of somebody who is on the way.
    members.apply(&redeem(100, newcomer("w", 20), 20));
    members.apply(&add(101, MemberKind::Witness, None));
    assert_eq!(
        refused(members.apply(&redeem(101, newcomer("w", 21), 20))),
        TokenRefusal::NameTaken {
            name: Name::from("w"),
            id: B
        }
    );
}

#[test]
fn there_are_two_nodes_and_one_witness_at_most() {
    let mut members = inviting();
    members.apply(&redeem(100, newcomer("b", 20), 20));
    members.apply(&add(101, MemberKind::Node, None));
    assert_eq!(
        refused(members.apply(&redeem(101, newcomer("c", 21), 20))),
        TokenRefusal::Full {
            kind: MemberKind::Node,
            limit: 2
        }
    );
    members.apply(&add(102, MemberKind::Witness, None));
    assert_eq!(
        members.apply(&redeem(102, newcomer("w", 22), 20)),
        redeemed(MemberKind::Witness, W)
    );
}

#[test]
fn a_number_is_never_used_again() {
    let mut members = inviting();
    members.apply(&redeem(100, newcomer("b", 20), 20));
    members.apply(&set(record(B, "b", 2), Certificates::Add));
    assert_eq!(
        members.apply(&MembersCommand::RemoveMember { id: B }),
        MembersOutcome::Removed
    );
    members.apply(&add(101, MemberKind::Node, None));
    assert_eq!(
        members.apply(&redeem(101, newcomer("b", 21), 20)),
        redeemed(MemberKind::Node, NodeId(3))
    );
}

#[test]
fn who_replaces_a_member_takes_its_number_and_name_and_ends_its_certificates() {
    let mut members = inviting();
    members.apply(&set(record(B, "b", 2), Certificates::Add));
    assert_eq!(
        refused(members.apply(&add(101, MemberKind::Node, Some("c")))),
        TokenRefusal::NobodyToReplace {
            name: Name::from("c")
        }
    );
    members.apply(&add(101, MemberKind::Witness, Some("b")));
    assert_eq!(
        refused(members.apply(&redeem(101, newcomer("c", 21), 20))),
        TokenRefusal::OtherName {
            name: Name::from("c"),
            wanted: Name::from("b")
        }
    );
    // The kind is the replaced member's, and its own address is free for it.
    let mut again = newcomer("b", 21);
    again.addresses = vec![address(B.0)];
    assert_eq!(
        members.apply(&redeem(101, again, 20)),
        MembersOutcome::Redeemed {
            kind: MemberKind::Node,
            id: B,
            certificates: Certificates::Replace
        }
    );
    assert_eq!(members.judge(B, print(2)), Judgement::Known);
    members.apply(&set(record(B, "b", 9), Certificates::Replace));
    assert_eq!(members.judge(B, print(2)), Judgement::OtherCertificate);
    assert_eq!(members.judge(B, print(9)), Judgement::Known);
}

#[test]
fn two_members_never_have_one_name() {
    let mut members = inviting();
    assert_eq!(
        members.apply(&set(record(B, "a", 2), Certificates::Add)),
        MembersOutcome::NameTaken { id: A }
    );
    assert_eq!(members.get(B), None);
}

#[test]
fn without_a_list_nobody_is_judged_and_without_certificates_the_name_will_do() {
    let mut members = Members::default();
    assert_eq!(members.judge(A, print(1)), Judgement::NoList);
    let mut by_hand = record(B, "b", 0);
    by_hand.certificates.clear();
    members.apply(&set(by_hand, Certificates::Add));
    assert_eq!(members.judge(B, print(77)), Judgement::Known);
    assert_eq!(members.judge(A, print(1)), Judgement::NotAMember);
    assert_eq!(members.owner_of(print(77)), None);
}

#[test]
fn open_tokens_are_limited_and_expired_ones_make_room() {
    let mut members = Members::default();
    let limit = u8::try_from(Members::MAX_TOKENS).unwrap();
    for token in 0..limit {
        let outcome = members.apply(&add(token, MemberKind::Node, None));
        assert_eq!(outcome, MembersOutcome::TokenAdded);
    }
    assert_eq!(
        refused(members.apply(&add(limit, MemberKind::Node, None))),
        TokenRefusal::TooMany { count: 32 }
    );
    let later = MembersCommand::AddToken {
        hash: print(limit),
        kind: MemberKind::Node,
        expires_unix_s: SOON + 500,
        replaces: None,
        now_unix_s: SOON,
    };
    assert_eq!(members.apply(&later), MembersOutcome::TokenAdded);
    assert_eq!(members.tokens().count(), 1);
}

#[test]
fn a_witness_knows_whom_to_hear_but_not_who_is_invited() {
    let commands = [
        set(record(A, "a", 1), Certificates::Add),
        add(100, MemberKind::Node, None),
        redeem(100, newcomer("b", 20), 20),
        set(record(B, "b", 2), Certificates::Add),
        MembersCommand::Retire { id: A },
    ];
    let (mut node, mut witness) = (ControlState::default(), ControlState::default());
    for command in commands {
        let mut command = ControlCommand::Members(command);
        assert!(matches!(node.apply(&command), ControlOutcome::Members(_)));
        command.strip();
        witness.apply(&command);
    }
    assert_eq!(witness, node.stripped());
    assert_eq!(witness.members().tokens().count(), 0);
    assert_eq!(witness.members().judge(B, print(2)), Judgement::Known);
}

fn commands() -> impl Strategy<Value = MembersCommand> {
    let kind = prop_oneof![Just(MemberKind::Node), Just(MemberKind::Witness)];
    let name = prop_oneof![Just("a"), Just("b"), Just("c")];
    prop_oneof![
        (0..4_u8, kind, proptest::option::of(name.clone()))
            .prop_map(|(token, kind, replaces)| add(token, kind, replaces)),
        (0..4_u8, name.clone(), 10..13_u8, 0..1_200_u64)
            .prop_map(|(token, name, key, now)| redeem(token, newcomer(name, key), now)),
        (1..5_u8, name, 0..4_u8, any::<bool>()).prop_map(|(id, name, certificate, add)| set(
            record(NodeId(id), name, certificate),
            if add {
                Certificates::Add
            } else {
                Certificates::Replace
            }
        )),
        (1..5_u8).prop_map(|id| MembersCommand::Retire { id: NodeId(id) }),
        (1..5_u8).prop_map(|id| MembersCommand::RemoveMember { id: NodeId(id) }),
    ]
}

proptest! {
    /// Whatever happens: a token is one newcomer's, a name one member's.
    #[test]
    fn no_token_makes_two_members(commands in proptest::collection::vec(commands(), 0..60)) {
        let mut members = Members::default();
        let mut owners: BTreeMap<Fingerprint, Fingerprint> = BTreeMap::new();
        for command in &commands {
            let outcome = members.apply(command);
            // A token that was forgotten, with the member that it replaces too, may be given out anew;
            // secrets are random, so it is not.
            owners.retain(|hash, _| members.tokens().any(|(open, _)| open == hash));
            if let (MembersCommand::RedeemToken { hash, newcomer, .. }, MembersOutcome::Redeemed { .. }) =
                (command, &outcome)
            {
                let owner = owners.entry(*hash).or_insert(newcomer.key);
                prop_assert_eq!(*owner, newcomer.key);
            }
            let mut names: Vec<_> = members.iter().map(|record| record.name.clone()).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            prop_assert_eq!(names.len(), count);
        }
    }
}
