//! The disk: a folder on it for one run, and how often it can be synchronised.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use runtime::Clock;

/// A folder of this run's own; dropped, it is gone.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn create(parent: &Path) -> anyhow::Result<Self> {
        let path = parent.join(format!("tandem-bench-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

/// What a journal with one writer can reach here: 4 KiB appended and synchronised, again and again.
pub(super) fn fdatasyncs(folder: &Path, length: Duration, clock: Clock) -> anyhow::Result<f64> {
    let block = [0x5a; 4096];
    let mut file = File::create(folder.join("probe"))?;
    let begun = clock.now();
    let mut count = 0_u32;
    loop {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
        let passed = clock.now() - begun;
        if passed >= length {
            return Ok(f64::from(count) / passed.as_secs_f64());
        }
    }
}
