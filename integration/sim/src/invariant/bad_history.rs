//! Each invariant rejects a history that breaks it, made by hand.

use raft::seam::{Content, Place};
use raft::{GroupName, MemberKind};
use raft_state::{
    ControlCommand, ControlLineage, ControlOutcome, ControlState, Incarnation, Versioned,
};
use types::{Epoch, Name, NodeId, Revision};

use super::*;

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const W: NodeId = NodeId(3);
/// The first lineage, founded by node 1.
const LINEAGE: u64 = 0x101;

fn set(base: u64, text: &str) -> ControlCommand {
    ControlCommand::SetConfig {
        base: Revision(base),
        text: text.to_owned(),
        author: "root".to_owned(),
        at_unix_ms: 1,
    }
}

fn claim(node: NodeId, held: u16) -> ControlCommand {
    ControlCommand::ClaimPortBlocks {
        node,
        address: "198.51.100.1".parse().unwrap(),
        held,
        count: 1,
    }
}

fn state(commands: &[ControlCommand]) -> ControlState {
    let mut state = ControlState::default();
    for command in commands {
        state.apply(command);
    }
    state
}

const fn place(group: GroupName, index: u64) -> Place {
    Place {
        group,
        generation: LINEAGE,
        index,
        term: 1,
    }
}

/// What the invariant `name` says last of these observations; all before are fine with it.
fn verdict(name: &str, observations: &[Observation<'_>]) -> Result<(), String> {
    let mut invariant = all(Topology::PairWitness)
        .into_iter()
        .find(|invariant| invariant.name() == name)
        .unwrap();
    let (last, before) = observations.split_last().unwrap();
    for observation in before {
        assert_eq!(invariant.see(observation), Ok(()));
    }
    invariant.see(last)
}

fn applied<'a>(
    member: NodeId,
    index: u64,
    content: &'a Content,
    state: &'a ControlState,
) -> Observation<'a> {
    let kind = if member == W {
        MemberKind::Witness
    } else {
        MemberKind::Node
    };
    Observation::Applied {
        member,
        kind,
        place: place(GroupName::Control, index),
        content,
        state: Applied::Control(state),
    }
}

fn request(id: u64, node: NodeId, at: u64, command: ControlCommand) -> Request {
    Request {
        id,
        node,
        at: Millis(at),
        command,
    }
}

fn told<'a>(request: &'a Request, told: &'a Told, at: u64) -> Observation<'a> {
    Observation::Told {
        request,
        told,
        at: Millis(at),
    }
}

fn made(revision: u64) -> Told {
    Told::Outcome(ControlOutcome::ConfigSet {
        revision: Revision(revision),
    })
}

fn stale(current: u64) -> Told {
    Told::Outcome(ControlOutcome::ConfigStale {
        current: Revision(current),
    })
}

fn lineage(wire: u64) -> LineageView {
    LineageView {
        lineage: ControlLineage::from_wire(wire),
        ..LineageView::default()
    }
}

fn end(node: NodeId, control: &ControlState) -> Final {
    Final {
        id: node,
        kind: MemberKind::Node,
        lineage: lineage(LINEAGE),
        control: control.clone(),
        state: ClusterState::default(),
        leaders: [Some(A), Some(A)],
        disk_has_secret: false,
    }
}

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

fn applied_in(wire: u64, member: NodeId, state: &ControlState) -> Observation<'_> {
    let Observation::Applied { place, .. } = applied(member, 5, &Content::Snapshot, state) else {
        unreachable!("made above");
    };
    Observation::Applied {
        member,
        kind: MemberKind::Node,
        place: Place {
            generation: wire,
            ..place
        },
        content: &Content::Snapshot,
        state: Applied::Control(state),
    }
}

#[test]
fn a_commit_of_a_lineage_that_lost_must_be_a_candidate() {
    let (mine, others) = (set(0, "mine"), set(0, "another's"));
    let commit = request(1, A, 0, mine.clone());
    let (lost, won) = (state(&[mine]), state(&[others]));
    let answer = made(1);
    let before = [
        applied_in(0x201, A, &lost),
        applied_in(0x202, B, &won),
        told(&commit, &answer, 5),
    ];
    let ended = |control: &ControlState| End {
        members: vec![Final {
            lineage: lineage(0x202),
            ..end(B, control)
        }],
        living: Vec::new(),
    };
    let history = |last| [before.as_slice(), &[last]].concat();
    let forgotten = ended(&won);
    assert!(verdict("no_lost_commit", &history(Observation::Ended(&forgotten))).is_err());

    let mut kept = won.clone();
    for command in raft_state::candidates_of(
        &lost,
        (
            A,
            &Name::from("node-1"),
            ControlLineage::from_wire(0x201).unwrap(),
        ),
        &won,
    ) {
        kept.apply(&command);
    }
    let kept = ended(&kept);
    assert_eq!(
        verdict("no_lost_commit", &history(Observation::Ended(&kept))),
        Ok(())
    );
}

#[test]
fn two_lineages_in_the_end_and_a_way_back_are_rejected() {
    let nothing = ControlState::default();
    let back = [
        applied_in(0x201, A, &nothing),
        applied_in(0x101, A, &nothing),
    ];
    assert!(verdict("one_lineage", &back).is_err());
    let both = End {
        members: [0x201, 0x202]
            .map(|wire| Final {
                lineage: lineage(wire),
                ..end(A, &nothing)
            })
            .to_vec(),
        living: Vec::new(),
    };
    assert!(verdict("one_lineage", &[Observation::Ended(&both)]).is_err());
    let low = End {
        members: vec![end(A, &nothing)],
        living: Vec::new(),
    };
    let higher = applied_in(0x202, B, &nothing);
    assert!(verdict("one_lineage", &[higher, Observation::Ended(&low)]).is_err());
}
