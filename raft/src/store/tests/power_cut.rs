//! The power may fail at any moment: what was confirmed is there afterwards, and nobody calls it damage.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::shadow::{Loss, Shadow};
use super::{Dice, KINDS, folder};
use crate::store::keyspace::{Change, Key, KvStore};
use crate::store::{DiskStore, StoreKind};

/// What a disk held after a power cut, and what had been confirmed by then.
struct Cut {
    place: PathBuf,
    loss: Loss,
    confirmed: u64,
    written: u64,
}

/// A record of all cuts that were made, and what decides how many there are.
#[derive(Clone, Default)]
struct Cuts {
    all: Rc<RefCell<Vec<Cut>>>,
    confirmed: Rc<Cell<u64>>,
    written: Rc<Cell<u64>>,
}

impl Cuts {
    /// Cuts the power, twice: with every loss, and with some.
    fn cut(&self, shadow: &Shadow, into: &Path) {
        let mut all = self.all.borrow_mut();
        let number = all.len();
        for loss in [
            Loss::Everything,
            Loss::Some(u64::try_from(number).unwrap() + 1),
        ] {
            let place = into.join(format!("cut-{number}-{loss:?}"));
            shadow.cut(loss, &place);
            all.push(Cut {
                place,
                loss,
                confirmed: self.confirmed.get(),
                written: self.written.get(),
            });
        }
    }

    /// Opens what each cut left.
    fn check(&self, kind: StoreKind) {
        for (number, cut) in self.all.take().into_iter().enumerate() {
            let what = format!("{kind:?}, cut {number}, lost: {:?}", cut.loss);
            let store = DiskStore::open(&cut.place.join("data/store"), kind);
            let store = store.unwrap_or_else(|error| panic!("{what}: {error}"));
            let found = store
                .get(Key::Vote)
                .unwrap()
                .map_or(0, |vote| number_in(&vote));
            let (confirmed, written) = (cut.confirmed, cut.written);
            assert!(
                (confirmed..=written).contains(&found),
                "{what}: {found} is neither confirmed ({confirmed}) nor later, up to {written}"
            );
            // A batch is there as a whole or not at all, and so all entries are of the vote's time.
            let expected = content(found);
            assert!(store.entries().unwrap() == expected, "{what}");
            std::fs::remove_dir_all(&cut.place).unwrap();
        }
    }
}

fn number_in(value: &[u8]) -> u64 {
    u64::from_be_bytes(value[..8].try_into().unwrap())
}

/// How many entries are kept; older ones are deleted.
const KEPT: u64 = 10;

/// The entries after `writes` writes.
fn content(writes: u64) -> Vec<(u64, Vec<u8>)> {
    let first = writes.saturating_sub(KEPT) + 1;
    (first..=writes)
        .map(|index| (index, value(index)))
        .collect()
}

fn value(index: u64) -> Vec<u8> {
    // Some are larger than what the libraries keep in one piece, some than all that they keep together.
    let length = match index {
        13 | 26 => 700_000,
        _ if index.is_multiple_of(9) => 40_000,
        _ => 300,
    };
    let mut value = index.to_be_bytes().to_vec();
    value.resize(length, index.to_be_bytes()[7]);
    value
}

/// One batch: a vote, an entry, and the end of an older entry.
fn write(store: &mut DiskStore, number: u64) {
    let mut batch = vec![
        Change::Put(Key::Vote, number.to_be_bytes().to_vec()),
        Change::Put(Key::Entry(number), value(number)),
    ];
    if let Some(old) = number.checked_sub(KEPT) {
        batch.push(Change::Delete(Key::Entry(old)));
    }
    store.write(&batch).unwrap();
}

/// Runs `life` with the power cut at every sync of it, and then looks at what is left.
fn with_cuts(kind: StoreKind, life: impl FnOnce(&Path, &Cuts)) {
    let folder = folder();
    let (running, left) = (folder.path().join("running"), folder.path().join("left"));
    std::fs::create_dir_all(&running).unwrap();
    let cuts = Cuts::default();
    let seen = cuts.clone();
    Shadow::watch(&running, move |shadow| seen.cut(shadow, &left));
    life(&running.join("data/store"), &cuts);
    Shadow::unwatch();
    cuts.check(kind);
}

#[test]
fn nothing_that_was_confirmed_is_lost_when_the_power_fails() {
    for kind in KINDS {
        for seed in 1..=2 {
            with_cuts(kind, |path, cuts| {
                let mut dice = Dice(seed);
                let mut store = DiskStore::open(path, kind).unwrap();
                for number in 1..=40 {
                    cuts.written.set(number);
                    write(&mut store, number);
                    // Some writes share a sync, as those of a busy moment do.
                    if dice.below(3) != 0 {
                        store.sync().unwrap();
                        cuts.confirmed.set(number);
                    }
                }
            });
        }
    }
}

#[test]
fn a_store_that_is_opened_again_and_again_loses_nothing_when_the_power_fails() {
    for kind in KINDS {
        with_cuts(kind, |path, cuts| {
            for number in 1..=8 {
                let mut store = DiskStore::open(path, kind).unwrap();
                cuts.written.set(number);
                write(&mut store, number);
                store.sync().unwrap();
                cuts.confirmed.set(number);
            }
        });
    }
}

#[test]
fn a_store_that_is_built_anew_loses_nothing_when_the_power_fails() {
    for kind in KINDS {
        with_cuts(kind, |path, cuts| {
            let mut store = DiskStore::open(path, kind).unwrap();
            for number in 1..=8 {
                cuts.written.set(number);
                write(&mut store, number);
                if number % 4 == 0 {
                    store.rebuild().unwrap();
                } else {
                    store.sync().unwrap();
                }
                cuts.confirmed.set(number);
            }
        });
    }
}
