//! The only reader of the real clock.
//!
//! Machines get [`types::Instant`]s; wall time is made from them where a person reads it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use types::Instant;

/// The node's clock: monotonic since [`Clock::start`], with the wall time of that moment.
///
/// It follows tokio's idea of time, which is the operating system's, unless a simulation has paused it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: tokio::time::Instant,
    origin_unix_ns: u64,
}

impl Clock {
    /// Starts the clock; done once a process, handed to everybody.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::start_at(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Starts a clock that says `unix_ns` of Unix time now, whatever the system's says.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn start_at(unix_ns: u64) -> Self {
        Self {
            origin: tokio::time::Instant::now(),
            origin_unix_ns: unix_ns,
        }
    }

    /// Now, in nanoseconds since the clock's start.
    pub fn now(&self) -> Instant {
        let nanos = self.origin.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Wall time of `at` in nanoseconds of Unix time; steps of the system clock after the start do
    /// not show, so that two records of one node keep their distance.
    pub const fn unix_nanos(&self, at: Instant) -> u64 {
        self.origin_unix_ns.saturating_add(at.as_nanos())
    }

    /// Wall time of now in milliseconds of Unix time.
    pub fn unix_millis(&self) -> u64 {
        self.unix_nanos(self.now()) / 1_000_000
    }

    /// Waits until `deadline`, for ever without one. Cancel safe: it holds nothing.
    pub async fn wait_until(&self, deadline: Option<Instant>) {
        match deadline {
            None => std::future::pending().await,
            Some(deadline) => tokio::time::sleep(self.until(deadline)).await,
        }
    }

    /// Time left until `deadline`; zero when it has passed.
    pub fn until(&self, deadline: Instant) -> Duration {
        deadline.saturating_since(self.now())
    }
}
