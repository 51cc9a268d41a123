//! The store's folder: who may use it, and how a new one takes its place.
//!
//! A store is built beside its place and moved there when it is complete, the first one as well as
//! every one that replaces another. So a folder in its place is always complete.
//!
//! ```text
//!   on the disk                      after a crash
//!   control.new                      an unfinished first store: removed
//!   control  control.new             an unfinished replacement: removed
//!            control.new control.old the replacement was complete: it moves in
//!   control              control.old the replacement has moved in: the old one is removed
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::files::{beside, create_folder, remove_folder, sync_name};
use super::keyspace::StoreError;

/// Keeps every other process away from the store as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// The file that is locked.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A process that is ending, or one that another thread is just starting, may hold the lock for a moment.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Takes the store's lock; `None` if another process has it and keeps it.
pub(super) fn lock(path: &Path) -> io::Result<Option<Lock>> {
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    // Beside the folder, which may be replaced while the lock is held.
    let lock = beside(path, "lock");
    let file = File::create(&lock)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => {
                return Ok(Some(Lock {
                    path: lock,
                    _file: file,
                }));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}

/// Takes a data directory for this process: nobody else's start may count lives in it or give up its reserve.
pub(crate) fn occupy(data_dir: &Path) -> Result<Lock, StoreError> {
    let unusable = |source| StoreError::Io {
        path: data_dir.to_owned(),
        source,
    };
    let lock = lock(&data_dir.join("process")).map_err(unusable)?;
    lock.ok_or_else(|| StoreError::InUse {
        path: data_dir.to_owned(),
    })
}

/// Where a store is built that is to be at `path`.
pub(super) fn building_site(path: &Path) -> PathBuf {
    beside(path, "new")
}

fn retired(path: &Path) -> PathBuf {
    beside(path, "old")
}

/// Ends what a crash interrupted. Returns whether there is a store.
pub(super) fn settle(path: &Path) -> io::Result<bool> {
    let (new, old) = (building_site(path), retired(path));
    if !path.try_exists()? && old.try_exists()? {
        // The old store moves out only when the new one is complete.
        let successor = if new.try_exists()? { &new } else { &old };
        fs::rename(successor, path)?;
        sync_name(path)?;
    }
    remove_folder(&new)?;
    remove_folder(&old)?;
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Moves the complete store from its building site to `path`, where there may be another one.
pub(super) fn move_in(path: &Path) -> io::Result<()> {
    let (new, old) = (building_site(path), retired(path));
    sync_name(path)?;
    if path.try_exists()? {
        fs::rename(path, &old)?;
        sync_name(path)?;
    }
    fs::rename(&new, path)?;
    sync_name(path)?;
    remove_folder(&old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_belongs_to_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let first = occupy(&data).unwrap();
        let second = occupy(&data).unwrap_err();
        assert!(matches!(&second, StoreError::InUse { path } if *path == data));
        drop(first);
        occupy(&data).unwrap();
    }
}
