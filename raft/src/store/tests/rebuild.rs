//! A store that takes up too much is built anew, and a store of the other library is refused.

use std::path::Path;

use super::{KINDS, copy, folder, put};
use crate::store::files::bytes_in;
use crate::store::keyspace::{Change, Key, KvStore, StoreError};
use crate::store::{DiskStore, StoreKind};

const LIVE: usize = 50;

/// A store with fifty live entries.
fn filled(path: &Path, kind: StoreKind) -> DiskStore {
    let mut store = DiskStore::open(path, kind).unwrap();
    let batch: Vec<Change> = (0..50).map(put).collect();
    store.write(&batch).unwrap();
    store.sync().unwrap();
    store
}

#[test]
fn a_store_full_of_what_was_deleted_shrinks_and_keeps_the_rest() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("store");
        let mut store = filled(&path, kind);
        for round in 0..20 {
            let index = 1_000 + round % 2;
            store
                .write(&[Change::Put(Key::Entry(index), vec![1; 400_000])])
                .unwrap();
            store.sync().unwrap();
        }
        let gone = [1_000, 1_001].map(Key::Entry).map(Change::Delete);
        store.write(&gone).unwrap();
        let before = bytes_in(&path).unwrap();

        assert!(!store.rebuild_if_wasteful().unwrap(), "{kind:?}: {before}");
        store.small_bytes = 1 << 20;
        assert!(store.rebuild_if_wasteful().unwrap(), "{kind:?}: {before}");

        let after = bytes_in(&path).unwrap();
        assert!(after * 2 < before, "{kind:?}: {after} of {before}");
        // It goes on in its new files.
        store.write(&[put(50)]).unwrap();
        store.sync().unwrap();
        drop(store);
        let store = DiskStore::open(&path, kind).unwrap();
        assert_eq!(store.entries().unwrap().len(), LIVE + 1);
    }
}

#[test]
fn a_store_that_was_left_wasteful_shrinks_when_it_is_opened() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("store");
        let mut store = filled(&path, kind);
        let before = store.entries().unwrap();
        let large = vec![1; 17 << 20];
        store.write(&[Change::Put(Key::Snapshot, large)]).unwrap();
        store.sync().unwrap();
        store.write(&[Change::Delete(Key::Snapshot)]).unwrap();
        store.sync().unwrap();
        let wasteful = bytes_in(&path).unwrap();
        assert!(wasteful > 16 << 20, "{kind:?}: {wasteful}");
        drop(store);

        let store = DiskStore::open(&path, kind).unwrap();

        let shrunk = bytes_in(&path).unwrap();
        assert!(shrunk < 4 << 20, "{kind:?}: {shrunk}");
        assert_eq!(store.entries().unwrap(), before);
    }
}

#[test]
fn a_store_of_the_other_library_is_refused_by_both_names_and_left_as_it_is() {
    for (written, wanted) in [
        (StoreKind::Sled, StoreKind::Redb),
        (StoreKind::Redb, StoreKind::Sled),
    ] {
        let folder = folder();
        let path = folder.path().join("store");
        let before = filled(&path, written).entries().unwrap();
        for _ in 0..2 {
            let error = DiskStore::open(&path, wanted).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "the store {} was written by {written}, and {wanted} was chosen: choose {written}, \
                     or move the store away and let the other members fill a new one",
                    path.display()
                )
            );
        }
        let life = raft_state::Incarnation(1);
        // Nor is it taken for a damaged one, alone or not.
        for alone in [true, false] {
            let refused = crate::store::open_or_replace(&path, wanted, life, alone);
            assert!(matches!(
                refused,
                Err(crate::StartError::Store(StoreError::OtherKind { .. }))
            ));
        }
        let store = DiskStore::open(&path, written).unwrap();
        assert_eq!(store.entries().unwrap(), before);
    }
}

/// The folders as each step of a replacement leaves them; see the table in `folder.rs`.
#[test]
fn a_replacement_that_was_interrupted_is_ended_or_undone() {
    for kind in KINDS {
        let folder = folder();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let before = filled(&one, kind).entries().unwrap();
        drop(filled(&two, kind));
        let step = |name: &str, folders: [Option<&Path>; 3]| {
            let place = folder.path().join(name);
            for (from, suffix) in folders.into_iter().zip(["", ".new", ".old"]) {
                if let Some(from) = from {
                    copy(from, &place.join(format!("store{suffix}")));
                }
            }
            let path = place.join("store");
            let found = DiskStore::open(&path, kind).unwrap().entries().unwrap();
            let left: Vec<_> = super::listing(&place);
            assert_eq!(left, [path.clone(), place.join("store.lock")], "{name}");
            found
        };
        let half = folder.path().join("half");
        copy(&one, &half);
        for file in super::listing(&half).into_iter().skip(1) {
            if file.is_file() {
                std::fs::remove_file(file).unwrap();
            }
        }
        let (one, two, half) = (one.as_path(), two.as_path(), half.as_path());

        assert_eq!(step("first", [None, Some(half), None]), []);
        assert_eq!(step("building", [Some(one), Some(half), None]), before);
        assert_eq!(step("built", [Some(one), Some(two), None]), before);
        assert_eq!(step("moved out", [None, Some(two), Some(one)]), before);
        assert_eq!(step("moved in", [Some(two), None, Some(one)]), before);
        assert_eq!(step("cleaning", [Some(two), None, Some(half)]), before);
    }
}
