//! A store that comes back with less than it has confirmed is damaged; one that lost what nobody was told
//! of is not.

use std::path::Path;

use super::{KINDS, copy, folder, put};
use crate::store::keyspace::{KvStore, StoreError};
use crate::store::{DiskStore, StoreKind};

/// A store in `live` with one confirmed write, and a copy of it in `older`; then a second write.
fn two_writes(folder: &Path, kind: StoreKind) -> DiskStore {
    let (live, older) = (folder.join("live"), folder.join("older"));
    let mut store = DiskStore::open(&live, kind).unwrap();
    store.write(&[put(0)]).unwrap();
    store.sync().unwrap();
    copy(&live, &older);
    store.write(&[put(1)]).unwrap();
    store
}

#[test]
fn a_store_that_has_forgotten_a_confirmed_write_is_damaged() {
    for kind in KINDS {
        let folder = folder();
        let mut store = two_writes(folder.path(), kind);
        store.sync().unwrap();
        drop(store);
        let older = folder.path().join("older");
        std::fs::copy(
            folder.path().join("live/watermark"),
            older.join("watermark"),
        )
        .unwrap();

        let error = DiskStore::open(&older, kind).unwrap_err();

        assert_eq!(
            error.to_string(),
            format!(
                "the store {} is damaged: it remembers 1 of 2 confirmed writes",
                older.display()
            )
        );
    }
}

#[test]
fn a_store_that_has_forgotten_what_nobody_was_told_of_is_sound() {
    for kind in KINDS {
        let folder = folder();
        drop(two_writes(folder.path(), kind));
        let store = DiskStore::open(&folder.path().join("older"), kind).unwrap();
        assert_eq!(store.entries().unwrap().len(), 1);
    }
}

#[test]
fn a_confirmation_that_was_cut_off_leaves_the_one_before() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("store");
        let mut store = DiskStore::open(&path, kind).unwrap();
        for index in 0..5 {
            store.write(&[put(index)]).unwrap();
            store.sync().unwrap();
            let torn = folder.path().join(format!("torn-{index}"));
            for place in [0, 4096] {
                copy(&path, &torn);
                let mut bytes = std::fs::read(torn.join("watermark")).unwrap();
                bytes[place + 12..place + 20].fill(0x77);
                std::fs::write(torn.join("watermark"), bytes).unwrap();
                let found = DiskStore::open(&torn, kind).unwrap().entries().unwrap();
                assert_eq!(found.len(), usize::try_from(index).unwrap() + 1);
                std::fs::remove_dir_all(&torn).unwrap();
            }
        }
    }
}

/// What was done to the file, and what is said of it.
type Damage = (fn(&Path), &'static str);

#[test]
fn a_store_without_a_watermark_that_can_be_read_is_damaged_and_the_file_is_named() {
    const BOTH: &str = "cannot be read: both its places are damaged";
    let damages: [Damage; 5] = [
        (|path| std::fs::remove_file(path).unwrap(), "is missing"),
        (|path| std::fs::write(path, []).unwrap(), BOTH),
        (|path| cut(path, 10), BOTH),
        (|path| flip(path, &[3, 4096 + 3]), BOTH),
        (
            |path| {
                std::fs::remove_file(path).unwrap();
                std::fs::create_dir(path).unwrap();
            },
            "is a directory",
        ),
    ];
    for kind in KINDS {
        for (damage, said) in damages {
            let folder = folder();
            drop(two_writes(folder.path(), kind));
            let path = folder.path().join("live");
            let watermark = path.join("watermark");
            damage(&watermark);
            let error = DiskStore::open(&path, kind).unwrap_err();
            assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
            let named = format!("its watermark {} {said}", watermark.display());
            assert!(error.to_string().ends_with(&named), "{error}");
        }
    }
}

/// Whatever single byte a disk flips, the other place still tells what was confirmed when the store was opened,
/// and a store that has less is refused; the damaged place is written anew.
#[test]
fn a_flipped_byte_never_lets_a_store_pass_that_forgot_what_it_had_when_it_was_opened() {
    for kind in KINDS {
        let folder = folder();
        let mut store = two_writes(folder.path(), kind);
        store.sync().unwrap();
        drop(store);
        let (live, older) = (folder.path().join("live"), folder.path().join("older"));
        // From here on both places name the second write, which the older store has not got.
        drop(DiskStore::open(&live, kind).unwrap());
        let sound = std::fs::read(live.join("watermark")).unwrap();
        for place in [0, 7, 8, 15, 16, 23, 4096, 4103, 4104, 4111, 4112, 4119] {
            std::fs::write(older.join("watermark"), &sound).unwrap();
            flip(&older.join("watermark"), &[place]);
            let error = DiskStore::open(&older, kind).unwrap_err().to_string();
            assert!(
                error.ends_with("it remembers 1 of 2 confirmed writes"),
                "{error}"
            );

            flip(&live.join("watermark"), &[place]);
            drop(DiskStore::open(&live, kind).unwrap());
            assert_eq!(std::fs::read(live.join("watermark")).unwrap(), sound);
        }
    }
}

fn flip(path: &Path, places: &[usize]) {
    let mut bytes = std::fs::read(path).unwrap();
    for place in places {
        bytes[*place] ^= 0x10;
    }
    std::fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, length: usize) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..length]).unwrap();
}

#[test]
fn a_store_that_another_process_has_open_is_not_called_damaged() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("store");
        let _first = DiskStore::open(&path, kind).unwrap();
        assert!(matches!(
            DiskStore::open(&path, kind),
            Err(StoreError::InUse { .. })
        ));
    }
}
