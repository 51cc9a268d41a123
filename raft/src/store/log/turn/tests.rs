//! A store that changes its lineage: what it holds then, and what a crash leaves.

use openraft::entry::RaftEntry;
use openraft::vote::RaftLeaderIdExt;
use raft_state::{Incarnation, SurvivalReason};
use types::{NodeId, Revision};

use super::*;
use crate::group::Entry;
use crate::store::{KvStore, MemoryStore, StoreError};

mod begins;

const ME: MemberId = MemberId {
    node: NodeId(2),
    incarnation: Incarnation(7),
};

/// It began long after [`ME`] had become a member.
const LIFE: Incarnation = Incarnation(9);

fn set(base: u64) -> ControlCommand {
    ControlCommand::SetConfig {
        base: Revision(base),
        text: format!("on {base}"),
        author: "root".to_owned(),
        at_unix_ms: 1,
    }
}

fn id(term: u64, index: u64) -> LogId<ControlGroup> {
    let leader = openraft::impls::leader_id_adv::LeaderId::<u64, u64>::new_committed(term, 1);
    openraft::LogId::new(leader, index)
}

fn first() -> ControlLineage {
    ControlLineage::first(NodeId(1))
}

fn survival() -> Survival {
    Survival {
        lineage: first().next(ME.node, LIFE),
        reason: SurvivalReason::Evidence,
        by: "policy".to_owned(),
        at_unix_ms: 9,
        revision: Revision(3),
    }
}

/// A disk with three commits in its log, as a follower has it: nothing is known to be committed.
fn disk() -> MemoryStore {
    let mut store = MemoryStore::default();
    let vote =
        openraft::impls::Vote::<openraft::impls::leader_id_adv::LeaderId<u64, u64>>::new(3, 1);
    let mut changes = vec![
        Change::Put(Key::Founded, encode(&ME.incarnation).unwrap()),
        Change::Put(Key::Lineage, encode(&first()).unwrap()),
        Change::Put(Key::Vote, encode(&vote).unwrap()),
    ];
    for index in 0..3 {
        let mut entry = Entry::<ControlGroup>::new_blank(id(3, index));
        entry.payload = EntryPayload::Normal(set(index));
        changes.push(Change::Put(Key::Entry(index), encode(&entry).unwrap()));
    }
    store.write(&changes).unwrap();
    store
}

fn held(store: &MemoryStore) -> Held {
    let recovered = Recovered::<ControlGroup>::read(store).unwrap();
    Held {
        snapshot: recovered.snapshot,
        log: recovered.log,
        taken_back: None,
    }
}

/// The same store again after its process has ended.
fn reopened(store: &MemoryStore) -> Recovered<ControlGroup> {
    Recovered::read(store).unwrap()
}

#[test]
fn a_survivor_goes_on_with_the_whole_log_whether_committed_or_not() {
    let mut store = disk();
    let (changes, begun) = held(&store)
        .refounded(ME, LIFE, &survival(), Vec::new())
        .unwrap()
        .unwrap();
    store.write(&changes).unwrap();

    let after = reopened(&store);
    assert_eq!(after.lineage, Some(survival().lineage));
    assert_eq!(after.founded, Some(ME.incarnation));
    assert_eq!(store.entries().unwrap(), []);
    let (meta, state) = after.snapshot.unwrap();
    assert_eq!(state.revision(), Revision(3));
    assert_eq!(
        state.survivals().iter().collect::<Vec<_>>(),
        [&survival()],
        "the beginning and its record cannot be parted"
    );
    let formed = raft_state::Lineage {
        generation: 1,
        founder: ME.node,
        incarnation: LIFE,
        under: survival().lineage.wire(),
    };
    assert_eq!(state.lineage(), Some(formed), "sessions begin anew, too");
    assert_eq!(meta.last_log_id, Some(id(3, 2)));
    let voters: Vec<_> = meta.last_membership.membership().voter_ids().collect();
    assert_eq!(voters, [ME.to_u64()]);
    // What goes on in the same process is what a crash would find.
    let (begun_meta, begun_state) = begun.snapshot.unwrap();
    assert_eq!((begun_meta, begun_state), (meta, state));
    assert_eq!(begun.log.purged, after.log.purged);
    assert_eq!(begun.log.vote, after.log.vote);
    assert!(after.log.vote.is_some());
}

#[test]
fn who_gives_way_keeps_everything_aside_and_begins_with_nothing_else() {
    let mut store = disk();
    let to = first().next(NodeId(1), LIFE);
    let (changes, begun) = held(&store)
        .emptied(ME, Some(first()), to, Vec::new())
        .unwrap();
    store.write(&changes).unwrap();

    let after = reopened(&store);
    assert!(after.is_blank());
    assert_eq!((after.lineage, begun.lineage), (Some(to), Some(to)));
    assert_eq!(after.aside, begun.aside);
    let [aside] = after.aside.as_slice() else {
        panic!("{:?}", after.aside);
    };
    assert_eq!(aside.lineage, first());
    assert_eq!(aside.state().unwrap().revision(), Revision(3));

    // Giving way again before anything was handed over loses nothing.
    let again = to.next(NodeId(1), LIFE);
    let (changes, _) = held(&store)
        .emptied(ME, Some(to), again, after.aside)
        .unwrap();
    store.write(&changes).unwrap();
    assert_eq!(reopened(&store).aside.len(), 2);
}

#[test]
fn who_never_was_part_of_anything_cannot_go_on_alone() {
    let store = MemoryStore::default();
    let turn = held(&store)
        .refounded(ME, LIFE, &survival(), Vec::new())
        .unwrap();
    assert!(turn.is_none());
}

/// Whoever starts with a log is never taken for an empty newcomer, however little is known of it yet.
#[test]
fn a_store_with_a_log_is_not_empty() {
    assert!(!held(&disk()).is_empty());
    assert!(reopened(&disk()).holds_anything());
    assert!(held(&MemoryStore::default()).is_empty());
}

/// A disk on which the power fails after so many writes.
struct Failing {
    disk: MemoryStore,
    writes_left: u32,
}

impl KvStore for Failing {
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let Some(left) = self.writes_left.checked_sub(1) else {
            return Err(self.disk.damaged("the power is gone".to_owned()));
        };
        self.writes_left = left;
        self.disk.write(changes)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.disk.sync()
    }

    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.disk.get(key)
    }

    fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.disk.entries()
    }

    fn damaged(&self, reason: String) -> StoreError {
        self.disk.damaged(reason)
    }
}

/// Gives way, and hands over, on a disk that fails after `writes`. What was done before is found done.
fn give_way_until_the_power_fails(disk: &MemoryStore, writes: u32) {
    let mut store = Failing {
        disk: disk.clone(),
        writes_left: writes,
    };
    let to = first().next(NodeId(1), LIFE);
    let found = reopened(disk);
    if found.lineage != Some(to) {
        let from = found.lineage;
        let turn = held(disk).emptied(ME, from, to, found.aside).unwrap();
        if store.write(&turn.0).is_err() {
            return;
        }
    }
    // Here the winner has answered for every candidate.
    if !reopened(disk).aside.is_empty() {
        let _power_gone = store.write(&[Change::Delete(Key::Aside)]);
    }
}

#[test]
fn a_crash_after_any_write_ends_where_no_crash_does() {
    for first_life in 0..3 {
        for second_life in 0..3 {
            let disk = disk();
            for writes in [first_life, second_life] {
                give_way_until_the_power_fails(&disk, writes);
                let found = reopened(&disk);
                let holds = found.lineage == Some(first());
                let state = held(&disk).state();
                // At any moment the commits are in the log or aside, or were handed over.
                assert!(
                    !holds || state.revision() == Revision(3),
                    "{first_life}, {second_life}"
                );
                assert!(holds || found.is_blank());
            }
            give_way_until_the_power_fails(&disk, u32::MAX);
            let end = reopened(&disk);
            assert!(end.is_blank() && end.aside.is_empty());
            assert_eq!(end.lineage, Some(first().next(NodeId(1), LIFE)));
        }
    }
}

#[test]
fn only_what_is_known_to_be_agreed_on_is_called_common() {
    let mut store = disk();
    assert_eq!(held(&store).agreed_revision(), Revision(0));
    let second = encode(&id(3, 1)).unwrap();
    store.write(&[Change::Put(Key::Committed, second)]).unwrap();
    let held_now = held(&store);
    assert_eq!(held_now.agreed_revision(), Revision(2));
    assert_eq!(held_now.state().revision(), Revision(3));
    // What was taken back is this node's alone from where its lineage began.
    let begun = held_now.refounded(ME, LIFE, &survival(), Vec::new());
    let (changes, begun) = begun.unwrap().unwrap();
    store.write(&changes).unwrap();
    let lineage = begun.lineage.unwrap();
    let next = lineage.next(NodeId(1), LIFE);
    let (changes, given_way) = held(&store)
        .emptied(ME, Some(lineage), next, Vec::new())
        .unwrap();
    store.write(&changes).unwrap();
    let back = held(&store).taken_back(&given_way.aside[0]).unwrap();
    assert_eq!(back.agreed_revision(), survival().revision);
}

/// Whatever the winner has sent before it died: nothing, or a commit that would fit.
#[test]
fn who_gave_way_to_a_node_that_is_gone_goes_on_with_what_it_kept_aside() {
    let mut entry = Entry::<ControlGroup>::new_blank(id(3, 0));
    entry.payload = EntryPayload::Normal(set(3));
    let of_winner = Change::Put(Key::Entry(0), encode(&entry).unwrap());
    for sent in [vec![], vec![of_winner]] {
        let mut store = disk();
        let to = first().next(NodeId(1), LIFE);
        let given_way = held(&store).emptied(ME, Some(first()), to, Vec::new());
        store.write(&given_way.unwrap().0).unwrap();
        assert!(held(&store).is_empty());
        store.write(&sent).unwrap();
        let aside = reopened(&store).aside;

        let back = held(&store).taken_back(&aside[0]).unwrap();
        let survival = Survival {
            lineage: to.next(ME.node, LIFE),
            ..survival()
        };
        let refounded = back.refounded(ME, LIFE, &survival, aside);
        let (changes, recovered) = refounded.unwrap().unwrap();
        store.write(&changes).unwrap();

        let again = reopened(&store);
        for found in [&recovered, &again] {
            assert_eq!(found.lineage, Some(survival.lineage));
            assert_eq!(found.agreed().revision(), Revision(3));
            assert!(found.log.entries.is_empty());
            let (meta, state) = found.snapshot.as_ref().unwrap();
            assert_eq!(meta.last_log_id, found.log.purged);
            assert!(meta.last_log_id.is_some(), "it has begun");
            let last = state.survivals().iter().last();
            assert_eq!(last.map(|last| last.lineage), Some(survival.lineage));
        }
        let kept = "nothing is forgotten before its time";
        assert_eq!(again.aside, recovered.aside, "{kept}");
        assert_eq!(again.aside.len(), 1, "{kept}");
    }
}
