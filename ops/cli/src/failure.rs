//! What goes wrong between an operator and a node: the thing, the cause, the next step, the status.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use config::text_file::ReadError;
use serde_json::json;

/// The node answered that it could not do what was asked, or a file is not valid.
pub const EXIT_COMMAND: u8 = 1;
/// No node answered. (2 is a usage error; clap says that.)
pub const EXIT_NOT_REACHABLE: u8 = 3;
/// The socket is there, for others.
pub const EXIT_NOT_PERMITTED: u8 = 4;
/// It may do harm, and was not forced.
pub const EXIT_NEEDS_FORCE: u8 = 5;
/// Somebody has committed since the base.
pub const EXIT_STALE: u8 = 6;
/// It was tried, and nobody knows whether it is done.
pub const EXIT_UNKNOWN: u8 = 7;

/// Why a command of the operator has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no socket.
    #[error(
        "nobody listens at {}: is `tandem node` running? Start it with `tandem node --config \
         /etc/tandem/node.toml`, or name its socket with --socket or TANDEM_SOCKET", path.display()
    )]
    NoSocket {
        /// The socket.
        path: PathBuf,
    },
    /// There is a socket, and nobody behind it.
    #[error(
        "nobody listens at {} any more: its node has stopped. Start it again with `tandem node \
         --config /etc/tandem/node.toml`, or name another socket with --socket or TANDEM_SOCKET",
        path.display()
    )]
    NobodyThere {
        /// The socket.
        path: PathBuf,
    },
    /// The socket is not ours to use.
    #[error(
        "permission denied at {}: become the user that runs `tandem node`, or join the socket's \
         group (`ls -l {}` names both)", path.display(), path.display()
    )]
    Denied {
        /// The socket.
        path: PathBuf,
    },
    /// The kernel would not connect.
    #[error("cannot connect to {}: {cause}. Check the path given with --socket or TANDEM_SOCKET", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        cause: io::Error,
    },
    /// The connection ended before the answer.
    #[error("the node at {} went away before it answered: {cause}. Ask again; its log says why", path.display())]
    Lost {
        /// The socket.
        path: PathBuf,
        /// What the transport said.
        cause: String,
    },
    /// Neither an answer nor an end.
    #[error("the node at {} did not answer within {waited:?}: its log says what it is busy with", path.display())]
    Silent {
        /// The socket.
        path: PathBuf,
        /// How long it was given.
        waited: Duration,
    },
    /// The node answered, and will not do it.
    #[error("the node at {} refused: {reason}", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// Why, in its words.
        reason: String,
    },
    /// The node is there, but what was asked for is not, or did not answer in time.
    #[error("the node at {} could not answer: {reason}", path.display())]
    Unable {
        /// The socket.
        path: PathBuf,
        /// Why, in its words.
        reason: String,
    },
    /// The node would do it if it were forced.
    #[error("the node at {} does not do that: {reason}. If you know better, add --force", path.display())]
    NeedsForce {
        /// The socket.
        path: PathBuf,
        /// What speaks against it, in its words.
        reason: String,
    },
    /// The node tried, and cannot tell what came of it.
    #[error(
        "nobody knows whether it is committed: {reason}. Read `tandem show config` on either node before \
         you try again: it may be done, or come later"
    )]
    OutcomeUnknown {
        /// The socket.
        path: PathBuf,
        /// Why it is not known.
        reason: String,
    },
    /// A file could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel said, or what the file is not.
        cause: ReadError,
    },
    /// The reply could not be turned into JSON.
    #[error("cannot write the answer as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Standard output could not be written.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Why connecting to `path` failed.
    pub(crate) fn connecting(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        let kind = cause.kind();
        if kind == io::ErrorKind::NotFound {
            Self::NoSocket { path }
        } else if kind == io::ErrorKind::ConnectionRefused {
            Self::NobodyThere { path }
        } else if kind == io::ErrorKind::PermissionDenied {
            Self::Denied { path }
        } else {
            Self::Unreachable { path, cause }
        }
    }

    /// Why a call over a connection to `path` failed. Only what the transport made up itself has a
    /// source; what the node said has none.
    pub(crate) fn calling(path: &Path, status: &tonic::Status) -> Self {
        match std::error::Error::source(status) {
            Some(source) => Self::lost(path, source),
            None if status.code() == tonic::Code::Unknown => Self::OutcomeUnknown {
                path: path.to_owned(),
                reason: status.message().to_owned(),
            },
            None if status.code() == tonic::Code::Aborted => Self::NeedsForce {
                path: path.to_owned(),
                reason: status.message().to_owned(),
            },
            None if is_refusal(status.code()) => Self::Refused {
                path: path.to_owned(),
                reason: status.message().to_owned(),
            },
            None => Self::Unable {
                path: path.to_owned(),
                reason: status.message().to_owned(),
            },
        }
    }

    /// The same for a call that was to change something: who has sent it and heard nothing back does not
    /// know what became of it.
    pub(crate) fn of_a_change(self, socket: &Path) -> Self {
        let unheard = |reason: String| Self::OutcomeUnknown {
            path: socket.to_owned(),
            reason,
        };
        match self {
            Self::Lost { cause, .. } => {
                unheard(format!("the node went away before it answered ({cause})"))
            }
            Self::Silent { waited, .. } => {
                unheard(format!("the node did not answer within {waited:?}"))
            }
            known @ (Self::NoSocket { .. }
            | Self::NobodyThere { .. }
            | Self::Denied { .. }
            | Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Unable { .. }
            | Self::NeedsForce { .. }
            | Self::OutcomeUnknown { .. }
            | Self::Unreadable { .. }
            | Self::Json(_)
            | Self::Output(_)) => known,
        }
    }

    /// A connection to `path` that broke.
    pub(crate) fn lost(path: &Path, error: &dyn std::error::Error) -> Self {
        Self::Lost {
            path: path.to_owned(),
            cause: deepest(error),
        }
    }

    /// The process's exit status.
    pub const fn status(&self) -> u8 {
        match self {
            Self::Refused { .. }
            | Self::Unable { .. }
            | Self::Unreadable { .. }
            | Self::Json(_)
            | Self::Output(_) => EXIT_COMMAND,
            Self::NoSocket { .. }
            | Self::NobodyThere { .. }
            | Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::Silent { .. } => EXIT_NOT_REACHABLE,
            Self::Denied { .. } => EXIT_NOT_PERMITTED,
            Self::NeedsForce { .. } => EXIT_NEEDS_FORCE,
            Self::OutcomeUnknown { .. } => EXIT_UNKNOWN,
        }
    }

    /// Whether the reader of standard output has gone, as `head` does: no failure of ours.
    fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Says it on standard error, to programs on standard output too, and turns it into the exit
    /// status.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if self.is_closed_pipe() {
            return ExitCode::SUCCESS;
        }
        self.say(json);
        ExitCode::from(self.status())
    }

    /// Says it on standard error, and to programs on standard output.
    pub(crate) fn say(&self, json: bool) {
        eprintln!("tandem: {self}");
        if json {
            // If nobody can read it, there is nobody left to tell.
            let _gone = writeln!(io::stdout(), "{}", self.object());
        }
    }

    /// What `--json` prints instead of an answer.
    pub fn object(&self) -> serde_json::Value {
        json!({ "error": { "what": self.to_string(), "exit": self.status() } })
    }
}

/// The transport wraps its causes several times; the innermost is the one that says something.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Whether a node says with that code that it will not do something; with all others, that it cannot.
fn is_refusal(code: tonic::Code) -> bool {
    use tonic::Code;
    matches!(
        code,
        Code::FailedPrecondition | Code::InvalidArgument | Code::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_reason_decides_status_and_next_step() {
        let path = Path::new("/var/lib/tandem/tandem.sock");
        for (kind, status, next_step) in [
            (
                io::ErrorKind::NotFound,
                EXIT_NOT_REACHABLE,
                "Start it with `tandem node",
            ),
            (
                io::ErrorKind::ConnectionRefused,
                EXIT_NOT_REACHABLE,
                "Start it again",
            ),
            (
                io::ErrorKind::PermissionDenied,
                EXIT_NOT_PERMITTED,
                "join the socket's group",
            ),
            (
                io::ErrorKind::InvalidInput,
                EXIT_NOT_REACHABLE,
                "Check the path",
            ),
        ] {
            let failure = Failure::connecting(path, kind.into());
            assert_eq!(failure.status(), status, "{kind:?}");
            let text = failure.to_string();
            assert!(
                text.contains(next_step) && text.contains("/var/lib/tandem/tandem.sock"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_reader_who_left_early_is_no_failure() {
        let closed = Failure::Output(io::ErrorKind::BrokenPipe.into());
        assert!(closed.is_closed_pipe());
        assert!(!Failure::Output(io::ErrorKind::StorageFull.into()).is_closed_pipe());
    }
}
