//! How often values came, in buckets that are a quarter of a power of two wide.
//!
//! The same interface as the crate whose name it bears, as far as the consensus library uses it.

use std::fmt;
use std::marker::PhantomData;

/// Bits of a value that tell buckets apart, the highest one included.
const WIDTH: u32 = 3;
/// Buckets of one power of two.
const GROUP: u64 = 1 << (WIDTH - 1);
/// Of all values.
const BUCKETS: usize = 252;

/// How often values came. `T` is for the windows of the original, of which there is one here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Histogram<T = ()> {
    counts: Box<[u64]>,
    total: u64,
    window: PhantomData<T>,
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS].into_boxed_slice(),
            total: 0,
            window: PhantomData,
        }
    }
}

impl<T> Histogram<T> {
    /// Nothing came yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `value` came.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// `value` came `count` times.
    pub fn record_n(&mut self, value: u64, count: u64) {
        if let Some(counted) = self.counts.get_mut(bucket_of(value)) {
            *counted = counted.saturating_add(count);
            self.total = self.total.saturating_add(count);
        }
    }

    /// How many values came.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The least value of the bucket below whose end the share `part` of all values lies.
    pub fn percentile(&self, part: f64) -> u64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "who counts so far reads no single value"
        )]
        let wanted = (self.total as f64 * part).max(1.0);
        let mut seen = 0_u64;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            let reached = *count > 0 && seen as f64 >= wanted;
            if reached {
                return least_of(bucket);
            }
        }
        0
    }

    /// What is asked for most.
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total,
            p0_1: self.percentile(0.001),
            p1: self.percentile(0.01),
            p5: self.percentile(0.05),
            p10: self.percentile(0.1),
            p50: self.percentile(0.5),
            p90: self.percentile(0.9),
            p99: self.percentile(0.99),
            p99_9: self.percentile(0.999),
        }
    }
}

fn bucket_of(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    let bucket = match bits.checked_sub(WIDTH) {
        Some(group) => GROUP + u64::from(group) * GROUP + (value >> group & (GROUP - 1)),
        None => value,
    };
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

fn least_of(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    match bucket.checked_sub(GROUP) {
        Some(above) => (GROUP + above % GROUP) << (above / GROUP),
        None => bucket,
    }
}

/// Some percentiles, and of how many values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "their names say it")]
pub struct PercentileStats {
    pub samples: u64,
    pub p0_1: u64,
    pub p1: u64,
    pub p5: u64,
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, p50, p90, p99, p99_9, .. } = self;
        write!(f, "[{samples} values, half below {p50}, 90% {p90}, 99% {p99}, 99.9% {p99_9}]")
    }
}

/// Several histograms, a line each.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AsciiChart {
    lines: Vec<(String, PercentileStats)>,
}

impl AsciiChart {
    /// Without any.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the interface is the original's"
    )]
    #[must_use]
    pub fn add(mut self, name: &str, histogram: Histogram) -> Self {
        self.lines.push((name.to_owned(), histogram.percentile_stats()));
        self
    }

    /// Itself: there is one way to show it here.
    pub fn compact(&self) -> &Self {
        self
    }

    /// The same.
    pub fn detailed(&self) -> &Self {
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, stats) in &self.lines {
            writeln!(f, "{name:>22}: {stats}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_bucket() {
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        for bucket in 0..BUCKETS {
            let least = least_of(bucket);
            assert_eq!(bucket_of(least), bucket);
            assert_eq!(bucket_of(least.saturating_sub(1)), bucket.saturating_sub(1));
        }
    }

    #[test]
    fn percentiles_are_the_buckets_in_which_they_lie() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!(histogram.percentile(0.5), 0);
        for value in 1..=100 {
            histogram.record(value);
        }
        histogram.record_n(1_000_000, 100);
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p10, stats.p50), (200, 20, 96));
        assert_eq!(stats.p99, least_of(bucket_of(1_000_000)));
    }
}
