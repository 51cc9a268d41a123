//! A small file system of its own, which a test can fill.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// The mounted file system. Dropped, it is gone.
#[derive(Debug)]
pub struct Disk {
    /// Where it is mounted.
    pub path: PathBuf,
}

impl Disk {
    /// Mounts it, empty, at a folder that it makes if needed.
    pub fn mount(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path)?;
        let kind = Some("tmpfs");
        mount(kind, path, kind, MsFlags::empty(), Some("size=40m"))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Leaves no byte free.
    pub fn fill(&self) -> Result<()> {
        let mut file = std::fs::File::create(self.path.join("ballast"))?;
        let block = vec![1; 65_536];
        while file.write_all(&block).is_ok() {}
        Ok(())
    }

    /// Gives everything back.
    pub fn empty(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.path.join("ballast"))?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It goes with the sandbox at the latest.
        let _unmounted = umount2(&self.path, MntFlags::MNT_DETACH);
    }
}
