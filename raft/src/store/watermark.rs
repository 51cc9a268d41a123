//! A small file that says how much of the store was confirmed to be on the disk.
//!
//! A library drops what it takes for an unfinished tail without a word. A store that comes back with
//! fewer writes than this file names has forgotten a promise. The file is written after the data is on
//! the disk and before anybody is told: so it is never ahead of the data.
//!
//! Nobody waits for this file to be on the disk: a process that is killed leaves it with the kernel, and
//! after a power cut it may be some seconds old, which makes it less strict but never wrong. So a
//! confirmation costs one wait for the disk and not two.
//!
//! There are two places, each in a block of its own. One is written and waited for when the store is
//! opened and stays; all later confirmations go to the other one, which a power cut may damage.
//!
//! # What a wrong one could cost
//!
//! The content is judged by the ledger, never by this file, so a wrong watermark makes no wrong content
//! believed. It could only let a store pass that has forgotten its newest writes: a vote given twice, a commit
//! lost. Against that:
//!
//! - A place whose checksum fails is not believed. No flipped bit, torn block or foreign file becomes a number.
//! - One that says *more* than the store holds, such as another store's, makes the store count as damaged.
//!   The other members fill it again.
//! - With neither place the store counts as damaged as well: nothing is taken for granted.
//! - With one place the other one decides, and the loss is told with the path. It is what a power cut may
//!   leave, so it cannot end a start: two nodes in one rack would both refuse theirs. It says what was
//!   confirmed when the store was opened last, at least, and the place is written anew at once. For a promise
//!   to be lost, the engine must have dropped a tail that it had synced, in the same moment, by another fault.
//! - An *older* copy of the whole file, put there by hand, is believed. Restoring single files of a store is
//!   not supported for this reason.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use raft_state::Checksum;

use super::engine::EngineError;
use super::files;
use super::ledger::Head;

const FILE: &str = "watermark";
/// Above the block size of any disk that we know of.
const BLOCK: u64 = 4096;
const CHECK_BYTES: usize = 8;
const PLACE_BYTES: usize = Head::BYTES + CHECK_BYTES;

/// The open file.
#[derive(Debug)]
pub(super) struct Watermark {
    file: File,
    path: PathBuf,
    confirmed: Head,
    /// Where the next confirmation goes: 0 or 1.
    next: u64,
}

impl Watermark {
    /// Makes the file in a folder that is being built.
    pub(super) fn create(folder: &Path, head: Head) -> io::Result<()> {
        let path = folder.join(FILE);
        let file = File::create(&path)?;
        for place in [0, 1] {
            file.write_all_at(&encode(head), place * BLOCK)?;
        }
        files::sync_file(&file, &path)
    }

    /// Opens the file. The content is to blame if it is missing, is no file, or says nothing that can be
    /// believed.
    pub(super) fn open(folder: &Path) -> Result<Self, EngineError> {
        let path = folder.join(FILE);
        let wrong =
            |what: &str| EngineError::Damaged(format!("its watermark {} {what}", path.display()));
        let file = match File::options().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(wrong("is missing"));
            }
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                return Err(wrong("is a directory"));
            }
            Err(error) => return Err(error.into()),
        };
        let places = (read(&file, 0)?, read(&file, 1)?);
        let (confirmed, next) = match places {
            (None, None) => return Err(wrong("cannot be read: both its places are damaged")),
            (Some(first), None) => (first, 1),
            (Some(first), Some(second)) if first.writes > second.writes => (first, 1),
            (Some(_) | None, Some(second)) => (second, 0),
        };
        if places.0.is_none() || places.1.is_none() {
            tracing::warn!(
                path = %path.display(),
                place = next,
                confirmed = confirmed.writes,
                "one of the watermark's two places is damaged, as a power cut may leave it: the store is \
                 judged by the other one, and the damaged one is written anew"
            );
        }
        Ok(Self {
            file,
            path,
            confirmed,
            next,
        })
    }

    /// Notes that everything up to `head` is on the disk.
    pub(super) fn confirm(&mut self, head: Head) -> io::Result<()> {
        if head != self.confirmed {
            self.file.write_all_at(&encode(head), self.next * BLOCK)?;
            self.confirmed = head;
        }
        Ok(())
    }

    /// Returns when the last confirmation is on the disk, in a place that is not written again.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.file
            .write_all_at(&encode(self.confirmed), self.next * BLOCK)?;
        files::sync_data(&self.file, &self.path)?;
        self.next = 1 - self.next;
        Ok(())
    }

    /// Whether a store with this head has kept every promise; if not, what it has forgotten.
    pub(super) fn check(&self, head: Head) -> Result<(), String> {
        if head.writes < self.confirmed.writes {
            return Err(format!(
                "it remembers {} of {} confirmed writes",
                head.writes, self.confirmed.writes
            ));
        }
        if head.writes == self.confirmed.writes && head.sum != self.confirmed.sum {
            return Err("it holds something else than what was confirmed".to_owned());
        }
        Ok(())
    }
}

fn encode(head: Head) -> Vec<u8> {
    let mut bytes = head.to_bytes().to_vec();
    bytes.extend_from_slice(&check(&head.to_bytes()).to_be_bytes());
    bytes
}

fn check(head: &[u8]) -> u64 {
    Checksum::of(&(FILE, head)).0
}

fn read(file: &File, place: u64) -> io::Result<Option<Head>> {
    let mut bytes = [0; PLACE_BYTES];
    match file.read_exact_at(&mut bytes, place * BLOCK) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let Some((head, stored)) = bytes.split_first_chunk::<{ Head::BYTES }>() else {
        return Ok(None);
    };
    Ok((check(head).to_be_bytes() == *stored).then(|| Head::from_bytes(*head)))
}
