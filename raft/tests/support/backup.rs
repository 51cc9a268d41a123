//! Copies of members' folders, which somebody brings back when the cluster has gone on.

use std::path::{Path, PathBuf};

/// A copy of a folder, and where it was taken.
pub(crate) struct Backup {
    copy: tempfile::TempDir,
    place: PathBuf,
}

impl Backup {
    /// Copies the folder of a member that does not run, or a part of it.
    pub(crate) fn of(place: PathBuf) -> Self {
        let copy = tempfile::tempdir().unwrap();
        copy_all(&place, copy.path());
        Self { copy, place }
    }

    /// Puts the copy in the place of what is there now.
    pub(crate) fn put_back(&self) {
        std::fs::remove_dir_all(&self.place).unwrap();
        self.copy_to(&self.place);
    }

    /// Puts the copy somewhere else.
    pub(crate) fn copy_to(&self, place: &Path) {
        copy_all(self.copy.path(), place);
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
