//! Merging against a naive model, and replicas against each other.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use raft_state::{Batch, ClusterState, Incarnation, StateCommand, StateOutcome, Versioned};
use types::flow_key::{Endpoint, FlowKey, Protocol};
use types::{
    Digest, Epoch, Giid, Hop, MacAddr, Name, NeighborRecord, NodeId, SessionChange, SessionId,
    SessionRecord,
};

proptest! {
    /// The newest rank of each session wins, whatever the order.
    #[test]
    fn the_table_is_what_a_naive_merge_makes(batches in vec(batch(), 0..40)) {
        let state = replay(&batches);
        prop_assert_eq!(living(&state), naive(&batches));
        prop_assert_eq!(state.session_count(), state.sessions().count());
    }

    /// Proposing again what was not acknowledged is harmless, at any time.
    #[test]
    fn batches_that_come_twice_change_nothing(
        batches in vec(batch(), 1..30),
        again in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..30),
    ) {
        let numbered = numbered(&batches);
        let mut with_repeats: Vec<StateCommand> = Vec::new();
        for (place, command) in numbered.iter().enumerate() {
            with_repeats.push(command.clone());
            for (when, which) in &again {
                if when.index(numbered.len()) == place {
                    with_repeats.push(numbered[which.index(place + 1)].clone());
                }
            }
        }
        let mut state = ClusterState::default();
        let mut duplicates = 0;
        for command in &with_repeats {
            if state.apply(command) == StateOutcome::Duplicate {
                duplicates += 1;
            }
        }
        prop_assert_eq!(duplicates, with_repeats.len() - numbered.len());
        prop_assert_eq!(state.encode(), replay(&batches).encode());
    }

    /// The same log gives the same bytes, also when a replica began from a snapshot in the middle.
    #[test]
    fn replicas_are_equal_byte_for_byte(batches in vec(batch(), 0..40), cut in 0_usize..40) {
        let commands = numbered(&batches);
        let cut = cut.min(commands.len());
        let mut whole = ClusterState::default();
        for command in &commands {
            whole.apply(command);
        }
        let mut first = ClusterState::default();
        for command in &commands[..cut] {
            first.apply(command);
        }
        let mut joined = ClusterState::decode(&first.encode().unwrap()).unwrap();
        for command in &commands[cut..] {
            joined.apply(command);
        }
        prop_assert_eq!(joined.checksum(), whole.checksum());
        prop_assert_eq!(joined.encode(), whole.encode());
        prop_assert_eq!(joined, whole);
    }

    /// The checksum follows the content, not the way to it.
    #[test]
    fn equal_content_has_equal_checksums_in_any_order(batches in vec(batch(), 0..20)) {
        let mut reversed = batches.clone();
        reversed.reverse();
        let (forth, back) = (replay(&batches), replay(&reversed));
        // Neighbours have no rank: the last one said wins, so only sessions are compared.
        prop_assert_eq!(living(&forth), living(&back));
        if forth.neighbors().eq(back.neighbors()) {
            prop_assert_eq!(forth.checksum(), back.checksum());
        }
    }

    /// The digests that follow every change are those of the sessions as they are, also in a replica
    /// that began from a snapshot.
    #[test]
    fn the_digest_is_what_the_sessions_sum_up_to(batches in vec(batch(), 0..40)) {
        let state = replay(&batches);
        let from_scratch: Digest = state.sessions().collect();
        let copied = ClusterState::decode(&state.encode().unwrap()).unwrap();
        for state in [&state, &copied] {
            prop_assert_eq!(state.digest(), from_scratch.clone());
            prop_assert_eq!(state.total(), from_scratch.total());
        }
        for id in state.sessions().map(|record| record.id) {
            let living = state.living_rank(id).map(|rank| (id, rank));
            let listed = state.ranks_in([id.shard()]).find(|(found, _)| *found == id);
            prop_assert!(living.is_some() && listed == living);
        }
    }

    /// A frozen clone stays as it was while the original goes on.
    #[test]
    fn a_snapshot_is_frozen(before in vec(batch(), 0..10), after in vec(batch(), 0..10)) {
        let commands = numbered(&[before, after.clone()].concat());
        let mut state = ClusterState::default();
        let split = commands.len() - after.len();
        for command in &commands[..split] {
            state.apply(command);
        }
        let frozen = state.clone();
        let bytes = frozen.encode();
        for command in &commands[split..] {
            state.apply(command);
        }
        prop_assert_eq!(frozen.encode(), bytes);
    }

    /// What one state lacks of another, once told, makes it know at least as much.
    #[test]
    fn telling_what_is_missing_makes_up_for_it(ours in vec(batch(), 0..20), theirs in vec(batch(), 0..20)) {
        let ours = replay(&ours);
        let mut theirs = replay(&theirs);
        let missing: Vec<_> = ours.missing_in(&theirs).collect();
        let mut absorbing = theirs.clone();
        absorbing.absorb(&ours);
        theirs.apply(&StateCommand::from(Batch {
            proposer: NodeId(9),
            incarnation: Incarnation(1),
            sequence: 1,
            sessions: missing.into_iter().collect(),
            neighbors: Vec::new(),
        }));
        prop_assert_eq!(ours.missing_in(&theirs).count(), 0);
        prop_assert_eq!(living(&absorbing), living(&theirs));
    }

    /// Bytes from a disk or a peer never make a panic.
    #[test]
    fn damaged_snapshots_are_refused_or_complete(
        batches in vec(batch(), 0..5),
        place in any::<prop::sample::Index>(),
        value: u8,
    ) {
        let mut bytes = replay(&batches).encode().unwrap();
        let place = place.index(bytes.len());
        bytes[place] = value;
        if let Ok(state) = ClusterState::decode(&bytes) {
            prop_assert_eq!(state.session_count(), state.sessions().count());
        }
        prop_assert!(ClusterState::decode(&bytes[..place]).is_err());
    }
}

#[test]
fn a_late_record_does_not_bring_an_ended_session_back() {
    let mut state = ClusterState::default();
    let commands = numbered(&[
        (1, vec![put(5, 1, 1)], vec![]),
        (2, vec![remove(5, 2, 1)], vec![]),
        (1, vec![put(5, 1, 9)], vec![]),
    ]);
    let outcomes: Vec<_> = commands
        .iter()
        .map(|command| state.apply(command))
        .collect();
    assert_eq!(
        outcomes.last(),
        Some(&StateOutcome::Applied { stale: vec![0] })
    );
    assert_eq!(state.session_count(), 0);
}

#[test]
fn batches_of_an_earlier_life_are_duplicates() {
    let mut state = ClusterState::default();
    let mut of = |incarnation, sequence, session| {
        state.apply(&StateCommand::from(Batch {
            proposer: NodeId(1),
            incarnation: Incarnation(incarnation),
            sequence,
            sessions: [put(session, 1, 1)].into_iter().collect(),
            neighbors: Vec::new(),
        }))
    };
    let applied = StateOutcome::Applied { stale: vec![] };
    assert_eq!(of(1, 7, 1), applied);
    assert_eq!(of(2, 1, 2), applied);
    assert_eq!(of(1, 8, 3), StateOutcome::Duplicate);
    assert_eq!(of(2, 1, 4), StateOutcome::Duplicate);
}

type Sample = (u8, Vec<SessionChange>, Vec<NeighborRecord>);

fn batch() -> impl Strategy<Value = Sample> {
    let change =
        (0_u128..12, 1_u64..4, 0_u32..4, any::<bool>()).prop_map(|(id, epoch, version, ends)| {
            // A rank names one write: so whether it ends the session must follow from it.
            if ends && version == 3 {
                remove(id, epoch, version)
            } else {
                put(id, epoch, version.min(2))
            }
        });
    let neighbor =
        (0_u16..3, 1_u8..5, any::<u8>()).prop_map(|(interface, host, mac)| NeighborRecord {
            interface: Giid(interface),
            ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)),
            mac: MacAddr([2, 0, 0, 0, 0, mac]),
        });
    (1_u8..4, vec(change, 0..8), vec(neighbor, 0..3))
}

fn put(id: u128, epoch: u64, version: u32) -> SessionChange {
    let inside = Endpoint::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 4000);
    let outside = Endpoint::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9)), 53);
    let forward = FlowKey {
        src: inside,
        dst: outside,
        protocol: Protocol::UDP,
    };
    SessionChange::Put(SessionRecord {
        id: SessionId(id),
        owner: NodeId(1),
        epoch: Epoch(epoch),
        version,
        forward,
        reverse: forward.reversed(),
        ingress: Giid(1),
        forward_hop: Hop {
            interface: Giid(2),
            neighbor: outside.ip,
        },
        reverse_hop: Hop {
            interface: Giid(1),
            neighbor: inside.ip,
        },
        service: Name::from("dns"),
        tenant: None,
        tcp: None,
        established: version > 0,
        initial_timeout_ms: 10_000,
        timeout_ms: 30_000,
        opened_unix_ms: 0,
    })
}

fn remove(id: u128, epoch: u64, version: u32) -> SessionChange {
    SessionChange::Remove {
        id: SessionId(id),
        epoch: Epoch(epoch),
        version,
    }
}

fn numbered(batches: &[Sample]) -> Vec<StateCommand> {
    let mut sequences = BTreeMap::<u8, u64>::new();
    batches
        .iter()
        .map(|(proposer, sessions, neighbors)| {
            let sequence = sequences.entry(*proposer).or_default();
            *sequence += 1;
            StateCommand::from(Batch {
                proposer: NodeId(*proposer),
                incarnation: Incarnation(1),
                sequence: *sequence,
                sessions: sessions.iter().collect(),
                neighbors: neighbors.clone(),
            })
        })
        .collect()
}

fn replay(batches: &[Sample]) -> ClusterState {
    let mut state = ClusterState::default();
    for command in numbered(batches) {
        state.apply(&command);
    }
    state
}

fn living(state: &ClusterState) -> BTreeMap<SessionId, (Epoch, u32)> {
    state
        .sessions()
        .map(|record| (record.id, (record.epoch, record.version)))
        .collect()
}

fn naive(batches: &[Sample]) -> BTreeMap<SessionId, (Epoch, u32)> {
    let mut newest = BTreeMap::<SessionId, SessionChange>::new();
    for change in batches.iter().flat_map(|(_, changes, _)| changes) {
        let known = newest.entry(change.id()).or_insert_with(|| change.clone());
        if change.rank() > known.rank() {
            *known = change.clone();
        }
    }
    newest
        .into_values()
        .filter_map(|change| match change {
            SessionChange::Put(record) => Some((record.id, (record.epoch, record.version))),
            SessionChange::Remove { .. } => None,
        })
        .collect()
}
