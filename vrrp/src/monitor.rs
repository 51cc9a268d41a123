//! Which devices are usable: asked at every link event, and now and then without one.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use types::Instant;

use crate::socket::{LinkEvents, LinkProbe};

/// A link event can be late (the kernel collects those of physical ports for up to a second), so the
/// flags are read this often anyway.
const RECHECK: Duration = Duration::from_millis(20);

/// The kernel's word on links.
#[derive(Debug)]
pub(crate) struct Monitor {
    events: LinkEvents,
    probe: LinkProbe,
    next_check_at: Instant,
}

impl Monitor {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self {
            events: LinkEvents::open()?,
            probe: LinkProbe::open()?,
            next_check_at: Instant::START,
        })
    }

    /// Whether the links should be looked at now; empties the event queue.
    pub(crate) fn wants_check(&mut self, buffer: &mut [u8], now: Instant) -> bool {
        let event = self.events.drain(buffer);
        let due = now >= self.next_check_at;
        if event || due {
            self.next_check_at = now + RECHECK;
        }
        event || due
    }

    /// Whether frames can pass; a device that is gone passes none.
    pub(crate) fn is_up(&self, device: &str) -> bool {
        self.probe.is_up(device).unwrap_or(false)
    }

    pub(crate) const fn next_check_at(&self) -> Instant {
        self.next_check_at
    }

    pub(crate) fn readable(&self) -> BorrowedFd<'_> {
        self.events.readable()
    }
}
