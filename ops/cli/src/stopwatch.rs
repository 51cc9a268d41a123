//! How long a person waited.

use std::time::{Duration, Instant};

/// Started when it is made.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "a client is no node: it has no runtime::Clock, and nothing but `Completed in …` depends on this"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
