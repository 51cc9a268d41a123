//! A network namespace held by a descriptor, and threads that work inside it.
//!
//! A socket belongs to the namespace it was made in, for ever, whichever thread uses it later. So
//! only making sockets (and reading `/proc/sys/net`) needs a thread inside.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace; it lives while this, a process or a thread is in it.
#[derive(Debug)]
pub struct NetNs {
    descriptor: OwnedFd,
}

/// Why a namespace could not be made or entered.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// The kernel refused to make one.
    #[error("cannot make a network namespace")]
    Make(#[source] io::Error),
    /// A thread could not enter it.
    #[error("cannot enter a network namespace")]
    Enter(#[source] io::Error),
    /// No thread could be started.
    #[error("cannot start a thread for a network namespace")]
    Thread(#[source] io::Error),
}

impl NetNs {
    /// Makes an empty namespace: a loopback that is down, nothing else.
    pub fn new() -> Result<Self, NamespaceError> {
        let make = || -> io::Result<OwnedFd> {
            unshare(CloneFlags::CLONE_NEWNET)?;
            Ok(File::open("/proc/thread-self/ns/net")?.into())
        };
        // The thread that unshares is spent: it never comes back from the new namespace.
        let descriptor = on_thread(make)?.map_err(NamespaceError::Make)?;
        Ok(Self { descriptor })
    }

    /// Runs `work` on a thread inside and waits for it. A panic of `work` goes on in the caller.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        on_thread(|| self.enter_thread().map(|()| work()))?
    }

    /// Starts a thread named `name` inside that outlives the call.
    pub fn thread<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<Result<T, NamespaceError>>, NamespaceError> {
        let inside = self.share()?;
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || inside.enter_thread().map(|()| work()))
            .map_err(NamespaceError::Thread)
    }

    /// Another handle to the same namespace.
    pub fn share(&self) -> Result<Self, NamespaceError> {
        let descriptor = self.descriptor.try_clone().map_err(NamespaceError::Enter)?;
        Ok(Self { descriptor })
    }

    /// Where this process finds the namespace in the file system.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.descriptor.as_raw_fd()))
    }

    /// What tells it from every other namespace; `None` when the descriptor cannot be asked.
    pub(crate) fn inode(&self) -> Option<u64> {
        nix::sys::stat::fstat(&self.descriptor)
            .ok()
            .map(|state| state.st_ino)
    }

    /// Gives up the handle for its descriptor.
    pub(crate) fn into_descriptor(self) -> OwnedFd {
        self.descriptor
    }

    fn enter_thread(&self) -> Result<(), NamespaceError> {
        setns(&self.descriptor, CloneFlags::CLONE_NEWNET)
            .map_err(|errno| NamespaceError::Enter(errno.into()))
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn on_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, work)
            .map_err(NamespaceError::Thread)?;
        match thread.join() {
            Ok(value) => Ok(value),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
