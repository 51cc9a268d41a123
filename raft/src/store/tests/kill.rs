//! A process that is killed has kept every promise that it made.
//!
//! The test runs itself as another process, which writes and says on its output what is confirmed, until
//! it is killed without warning. Then the store is opened here.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Dice, KINDS, folder};
use crate::store::keyspace::{Change, Key, KvStore};
use crate::store::{DiskStore, StoreKind};

/// Tells the process that it is the one to be killed, and where its store is.
const PLACE: &str = "TANDEM_TEST_STORE";
const ROUNDS: u64 = 60;
/// Entries that are kept; older ones are deleted.
const KEPT: u64 = 200;

fn value(index: u64) -> Vec<u8> {
    let length = if index.is_multiple_of(50) {
        30_000
    } else {
        200
    };
    Dice(index + 1).bytes(length)
}

fn last(store: &DiskStore) -> u64 {
    let vote = store.get(Key::Vote).unwrap();
    vote.map_or(0, |vote| u64::from_be_bytes(vote.try_into().unwrap()))
}

/// Does nothing, unless it is the process that the other tests start.
#[test]
fn a_process_writes_until_it_is_killed() {
    let Some(place) = std::env::var_os(PLACE) else {
        return;
    };
    let place = Path::new(&place);
    let kind = KINDS
        .into_iter()
        .find(|kind| place.ends_with(format!("{kind:?}")))
        .unwrap();
    let mut output = std::io::stdout().lock();
    writeln!(output, "\nopening 0").unwrap();
    let mut store = DiskStore::open(place, kind).unwrap();
    let mut last = last(&store);
    let mut dice = Dice(last + 1);
    loop {
        let upto = last + 1 + dice.below(8);
        let mut batch = vec![Change::Put(Key::Vote, upto.to_be_bytes().to_vec())];
        for index in last + 1..=upto {
            batch.push(Change::Put(Key::Entry(index), value(index)));
            batch.extend(index.checked_sub(KEPT).map(Key::Entry).map(Change::Delete));
        }
        store.write(&batch).unwrap();
        if dice.below(40) == 0 {
            store.rebuild().unwrap();
        }
        store.sync().unwrap();
        last = upto;
        writeln!(output, "confirmed {last}").unwrap();
    }
}

/// Runs a process until it has said `lines` things, kills it, and returns what it had confirmed.
fn killed_after(place: &Path, lines: u64) -> u64 {
    let me = std::env::current_exe().unwrap();
    let mut process = Command::new(me)
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("store::tests::kill::a_process_writes_until_it_is_killed")
        .env(PLACE, place)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut confirmed = 0;
    let mut seen = 0;
    let mut killed = false;
    while let Some(Ok(line)) = said.next() {
        let mut words = line.split(' ');
        if let (Some("opening" | "confirmed"), Some(number)) = (words.next(), words.next())
            && let Ok(number) = number.parse()
        {
            confirmed = number;
            seen += 1;
        }
        if seen > lines && !killed {
            // What it still says until the end counts as well.
            process.kill().unwrap();
            killed = true;
        }
    }
    process.wait().unwrap();
    assert!(killed, "the process ended on its own after {seen} lines");
    confirmed
}

fn survives(kind: StoreKind) {
    let folder = folder();
    let place = folder.path().join(format!("{kind:?}"));
    let mut dice = Dice(41);
    let mut promised = 0;
    for round in 0..ROUNDS {
        // Every fourth is killed while it opens the store.
        let lines = if round % 4 == 0 { 0 } else { dice.below(40) };
        promised = killed_after(&place, lines).max(promised);
        if round % 4 == 1 {
            continue; // Killed again before anybody has looked.
        }
        let store = DiskStore::open(&place, kind).unwrap();
        let found = last(&store);
        assert!(
            found >= promised,
            "{kind:?}, round {round}: {found} of {promised}"
        );
        let first = found.saturating_sub(KEPT) + 1;
        let expected = (first..=found).map(|index| (index, value(index)));
        assert!(
            store.entries().unwrap().into_iter().eq(expected),
            "{kind:?}, round {round}"
        );
    }
    assert!(promised > ROUNDS, "{promised}");
}

#[test]
fn sled_keeps_what_was_confirmed_when_the_process_is_killed() {
    survives(StoreKind::Sled);
}

#[test]
fn redb_keeps_what_was_confirmed_when_the_process_is_killed() {
    survives(StoreKind::Redb);
}
