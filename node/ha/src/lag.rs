//! How late something is: now, nearly always, and at worst.

use core::time::Duration;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Samples that the 99th percentile is taken of.
const WINDOW: usize = 1_000;

/// Figures of a [`LagMeter`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    /// How long the oldest change has been waiting; zero when nothing waits.
    pub now: Duration,
    /// 99 of 100 of the latest changes took no longer.
    pub p99: Duration,
    /// The longest that any change took since the node's start.
    pub worst: Duration,
}

/// Collects how long changes took.
#[derive(Clone, Debug, Default)]
pub struct LagMeter {
    samples: VecDeque<Duration>,
    worst: Duration,
}

impl LagMeter {
    /// A change has arrived after `took`.
    pub fn sample(&mut self, took: Duration) {
        if self.samples.len() == WINDOW {
            self.samples.pop_front();
        }
        self.samples.push_back(took);
        self.worst = self.worst.max(took);
    }

    /// The figures, while the oldest change has been waiting for `now`.
    pub fn figures(&self, now: Duration) -> Lag {
        let mut sorted: Vec<_> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let place = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
        Lag {
            now,
            p99: sorted.get(place).copied().unwrap_or_default(),
            worst: self.worst.max(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn nearly_always_is_the_99th_of_a_hundred() {
        let mut meter = LagMeter::default();
        assert_eq!(meter.figures(Duration::ZERO), Lag::default());
        for took in 1..=100 {
            meter.sample(ms(took));
        }
        let lag = meter.figures(ms(3));
        assert_eq!((lag.now, lag.p99, lag.worst), (ms(3), ms(99), ms(100)));
    }

    #[test]
    fn the_worst_outlives_the_window_and_what_waits_now_may_be_it() {
        let mut meter = LagMeter::default();
        meter.sample(ms(500));
        for _ in 0..WINDOW {
            meter.sample(ms(1));
        }
        assert_eq!(meter.figures(ms(0)).p99, ms(1));
        assert_eq!(meter.figures(ms(0)).worst, ms(500));
        assert_eq!(meter.figures(ms(700)).worst, ms(700));
    }
}
