//! How long sessions took from their first packet on one node to the other one's table.

use serde::{Deserialize, Serialize};

/// A tenth of a millisecond.
const STEP_NANOS: u64 = 100_000;
/// Ten seconds; what takes longer counts as that.
const STEPS: usize = 100_000;

/// Counts by tenths of a millisecond.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; STEPS],
            total: 0,
        }
    }
}

/// A histogram in a few figures, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Lag {
    pub(super) sessions: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) worst_ms: f64,
}

impl Histogram {
    pub(super) fn add(&mut self, nanos: u64) {
        let step = usize::try_from(nanos / STEP_NANOS).unwrap_or(STEPS);
        if let Some(count) = self.counts.get_mut(step.min(STEPS - 1)) {
            *count += 1;
            self.total += 1;
        }
    }

    pub(super) fn summary(&self) -> Lag {
        Lag {
            sessions: self.total,
            p50_ms: self.quantile(50),
            p99_ms: self.quantile(99),
            worst_ms: self.quantile(100),
        }
    }

    /// The upper end of the step in which `percent` of all are reached.
    fn quantile(&self, percent: u64) -> f64 {
        let wanted = (self.total * percent).div_ceil(100);
        let mut seen = 0;
        let steps = self.counts.iter().zip(1_u32..).find(|(count, _)| {
            seen += **count;
            seen >= wanted && wanted > 0
        });
        steps.map_or(0.0, |(_, upper)| f64::from(upper) / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_ends_of_steps() {
        let mut lags = Histogram::default();
        assert_eq!(lags.summary(), Lag::default());
        for step in 0..100 {
            lags.add(step * 1_000_000 + 1);
        }
        lags.add(u64::MAX);
        let lag = lags.summary();
        assert_eq!((lag.sessions, lag.p50_ms), (101, 50.1));
        assert_eq!((lag.p99_ms, lag.worst_ms), (99.1, 10_000.0));
    }
}
