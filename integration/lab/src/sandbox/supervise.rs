//! Waits for a stage: signals go in, the exit code comes out, orphans are reaped on the way.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::EnterError;
use crate::sys;

/// Signals that a person or a service manager sends to end a command.
const FORWARDED: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Runs `command` to its end and gives its exit code.
///
/// The child gets a process group of its own, so that a terminal's Ctrl-C reaches it once, from
/// here, and not a second time from the terminal.
pub(super) fn supervise(mut command: Command) -> Result<ExitCode, EnterError> {
    let mut waited: SigSet = FORWARDED.into_iter().collect();
    waited.add(Signal::SIGCHLD);
    // Blocked before the child exists: none can be missed.
    waited.thread_block().map_err(stage_error)?;
    sys::listen_to_signals(&mut command);
    let child = command
        .process_group(0)
        .spawn()
        .map_err(EnterError::Stage)?;
    let child = Pid::from_raw(child.id().cast_signed());
    loop {
        let signal = waited.wait().map_err(stage_error)?;
        if signal != Signal::SIGCHLD {
            // A child that has ended in this moment is reported by the next SIGCHLD.
            let _gone = kill(child, signal);
        } else if let Some(code) = reap(child)? {
            return Ok(code);
        }
    }
}

/// Takes in every child that has ended; the code when `watched` is among them.
fn reap(watched: Pid) -> Result<Option<ExitCode>, EnterError> {
    loop {
        let (pid, code) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, u8::try_from(code).unwrap_or(1)),
            // The shells' convention.
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                (pid, u8::try_from(128 + signal as i32).unwrap_or(1))
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
            Ok(
                WaitStatus::Stopped(..)
                | WaitStatus::Continued(_)
                | WaitStatus::PtraceEvent(..)
                | WaitStatus::PtraceSyscall(_),
            )
            | Err(Errno::EINTR) => continue,
            Err(errno) => return Err(stage_error(errno)),
        };
        if pid == watched {
            return Ok(Some(ExitCode::from(code)));
        }
    }
}

fn stage_error(errno: Errno) -> EnterError {
    EnterError::Stage(errno.into())
}
