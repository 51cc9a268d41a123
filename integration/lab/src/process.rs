//! Processes of the laboratory: started inside a host, logged to a file, killed without asking.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::host::{Host, HostError};

/// A running (or ended) process of a host. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// Why a process could not be started or ended.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Its log file could not be opened.
    #[error("cannot open the log {path}")]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The host could not start it.
    #[error("cannot start {name}")]
    Start {
        /// The process.
        name: String,
        /// Why.
        #[source]
        source: HostError,
    },
    /// It could not be killed or waited for.
    #[error("cannot end {name}")]
    End {
        /// The process.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Process {
    /// Starts `command` inside `host`; what it prints is appended to `log`.
    pub fn start(
        host: &Host,
        name: &str,
        mut command: Command,
        log: &Path,
    ) -> Result<Self, ProcessError> {
        let open = || -> io::Result<(File, File)> {
            let file = File::options().create(true).append(true).open(log)?;
            Ok((file.try_clone()?, file))
        };
        let (output, errors) = open().map_err(|source| ProcessError::Log {
            path: log.to_owned(),
            source,
        })?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = host.spawn(command).map_err(|source| ProcessError::Start {
            name: name.to_owned(),
            source,
        })?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id inside the sandbox.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it by SIGKILL and waits until it is gone; an ended process stays ended.
    pub fn kill(&mut self) -> Result<(), ProcessError> {
        self.strike()?;
        self.child.wait().map_err(|source| self.end_error(source))?;
        Ok(())
    }

    /// Sends SIGKILL and does not wait: its links may be cut in the same moment.
    pub fn strike(&mut self) -> Result<(), ProcessError> {
        self.child.kill().map_err(|source| self.end_error(source))
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        self.child
            .try_wait()
            .map_err(|source| self.end_error(source))
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Result<ExitStatus, ProcessError> {
        self.child.wait().map_err(|source| self.end_error(source))
    }

    /// The last `lines` lines that it printed.
    pub fn last_words(&self, lines: usize) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<_> = text.lines().collect();
        all.get(all.len().saturating_sub(lines)..)
            .unwrap_or_default()
            .join("\n")
    }

    fn end_error(&self, source: io::Error) -> ProcessError {
        ProcessError::End {
            name: self.name.clone(),
            source,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(process = self.name, %error, "a process of the laboratory stays");
        }
    }
}
