//! Whatever happens to the files: all that was confirmed is there, or the store is called damaged.

use std::fs;
use std::path::{Path, PathBuf};

use raft_state::Incarnation;

use super::{Dice, KINDS, blank, copy, folder, listing};
use crate::StartError;
use crate::store::keyspace::{KvStore, StoreError};
use crate::store::recovery::open_or_replace;
use crate::store::{DiskStore, StoreKind};

const LIFE: Incarnation = Incarnation(7);
/// Places in each file for each kind of damage, or somewhat fewer.
const PLACES: usize = 40;
const PAGE: usize = 4096;

type Content = Vec<(u64, Vec<u8>)>;

/// Makes a store as a member has it after a while, and an older copy of it.
fn lived(path: &Path, older: &Path, kind: StoreKind) -> Content {
    let (mut store, _) = open_or_replace(path, kind, LIFE, true).unwrap();
    for index in 0..150 {
        store.write(&[blank(index)]).unwrap();
        if index % 3 == 0 {
            store.sync().unwrap();
        }
        if index == 100 {
            store.sync().unwrap();
            copy(path, older);
        }
    }
    store.sync().unwrap();
    store.entries().unwrap()
}

/// One way to damage a file.
enum Damage {
    Cut(usize),
    Zero(usize),
    Flip(usize),
    Swap(usize),
    Noise(usize),
    Append,
    Remove,
    Older(PathBuf),
}

impl Damage {
    fn all(bytes: &[u8], older: &Path) -> Vec<Self> {
        // Most of a file may be empty; damage there says little.
        let pages = bytes.chunks(PAGE).enumerate();
        let used = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
        let used: Vec<usize> = used.map(|(number, _)| number * PAGE).collect();
        let length = bytes.len();
        let pages = || used.iter().step_by(used.len().div_ceil(PLACES)).copied();
        let places = || {
            let within = pages().zip((0..).map(|number| number * 331 % PAGE));
            within.map(|(page, at)| (page + at).min(length - 1))
        };
        let mut all = vec![Self::Append, Self::Remove];
        if older.exists() {
            all.push(Self::Older(older.to_owned()));
        }
        all.extend(places().map(Self::Cut));
        all.extend(places().map(Self::Flip));
        // The first pages say what the others are.
        all.extend((0..PLACES * 8).filter(|at| *at < length).map(Self::Flip));
        all.extend(pages().map(Self::Zero));
        all.extend(pages().map(Self::Swap));
        all.extend(pages().map(Self::Noise));
        all
    }

    fn inflict(&self, file: &Path) {
        if matches!(self, Self::Remove) {
            return fs::remove_file(file).unwrap();
        }
        let mut bytes = fs::read(file).unwrap();
        let page = |at: usize, length: usize| at..(at + PAGE).min(length);
        let length = bytes.len();
        match self {
            Self::Cut(at) => bytes.truncate(*at),
            Self::Zero(at) => bytes[page(*at, length)].fill(0),
            Self::Flip(at) => bytes[*at] ^= 0x40,
            Self::Noise(at) => {
                let range = page(*at, length);
                let noise = Dice(99).bytes(u64::try_from(range.len()).unwrap());
                bytes[range].copy_from_slice(&noise);
            }
            Self::Swap(at) => {
                let range = page(*at, length);
                let other = fs::read(file).unwrap()[..range.len()].to_vec();
                bytes[range].copy_from_slice(&other);
            }
            Self::Append => bytes.extend([0x5a; 10_000]),
            Self::Older(from) => bytes = fs::read(from).unwrap(),
            Self::Remove => {}
        }
        fs::write(file, bytes).unwrap();
    }
}

fn describe(damage: &Damage) -> String {
    match damage {
        Damage::Cut(at) => format!("cut at {at}"),
        Damage::Zero(at) => format!("zeroes at {at}"),
        Damage::Flip(at) => format!("flipped at {at}"),
        Damage::Swap(at) => format!("first page at {at}"),
        Damage::Noise(at) => format!("noise at {at}"),
        Damage::Append => "appended".to_owned(),
        Damage::Remove => "removed".to_owned(),
        Damage::Older(_) => "older".to_owned(),
    }
}

/// Opens a damaged store. Returns whether it is called damaged; all else but soundness is a failure.
fn is_called_damaged(path: &Path, kind: StoreKind, sound: &Content, what: &str) -> bool {
    match open_or_replace(path, kind, Incarnation(8), true) {
        Ok((store, recovered)) => {
            assert!(store.entries().unwrap() == *sound, "{what}: accepted");
            assert_eq!(recovered.founded, Some(LIFE), "{what}");
            false
        }
        Err(StartError::OnlyStoreDamaged {
            path: named,
            source: StoreError::Damaged { reason, .. },
        }) => {
            assert!(named == path && !reason.is_empty(), "{what}");
            says_that_the_content_is_damaged(&reason, what);
            true
        }
        Err(other) => panic!("{what}: {other:?}"),
    }
}

/// An operator whose file was overwritten must not look for another version of the software.
fn says_that_the_content_is_damaged(reason: &str, what: &str) {
    let lower = reason.to_lowercase();
    for misleading in ["version", "upgrade", "backtrace", "bug"] {
        assert!(!lower.contains(misleading), "{what}: {reason}");
    }
}

fn survey(kind: StoreKind) {
    let folder = folder();
    let (live, older) = (folder.path().join("live"), folder.path().join("older"));
    let sound = lived(&live, &older, kind);
    let mut refused = 0;
    let mut tried = 0;
    for file in listing(&live).into_iter().filter(|path| path.is_file()) {
        let name = file.file_name().unwrap();
        let bytes = fs::read(&file).unwrap();
        for damage in Damage::all(&bytes, &older.join(name)) {
            let what = format!("{kind:?}: {} {}", name.display(), describe(&damage));
            let copied = folder.path().join("copied");
            copy(&live, &copied);
            damage.inflict(&copied.join(name));
            refused += usize::from(is_called_damaged(&copied, kind, &sound, &what));
            tried += 1;
            fs::remove_dir_all(&copied).unwrap();
        }
    }
    println!("{kind:?}: {refused} of {tried} refused");
    assert!(tried > 400 && refused > 100, "{refused} of {tried}");
}

#[test]
fn no_damage_to_sleds_files_goes_unnoticed() {
    survey(StoreKind::Sled);
}

#[test]
fn no_damage_to_redbs_file_goes_unnoticed() {
    survey(StoreKind::Redb);
}

/// What sled calls its own versions are numbers in its settings, which nothing protects.
#[test]
fn settings_of_sled_that_were_overwritten_are_called_damaged() {
    let folder = folder();
    let (live, older) = (folder.path().join("live"), folder.path().join("older"));
    lived(&live, &older, StoreKind::Sled);
    let settings = live.join("conf");
    let sound = fs::read(&settings).unwrap();
    let number = b"version: 0.";
    let place = sound.windows(number.len()).position(|at| at == number);
    let mut other = sound.clone();
    other[place.unwrap() + number.len()] = b'9';
    for bytes in [other, vec![0xff; 40]] {
        fs::write(&settings, bytes).unwrap();
        let error = open_or_replace(&live, StoreKind::Sled, LIFE, true).unwrap_err();
        let StartError::OnlyStoreDamaged { source, .. } = error else {
            panic!("{error:?}");
        };
        let text = source.to_string();
        says_that_the_content_is_damaged(&text, "settings");
        assert!(
            text.contains("its settings are not what was written there"),
            "{text}"
        );
    }
    fs::write(&settings, sound).unwrap();
    assert!(open_or_replace(&live, StoreKind::Sled, LIFE, true).is_ok());
}

#[test]
fn with_others_a_damaged_store_is_kept_aside_under_a_name_of_its_own() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("store");
        let aside = ["store.damaged", "store.damaged-2"].map(|name| folder.path().join(name));
        for (life, aside) in (8..).zip(&aside) {
            lived(&path, &folder.path().join("older"), kind);
            fs::remove_file(path.join("watermark")).unwrap();
            let kept: Vec<_> = listing(&path)
                .iter()
                .map(fs::read)
                .map(Result::ok)
                .collect();

            let (store, recovered) =
                open_or_replace(&path, kind, Incarnation(life), false).unwrap();

            assert_eq!(store.entries().unwrap(), []);
            assert_eq!(recovered.founded, Some(Incarnation(life)));
            let found: Vec<_> = listing(aside)
                .iter()
                .map(fs::read)
                .map(Result::ok)
                .collect();
            assert!(found == kept, "{kind:?}");
            drop(store);
            fs::remove_dir_all(&path).unwrap();
            fs::remove_dir_all(folder.path().join("older")).unwrap();
        }
    }
}

#[test]
fn alone_a_damaged_store_is_left_as_it_is_and_the_next_step_is_named() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("store");
        lived(&path, &folder.path().join("older"), kind);
        fs::write(path.join("watermark"), "nothing").unwrap();

        let error = open_or_replace(&path, kind, LIFE, true).unwrap_err();

        let text = error.to_string();
        assert!(
            text.contains("restore it from a backup, or move it away"),
            "{text}"
        );
        assert!(path.join("watermark").exists());
        assert!(!folder.path().join("store.damaged").exists());
        // The operator's own step.
        fs::rename(&path, folder.path().join("away")).unwrap();
        assert!(
            DiskStore::open(&path, kind)
                .unwrap()
                .entries()
                .unwrap()
                .is_empty()
        );
    }
}
