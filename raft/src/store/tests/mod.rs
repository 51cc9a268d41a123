//! What a store promises, what a disk can do to it, and what comes of that.

mod behaviour;
mod consensus;
mod damage;
mod kill;
mod power_cut;
mod rebuild;
mod recovered;
mod room;
mod shadow;
mod waiting;
mod watermark;

use std::path::{Path, PathBuf};

use openraft::entry::RaftEntry;
use openraft::vote::RaftLeaderIdExt;

use super::keyspace::{Change, Key};
use super::{StoreKind, encode};
use crate::group::{ControlGroup, Entry};

/// Both libraries.
const KINDS: [StoreKind; 2] = [StoreKind::Sled, StoreKind::Redb];

/// A folder in memory where there is one: these tests are about order, not about a disk's patience.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn put(index: u64) -> Change {
    Change::Put(Key::Entry(index), vec![0x2a; 100])
}

/// An entry as a consensus writes it.
fn blank(index: u64) -> Change {
    let leader = openraft::impls::leader_id_adv::LeaderId::<u64, u64>::new_committed(1, 1);
    let entry = Entry::<ControlGroup>::new_blank(openraft::LogId::new(leader, index));
    Change::Put(Key::Entry(index), encode(&entry).unwrap())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for path in listing(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(path, target).unwrap();
        }
    }
}

/// What is in a folder, in the order of names.
fn listing(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn bytes(&mut self, length: u64) -> Vec<u8> {
        (0..length)
            .map(|_| u8::try_from(self.below(256)).unwrap())
            .collect()
    }
}
