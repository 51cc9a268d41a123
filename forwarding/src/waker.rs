//! Wakes a worker that sleeps in `ppoll`.
//!
//! A message in a worker's queues is of no use while it waits for frames, so whoever puts one there
//! also makes this descriptor readable. A worker that is awake looks at its queues anyway: then no
//! system call is made. The flag and the queues are ordered by sequentially consistent fences: either
//! the worker sees the message before it sleeps, or the sender sees that it sleeps.

use core::sync::atomic::{AtomicBool, Ordering, fence};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Cheap to clone; all clones wake the same worker.
#[derive(Clone, Debug)]
pub(crate) struct Waker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    event: EventFd,
    asleep: AtomicBool,
}

impl Waker {
    /// A waker of a worker that is awake.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Self(Arc::new(Inner {
            event: EventFd::from_flags(flags)?,
            asleep: AtomicBool::new(false),
        })))
    }

    /// Ends the worker's sleep. Called after the message is in its queue.
    pub(crate) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.0.asleep.load(Ordering::Relaxed) {
            // Fails only when the count is full, and then it is readable already.
            let _already_readable = self.0.event.write(1);
        }
    }

    /// The worker is about to look at its queues for the last time before it sleeps.
    pub(crate) fn falls_asleep(&self) {
        self.0.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The worker is awake; the descriptor is no longer readable.
    pub(crate) fn is_awake(&self) {
        self.0.asleep.store(false, Ordering::Relaxed);
        // Fails only when nobody woke us.
        let _not_woken = self.0.event.read();
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn is_readable(waker: &Waker) -> bool {
        let mut descriptors = [PollFd::new(waker.as_fd(), PollFlags::POLLIN)];
        poll(&mut descriptors, PollTimeout::ZERO).unwrap() == 1
    }

    #[test]
    fn only_a_sleeping_worker_costs_a_system_call() {
        let waker = Waker::new().unwrap();
        waker.wake();
        assert!(!is_readable(&waker));
        waker.falls_asleep();
        waker.clone().wake();
        assert!(is_readable(&waker));
        waker.is_awake();
        assert!(!is_readable(&waker));
    }
}
