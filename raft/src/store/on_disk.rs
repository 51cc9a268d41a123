//! The durable store: sled, with our own idea of when something is on the disk.
//!
//! sled's flush asks the kernel to begin writing and no more. So after each flush the data file is
//! synced through a handle of our own, and so are values that sled puts into files beside it. Writes
//! are counted, and a small file says how many of them were confirmed: sled drops a damaged tail without
//! a word, and a store that comes back with fewer writes than it has confirmed has forgotten a promise.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::keyspace::{Change, Key, KvStore, StoreError};

/// Free space that must be left beside a write: sled needs room to move its segments.
const RESERVE_BYTES: u64 = 16 << 20;
/// A few hundred kilobytes are live; sled's default is a gigabyte.
const CACHE_BYTES: u64 = 64 << 20;
const TREE: &[u8] = b"control";
const WRITES: &[u8] = b"#writes";
const WATERMARK: &str = "watermark";

/// A folder with sled's files and the watermark.
#[derive(Debug)]
pub(crate) struct DiskStore {
    path: PathBuf,
    db: sled::Db,
    tree: sled::Tree,
    /// sled's data file, opened once more.
    data: File,
    watermark: File,
    /// Counts the writes since the store was made.
    writes: u64,
    /// Free space that must be left beside a write.
    pub(super) reserve_bytes: u64,
    /// Files of large values that are on the disk already.
    blobs: BTreeSet<OsString>,
}

impl DiskStore {
    /// Opens the store in `path`, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(path).map_err(io)?;
        let db = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .open()
            .map_err(|error| from_sled(path, error))?;
        let tree = db.open_tree(TREE).map_err(|error| from_sled(path, error))?;
        let data = File::open(path.join("db")).map_err(io)?;
        let watermark = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(WATERMARK))
            .map_err(io)?;
        let stored = tree.get(WRITES).map_err(|error| from_sled(path, error))?;
        let writes = stored.as_deref().and_then(number).unwrap_or_default();
        let mut store = Self {
            path: path.to_owned(),
            db,
            tree,
            data,
            watermark,
            writes,
            reserve_bytes: RESERVE_BYTES,
            blobs: BTreeSet::new(),
        };
        let confirmed = store.confirmed().map_err(io)?;
        if writes < confirmed {
            return Err(store.damaged(format!(
                "it remembers {writes} of {confirmed} confirmed writes"
            )));
        }
        // The folder's entries must be on the disk before anything in the files counts.
        store.sync_all().map_err(io)?;
        sync_folder(path).map_err(io)?;
        if let Some(parent) = path.parent() {
            sync_folder(parent).map_err(io)?;
        }
        Ok(store)
    }

    /// How many writes were confirmed. A torn watermark counts as none: it is written after the sync,
    /// so that losing it can only make us less strict.
    fn confirmed(&self) -> io::Result<u64> {
        let mut bytes = [0; 16];
        match self.watermark.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
            Err(error) => return Err(error),
        }
        let [count, check] = [0, 8].map(|at| bytes.get(at..at + 8).and_then(number));
        Ok(match (count, check) {
            (Some(count), Some(check)) if count == !check => count,
            (Some(_) | None, Some(_) | None) => 0,
        })
    }

    fn confirm(&self) -> io::Result<()> {
        let mut bytes = self.writes.to_be_bytes().to_vec();
        bytes.extend_from_slice(&(!self.writes).to_be_bytes());
        self.watermark.write_all_at(&bytes, 0)?;
        self.watermark.sync_data()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.db.flush().map_err(io::Error::other)?;
        self.data.sync_data()?;
        self.sync_blobs()
    }

    /// Values that do not fit into a segment are files of their own, which sled does not sync.
    fn sync_blobs(&mut self) -> io::Result<()> {
        let folder = self.path.join("blobs");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut present = BTreeSet::new();
        let mut grown = false;
        for entry in entries {
            let name = entry?.file_name();
            if !self.blobs.contains(&name) {
                // sled removes such files on its own; one that is gone needs no sync.
                if let Ok(file) = File::open(folder.join(&name)) {
                    file.sync_all()?;
                    grown = true;
                }
            }
            present.insert(name);
        }
        self.blobs = present;
        if grown {
            sync_folder(&folder)?;
        }
        Ok(())
    }

    /// Refuses before sled sees a full disk, which it does not take well.
    fn check_space(&self, changes: &[Change]) -> Result<(), StoreError> {
        let stat = nix::sys::statvfs::statvfs(&self.path).map_err(|errno| StoreError::Io {
            path: self.path.clone(),
            source: errno.into(),
        })?;
        let free_bytes = stat.blocks_available() * stat.fragment_size();
        let bytes: usize = changes.iter().map(Change::bytes).sum();
        let needed_bytes = self
            .reserve_bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(4));
        if free_bytes < needed_bytes {
            return Err(StoreError::NoSpace {
                path: self.path.clone(),
                free_bytes,
                needed_bytes,
            });
        }
        Ok(())
    }
}

impl KvStore for DiskStore {
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.check_space(changes)?;
        let mut batch = sled::Batch::default();
        for change in changes {
            match change {
                Change::Put(key, value) => batch.insert(key.to_bytes(), value.as_slice()),
                Change::Delete(key) => batch.remove(key.to_bytes()),
            }
        }
        self.writes += 1;
        batch.insert(WRITES, &self.writes.to_be_bytes());
        self.tree
            .apply_batch(batch)
            .map_err(|error| from_sled(&self.path, error))
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let mut sync = || {
            self.sync_all()?;
            self.confirm()
        };
        sync().map_err(|source| StoreError::Io {
            path: self.path.clone(),
            source,
        })
    }

    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.tree
            .get(key.to_bytes())
            .map(|value| value.map(|value| value.to_vec()))
            .map_err(|error| from_sled(&self.path, error))
    }

    fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let mut entries = Vec::new();
        for pair in self.tree.scan_prefix([Key::ENTRIES]) {
            let (key, value) = pair.map_err(|error| from_sled(&self.path, error))?;
            let Some(index) = Key::entry_index(&key) else {
                return Err(self.damaged(format!("the key {key:?} is none")));
            };
            entries.push((index, value.to_vec()));
        }
        Ok(entries)
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            reason,
        }
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn from_sled(path: &Path, error: sled::Error) -> StoreError {
    let path = path.to_owned();
    match error {
        sled::Error::Io(source) if is_lock(&source) => StoreError::InUse { path },
        sled::Error::Io(source) => StoreError::Io { path, source },
        // Of these two sled says that they are mistakes of ours or of its own; neither is a disk's.
        sled::Error::Unsupported(reason) | sled::Error::ReportableBug(reason) => {
            StoreError::Damaged { path, reason }
        }
        sled::Error::Corruption { .. } | sled::Error::CollectionNotFound(_) => {
            StoreError::Damaged {
                path,
                reason: error.to_string(),
            }
        }
    }
}

/// sled reports its lock as an error of no particular kind.
fn is_lock(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.to_string().contains("could not acquire lock")
}
