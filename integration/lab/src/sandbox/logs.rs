//! Logs outlive a run that failed: whoever wants to know why needs what its processes said.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Sandbox;

/// Where the logs of failed runs go, each in a folder of its own.
const KEPT: &str = "/tmp/tandem-logs-";
/// Logs stand in the run's directory or one folder below.
const DEPTH: u8 = 2;

impl Sandbox {
    /// Copies every log of this run to a folder that stays, and says where; `None` when there is none.
    fn keep_logs(&self) -> io::Result<Option<PathBuf>> {
        let mut logs = Vec::new();
        find(self.directory(), DEPTH, &mut logs)?;
        if logs.is_empty() {
            return Ok(None);
        }
        let folder = PathBuf::from(format!("{KEPT}{}", self.outer));
        fs::create_dir_all(&folder)?;
        for log in logs {
            let name = log.strip_prefix(self.directory()).unwrap_or(&log);
            let flat = name.to_string_lossy().replace('/', "-");
            fs::copy(&log, folder.join(flat))?;
        }
        Ok(Some(folder))
    }

    /// Tells a person where the logs are, after a failure.
    pub(super) fn point_to_logs(&self) {
        match self.keep_logs() {
            Ok(Some(folder)) => eprintln!("the processes' logs are in {}", folder.display()),
            Ok(None) => {}
            Err(error) => eprintln!("the processes' logs could not be kept: {error}"),
        }
    }
}

fn find(folder: &Path, depth: u8, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && depth > 1 {
            // A node's data directory may be gone a moment later; its log is not in there.
            let _gone = find(&path, depth - 1, found);
        } else if kind.is_file() && is_log(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// A member's is called `log`, the others carry their program's name.
fn is_log(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "log")
        || path.extension().is_some_and(|extension| extension == "log")
}
