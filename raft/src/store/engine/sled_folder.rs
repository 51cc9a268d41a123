//! sled, with our own idea of when something is on the disk.
//!
//! sled's flush asks the kernel to begin writing and no more. So after each flush the data file is
//! synced through a handle of our own. Large values would become files beside it, which sled links to
//! before they are on the disk: so they are cut into parts that stay far below that size.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::{Engine, EngineError, Raw, Record};
use crate::store::files;

/// sled's name for its data.
pub(super) const DATA: &str = "db";
const TREE: &[u8] = b"control";
/// A few hundred kilobytes are live; sled's default is a gigabyte.
const CACHE_BYTES: u64 = 64 << 20;
/// A leaf has up to seventeen values and must stay below sled's limit of 128 KiB.
const PART_BYTES: usize = 4 << 10;
/// The part's number at the end of each key.
const NUMBER_BYTES: usize = 2;
/// sled lets go of its files on a thread of its own some time after it was dropped.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct SledEngine {
    db: sled::Db,
    tree: sled::Tree,
    /// sled's data file, opened once more.
    data: File,
    path: PathBuf,
    /// How many parts a value has, for those that have several.
    parts: BTreeMap<Vec<u8>, u16>,
}

impl SledEngine {
    pub(super) fn open(folder: &Path) -> Result<Self, EngineError> {
        let db = open(folder)?;
        let tree = db.open_tree(TREE).map_err(from_sled)?;
        let path = folder.join(DATA);
        let mut engine = Self {
            db,
            tree,
            data: File::open(&path)?,
            path,
            parts: BTreeMap::new(),
        };
        engine.parts = engine.count_parts()?;
        // Beside its data sled keeps its settings, and a summary that replaces the one before.
        files::sync_all_in(folder)?;
        Ok(engine)
    }

    fn count_parts(&self) -> Result<BTreeMap<Vec<u8>, u16>, EngineError> {
        let mut parts = BTreeMap::new();
        for key in self.tree.iter().keys() {
            let (key, number) = split(&key.map_err(from_sled)?)?;
            if number > 0 {
                parts.insert(key, number + 1);
            }
        }
        Ok(parts)
    }
}

fn open(folder: &Path) -> Result<sled::Db, EngineError> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    let mut tries = 1;
    loop {
        match config.open().map_err(from_sled) {
            Err(EngineError::InUse) if tries < LOCK_TRIES => {
                tries += 1;
                thread::sleep(LOCK_PAUSE);
            }
            result => return result,
        }
    }
}

impl Engine for SledEngine {
    fn apply(&mut self, changes: &[Raw]) -> Result<(), EngineError> {
        let mut batch = sled::Batch::default();
        for Raw { key, value } in changes {
            let mut count = 0;
            for part in value.iter().flat_map(|value| value.chunks(PART_BYTES)) {
                batch.insert(numbered(key, count), part);
                count = count.checked_add(1).ok_or_else(too_large)?;
            }
            let before = self.parts.get(key).copied().unwrap_or(1);
            for stale in count..before {
                batch.remove(numbered(key, stale));
            }
            if count > 1 {
                self.parts.insert(key.clone(), count);
            } else {
                self.parts.remove(key);
            }
        }
        self.tree.apply_batch(batch).map_err(from_sled)
    }

    fn sync(&mut self) -> Result<(), EngineError> {
        self.db.flush().map_err(from_sled)?;
        Ok(files::sync_data(&self.data, &self.path)?)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let count = self.parts.get(key).copied().unwrap_or(1);
        let mut value = Vec::new();
        for number in 0..count {
            match self.tree.get(numbered(key, number)).map_err(from_sled)? {
                Some(part) => value.extend_from_slice(&part),
                None if count == 1 => return Ok(None),
                None => return Err(part_is_missing()),
            }
        }
        Ok(Some(value))
    }

    fn scan(&self) -> Result<Vec<Record>, EngineError> {
        let mut records: Vec<Record> = Vec::new();
        let mut next = 0;
        for pair in &self.tree {
            let (key, part) = pair.map_err(from_sled)?;
            let (key, number) = split(&key)?;
            match records.last_mut() {
                Some((last, value)) if *last == key && number == next => {
                    value.extend_from_slice(&part);
                }
                Some(_) | None if number == 0 => records.push((key, part.to_vec())),
                Some(_) | None => return Err(part_is_missing()),
            }
            next = number.checked_add(1).ok_or_else(too_large)?;
        }
        Ok(records)
    }
}

fn numbered(key: &[u8], number: u16) -> Vec<u8> {
    let mut key = key.to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn split(key: &[u8]) -> Result<(Vec<u8>, u16), EngineError> {
    let Some((key, number)) = key.split_last_chunk::<NUMBER_BYTES>() else {
        return Err(EngineError::Damaged(format!("the key {key:?} is none")));
    };
    Ok((key.to_vec(), u16::from_be_bytes(*number)))
}

fn part_is_missing() -> EngineError {
    EngineError::Damaged("a part of a value is missing".to_owned())
}

fn too_large() -> EngineError {
    EngineError::Io(io::Error::new(
        io::ErrorKind::InvalidInput,
        "a value has too many parts",
    ))
}

fn from_sled(error: sled::Error) -> EngineError {
    match error {
        sled::Error::Io(source) if is_lock(&source) => EngineError::InUse,
        sled::Error::Io(source) => source.into(),
        // It is what sled says of settings that it cannot read: that another version of it wrote them. No
        // other has ever been used here, so they were overwritten.
        sled::Error::Unsupported(_) => {
            EngineError::Damaged("its settings are not what was written there".to_owned())
        }
        sled::Error::Corruption { .. } => {
            EngineError::Damaged("its content is not what was written there".to_owned())
        }
        sled::Error::CollectionNotFound(_) => {
            EngineError::Damaged("a part of its content is missing".to_owned())
        }
        // sled calls it a mistake of its own; neither is a disk's.
        sled::Error::ReportableBug(reason) => {
            EngineError::Damaged(format!("its files contradict each other: {reason}"))
        }
    }
}

/// sled reports its lock as an error of no particular kind.
fn is_lock(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.to_string().contains("could not acquire lock")
}
