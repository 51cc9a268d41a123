//! What a store does on a full disk, and when there is room again; see `waiting.rs` for those who wait.

use super::{KINDS, folder, put};
use crate::store::DiskStore;
use crate::store::keyspace::{Headroom, KvStore, StoreError};

#[test]
fn a_write_that_finds_no_room_changes_nothing_and_succeeds_when_there_is_some() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("store");
        let mut store = DiskStore::open(&path, kind).unwrap();
        store.write(&[put(0)]).unwrap();
        store.sync().unwrap();
        let reserve = std::mem::replace(&mut store.reserve_bytes, u64::MAX);

        for _ in 0..3 {
            let error = store.write(&[put(1)]).unwrap_err();
            let StoreError::NoSpace {
                path: named,
                free_bytes,
                needed_bytes,
            } = &error
            else {
                panic!("{error}");
            };
            assert_eq!((named, *needed_bytes), (&path, u64::MAX));
            let Headroom {
                free,
                total,
                needed,
            } = store.headroom().unwrap();
            assert!(free > 0 && *free_bytes > 0 && needed == u64::MAX);
            assert!(total >= free);
        }
        store.sync().unwrap();
        assert_eq!(store.entries().unwrap().len(), 1);

        store.reserve_bytes = reserve;
        store.write(&[put(1)]).unwrap();
        store.sync().unwrap();
        drop(store);
        let entries = DiskStore::open(&path, kind).unwrap().entries().unwrap();
        assert_eq!(entries.len(), 2);
    }
}

#[test]
fn what_a_store_keeps_free_is_there_for_building_it_anew() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("store");
        let mut store = DiskStore::open(&path, kind).unwrap();
        store.write(&[put(0)]).unwrap();
        store.reserve_bytes = u64::MAX;
        store.rebuild().unwrap();
        assert_eq!(store.entries().unwrap().len(), 1);
        assert!(matches!(
            store.write(&[put(1)]),
            Err(StoreError::NoSpace { .. })
        ));
    }
}

#[test]
fn a_store_that_failed_takes_no_more_writes() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("store");
        let mut store = DiskStore::open(&path, kind).unwrap();
        store.write(&[put(0)]).unwrap();
        store.sync().unwrap();
        // What replaces the store cannot be moved in, because its own place cannot be left.
        std::fs::write(folder.path().join("store.old"), "in the way").unwrap();
        store.rebuild().unwrap_err();

        for _ in 0..2 {
            let error = store.write(&[put(1)]).unwrap_err();
            assert!(matches!(error, StoreError::Io { .. }), "{error}");
            store.sync().unwrap_err();
        }
    }
}
