//! What every store promises: the same tests for each of them.

use std::collections::BTreeMap;

use super::{Dice, KINDS, folder};
use crate::store::keyspace::{Change, Key, KvStore, StoreError};
use crate::store::{DiskStore, MemoryStore, StoreKind};

/// A place where a store is, and stays when the store is closed.
enum Place {
    Memory(MemoryStore),
    Disk(StoreKind, tempfile::TempDir),
}

impl Place {
    fn open(&self) -> Opened {
        match self {
            Self::Memory(store) => Opened::Memory(store.clone()),
            Self::Disk(kind, folder) => Opened::Disk(Box::new(
                DiskStore::open(&folder.path().join("store"), *kind).unwrap(),
            )),
        }
    }
}

/// A store of any kind; the tests are written once for all of them.
enum Opened {
    Memory(MemoryStore),
    Disk(Box<DiskStore>),
}

impl KvStore for Opened {
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.write(changes),
            Self::Disk(store) => store.write(changes),
        }
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.sync(),
            Self::Disk(store) => store.sync(),
        }
    }

    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Memory(store) => store.get(key),
            Self::Disk(store) => store.get(key),
        }
    }

    fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        match self {
            Self::Memory(store) => store.entries(),
            Self::Disk(store) => store.entries(),
        }
    }

    fn damaged(&self, reason: String) -> StoreError {
        match self {
            Self::Memory(store) => store.damaged(reason),
            Self::Disk(store) => store.damaged(reason),
        }
    }
}

/// Runs `test` on a new store of each kind; the output of a failed test ends with the kind.
fn on_each_store(test: impl Fn(&Place)) {
    println!("in memory");
    test(&Place::Memory(MemoryStore::default()));
    for kind in KINDS {
        println!("{kind:?}");
        test(&Place::Disk(kind, folder()));
    }
}

fn entry(index: u64, value: &[u8]) -> Change {
    Change::Put(Key::Entry(index), value.to_vec())
}

fn indices(store: &impl KvStore) -> Vec<u64> {
    let entries = store.entries().unwrap();
    entries.into_iter().map(|(index, _)| index).collect()
}

#[test]
fn a_new_store_holds_nothing() {
    on_each_store(|place| {
        let store = place.open();
        assert_eq!(store.entries().unwrap(), []);
        for key in [Key::Vote, Key::Committed, Key::Purged, Key::Snapshot] {
            assert_eq!(store.get(key).unwrap(), None);
        }
    });
}

#[test]
fn what_was_written_is_read_at_once_and_after_a_sync_from_the_disk() {
    on_each_store(|place| {
        let mut store = place.open();
        store
            .write(&[Change::Put(Key::Vote, b"for A".to_vec()), entry(1, b"one")])
            .unwrap();
        assert_eq!(store.get(Key::Vote).unwrap(), Some(b"for A".to_vec()));
        store.sync().unwrap();
        drop(store);

        let store = place.open();
        assert_eq!(store.get(Key::Vote).unwrap(), Some(b"for A".to_vec()));
        assert_eq!(store.entries().unwrap(), [(1, b"one".to_vec())]);
    });
}

#[test]
fn the_last_change_of_a_key_in_a_batch_counts() {
    on_each_store(|place| {
        let mut store = place.open();
        store
            .write(&[entry(1, b"before"), entry(2, b"before")])
            .unwrap();
        store
            .write(&[
                entry(1, b"first"),
                Change::Delete(Key::Entry(1)),
                entry(1, b"last"),
                entry(2, b"first"),
                Change::Delete(Key::Entry(2)),
            ])
            .unwrap();
        store.sync().unwrap();
        drop(store);

        let entries = place.open().entries().unwrap();
        assert_eq!(entries, [(1, b"last".to_vec())]);
    });
}

#[test]
fn entries_come_by_number_and_not_by_the_order_of_writing() {
    on_each_store(|place| {
        let sorted = [
            0,
            1,
            255,
            256,
            257,
            65_536,
            u64::from(u32::MAX) + 1,
            u64::MAX,
        ];
        let mut store = place.open();
        for index in [
            65_536,
            1,
            u64::MAX,
            256,
            0,
            u64::from(u32::MAX) + 1,
            257,
            255,
        ] {
            store.write(&[entry(index, b"x")]).unwrap();
        }
        assert_eq!(indices(&store), sorted);
        store.sync().unwrap();
        drop(store);
        assert_eq!(indices(&place.open()), sorted);
    });
}

#[test]
fn values_of_every_size_come_back_and_may_grow_and_shrink() {
    on_each_store(|place| {
        let mut dice = Dice(7);
        let mut store = place.open();
        for length in [
            0,
            1,
            4_087,
            4_088,
            4_089,
            8_184,
            300_000,
            4_096,
            3 << 20,
            5,
            0,
        ] {
            let value = dice.bytes(length);
            store
                .write(&[
                    Change::Put(Key::Snapshot, value.clone()),
                    entry(length, &value),
                ])
                .unwrap();
            store.sync().unwrap();
            drop(store);
            store = place.open();
            let found = store.get(Key::Snapshot).unwrap();
            assert!(found.as_ref() == Some(&value), "length {length}");
            let entries = store.entries().unwrap();
            let found = entries.iter().find(|(index, _)| *index == length);
            assert!(
                found.is_some_and(|(_, held)| *held == value),
                "length {length}"
            );
        }
    });
}

#[test]
fn what_was_deleted_is_gone_and_deleting_nothing_is_nothing() {
    on_each_store(|place| {
        let mut store = place.open();
        let many: Vec<Change> = (0..500).map(|index| entry(index, &[1; 50])).collect();
        store.write(&many).unwrap();
        let front = (0..300).map(Key::Entry).map(Change::Delete);
        let back = (400..600).rev().map(Key::Entry).map(Change::Delete);
        let gone: Vec<Change> = front.chain(back).collect();
        store.write(&gone).unwrap();
        store.write(&[Change::Delete(Key::Vote)]).unwrap();
        store.sync().unwrap();
        drop(store);
        assert_eq!(indices(&place.open()), (300..400).collect::<Vec<_>>());
    });
}

/// Against a map: whatever is written, in whatever batches, and opened again at any time.
#[test]
fn a_store_does_what_a_map_does() {
    on_each_store(|place| {
        for seed in 1..=4 {
            let mut dice = Dice(seed);
            let mut map: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
            let mut store = place.open();
            for (index, _) in store.entries().unwrap() {
                store.write(&[Change::Delete(Key::Entry(index))]).unwrap();
            }
            for _ in 0..120 {
                let batch: Vec<Change> = (0..dice.below(6)).map(|_| random(&mut dice)).collect();
                store.write(&batch).unwrap();
                for change in batch {
                    match change {
                        Change::Put(Key::Entry(index), value) => drop(map.insert(index, value)),
                        Change::Delete(Key::Entry(index)) => drop(map.remove(&index)),
                        Change::Put(..) | Change::Delete(_) => {}
                    }
                }
                match dice.below(12) {
                    0..=2 => store.sync().unwrap(),
                    3 => {
                        store.sync().unwrap();
                        drop(store);
                        store = place.open();
                    }
                    _ => {}
                }
            }
            assert!(store.entries().unwrap().into_iter().eq(map), "seed {seed}");
        }
    });
}

fn random(dice: &mut Dice) -> Change {
    let key = Key::Entry(dice.below(40));
    if dice.below(3) == 0 {
        return Change::Delete(key);
    }
    let length = match dice.below(10) {
        0 => dice.below(20_000),
        _ => dice.below(200),
    };
    Change::Put(key, dice.bytes(length))
}
