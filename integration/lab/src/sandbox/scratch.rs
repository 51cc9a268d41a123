//! A directory for one run, removed by whoever survives.
//!
//! The outermost process holds a lock on it. A directory whose lock nobody holds belongs to a run
//! that was killed with its whole tree, and the next run removes it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, umount2};

use super::NETNS;

const PREFIX: &str = "tandem-lab-";
const LOCK: &str = "lock";

/// The directory of this run; dropped, it is gone.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Scratch {
    /// Makes the directory below `/tmp`: a Unix socket's path must stay below 108 bytes, and the
    /// environment's idea of a temporary directory can be any length.
    pub(super) fn create() -> io::Result<Self> {
        let parent = Path::new("/tmp");
        sweep(parent);
        // Processes of several pid namespaces may share an id: then the next free name is taken.
        let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
        for turn in 0..100 {
            let path = parent.join(format!("{PREFIX}{}-{turn}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {
                    return Ok(Self {
                        _lock: lock(&path)?,
                        path,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
                Err(error) => return Err(error),
            }
        }
        Err(taken)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Namespaces that were given names there; their users are gone by now.
        for name in fs::read_dir(self.path.join(NETNS))
            .into_iter()
            .flatten()
            .flatten()
        {
            if let Err(error) = umount2(&name.path(), MntFlags::MNT_DETACH) {
                tracing::debug!(path = %name.path().display(), %error, "was not mounted");
            }
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the run's directory stays behind");
        }
    }
}

/// Removes what killed runs left behind; what cannot be removed belongs to somebody else.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && let Ok(_ours) = lock(&entry.path())
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::debug!(path = %entry.path().display(), %error, "an abandoned directory stays");
        }
    }
}

fn lock(directory: &Path) -> io::Result<Flock<File>> {
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(directory.join(LOCK))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno.into())
}
