//! Room that is put by, so that a member can start on a full disk.
//!
//! A start needs room: each life is counted in a file of its own before the old count goes, and the engines
//! move what they hold when they are opened. A life that is not counted durably must not begin, because it
//! could begin twice. So a file holds some room while all is well. It goes when a start finds less than that
//! needs, and comes back, as large as the disk allows, when the store is open.
//!
//! Nothing else uses this room: what a running member wants to write waits until the disk has some. Another
//! program may take it between the two moments; then the start is refused, with what is missing.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::files;
use super::keyspace::StoreError;

const FILE: &str = "reserve";
/// Free space without which a store is not even opened: a full disk would look like damage.
pub(super) const START_BYTES: u64 = 4 << 20;
/// What is put by: the same again for what one start uses up and for what others take meanwhile.
const RESERVE_BYTES: u64 = 2 * START_BYTES;

/// Makes sure that a member of `data_dir` can be started, with what was put by if there is no other room.
pub(crate) fn make_room(data_dir: &Path) -> Result<(), StoreError> {
    make_room_for(data_dir, START_BYTES)
}

fn make_room_for(data_dir: &Path, needed_bytes: u64) -> Result<(), StoreError> {
    let unusable = |source| StoreError::Io {
        path: data_dir.to_owned(),
        source,
    };
    let free = || files::room(data_dir).map(|(free, _)| free);
    files::create_folder(data_dir).map_err(unusable)?;
    let found = free().map_err(unusable)?;
    if found >= needed_bytes {
        return Ok(());
    }
    let reserve = data_dir.join(FILE);
    match fs::remove_file(&reserve) {
        Ok(()) => tracing::warn!(
            event = "storage-reserve",
            path = %reserve.display(),
            free_bytes = found,
            needed_bytes,
            "the disk of the data directory is full: what was put by for this start was given up. Until \
             there is room this member forwards, but writes nothing down and does not vote"
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unusable(error)),
    }
    let free_bytes = free().map_err(unusable)?;
    if free_bytes < needed_bytes {
        return Err(StoreError::NoSpace {
            path: data_dir.to_owned(),
            free_bytes,
            needed_bytes,
        });
    }
    Ok(())
}

/// Puts by what the disk allows. A member does without if it must: only its start on a full disk is refused.
pub(crate) fn put_by(data_dir: &Path) {
    let path = data_dir.join(FILE);
    if let Err(error) = fill_up(data_dir, &path) {
        tracing::warn!(
            path = %path.display(),
            %error,
            "no room can be put by: on a full disk this member would not start"
        );
    }
}

fn fill_up(data_dir: &Path, path: &Path) -> io::Result<()> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let (free, _) = files::room(data_dir)?;
    let held = file.metadata()?.len();
    let wanted = RESERVE_BYTES.min(held.saturating_add(free));
    if wanted > held {
        let length = wanted.try_into().map_err(io::Error::other)?;
        nix::fcntl::posix_fallocate(&file, 0, length)?;
        files::sync_file(&file, path)?;
        files::sync_folder(data_dir)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn what_is_put_by_takes_real_room_and_is_given_up_when_there_is_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = folder.path().join(FILE);
        for _ in 0..2 {
            put_by(folder.path());
            assert!(reserve.metadata().unwrap().blocks() * 512 >= RESERVE_BYTES);
        }
        make_room(folder.path()).unwrap();
        assert!(reserve.exists(), "there is other room");

        let missing = make_room_for(folder.path(), u64::MAX).unwrap_err();
        assert!(matches!(missing, StoreError::NoSpace { path, .. } if path == folder.path()));
        assert!(!reserve.exists());
        // Nothing is left to give up, and that is no other error.
        let missing = make_room_for(folder.path(), u64::MAX).unwrap_err();
        assert!(matches!(missing, StoreError::NoSpace { .. }));
        put_by(folder.path());
        assert!(reserve.exists());
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_made() {
        let folder = tempfile::tempdir().unwrap();
        make_room(&folder.path().join("data")).unwrap();
    }

    #[test]
    fn something_else_in_the_place_of_the_reserve_is_named_only_when_the_room_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FILE)).unwrap();
        put_by(folder.path());
        make_room(folder.path()).unwrap();
        let error = make_room_for(folder.path(), u64::MAX).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
    }
}
