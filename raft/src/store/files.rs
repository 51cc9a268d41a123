//! What has to be on the disk, and how full the disk is: every call that waits for a disk is made here.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Returns when the file's content is on the disk.
pub(super) fn sync_data(file: &File, path: &Path) -> io::Result<()> {
    file.sync_data()?;
    observed(path);
    Ok(())
}

/// Returns when the file's content and length are on the disk.
pub(super) fn sync_file(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    observed(path);
    Ok(())
}

/// Returns when the names in the folder are on the disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    observed(path);
    Ok(())
}

/// Returns when the folder's files are on the disk, and their names.
pub(super) fn sync_all_in(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let path = entry.path();
            sync_file(&File::open(&path)?, &path)?;
        }
    }
    sync_folder(folder)
}

/// Returns when the name of `path` is on the disk.
pub(super) fn sync_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        // A bare name has an empty parent, which is the working directory.
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// Makes the folder and those above it, and returns when the names of all that were made are on the disk.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => sync_name(path),
    }
}

/// Bytes that the folder's files take up on the disk.
pub(super) fn bytes_in(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.metadata()?;
        bytes += if kind.is_dir() {
            bytes_in(&entry.path())?
        } else {
            // In units of 512 bytes, whatever the file system's own are.
            kind.blocks() * 512
        };
    }
    Ok(bytes)
}

/// Bytes that anybody may still write beside `path`, and bytes that the disk has in all.
pub(super) fn room(path: &Path) -> io::Result<(u64, u64)> {
    let stat = nix::sys::statvfs::statvfs(path).map_err(io::Error::from)?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.fragment_size());
    Ok((bytes(stat.blocks_available()), bytes(stat.blocks())))
}

/// Removes a folder that may be missing.
pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The path with `suffix` after its last name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(not(test))]
const fn observed(_: &Path) {}

#[cfg(test)]
fn observed(path: &Path) {
    observer::tell(path);
}

/// Tests watch which file reached the disk when.
#[cfg(test)]
pub(super) mod observer {
    use std::cell::RefCell;
    use std::path::Path;

    type Observer = Box<dyn FnMut(&Path)>;

    thread_local! {
        static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
    }

    pub(super) fn tell(path: &Path) {
        OBSERVER.with_borrow_mut(|observer| {
            if let Some(observer) = observer {
                observer(path);
            }
        });
    }

    /// Calls `observer` after each sync that this thread makes.
    pub(in crate::store) fn watch(observer: impl FnMut(&Path) + 'static) {
        OBSERVER.set(Some(Box::new(observer)));
    }

    /// Ends what [`watch`] began.
    pub(in crate::store) fn unwatch() {
        OBSERVER.set(None);
    }
}
