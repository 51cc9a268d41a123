//! The seeds of a campaign: consecutive numbers, each with a run of its own.

/// Consecutive seeds that are all there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seeds {
    first: u64,
    count: u64,
}

/// Why a range of seeds was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{count} seeds from {first} on end beyond the last seed that there is, {last}: begin at {highest} \
     at the latest, or try fewer",
    last = u64::MAX,
    highest = u64::MAX - count.saturating_sub(1)
)]
pub struct BeyondLastSeed {
    first: u64,
    count: u64,
}

impl Seeds {
    /// `count` seeds, `first` being the first. A range that began anew at zero would be one that nobody
    /// asked for, so it is none.
    pub const fn starting_at(first: u64, count: u64) -> Result<Self, BeyondLastSeed> {
        if u64::MAX - first < count.saturating_sub(1) {
            return Err(BeyondLastSeed { first, count });
        }
        Ok(Self { first, count })
    }

    /// The first one.
    pub const fn first(self) -> u64 {
        self.first
    }

    /// How many.
    pub const fn count(self) -> u64 {
        self.count
    }

    /// The one that comes after `earlier` others.
    pub(crate) fn after(self, earlier: u64) -> Option<u64> {
        (earlier < self.count)
            .then(|| self.first.checked_add(earlier))
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_seed_can_be_tried_and_no_seed_beyond_it() {
        let last = Seeds::starting_at(u64::MAX - 1, 2).unwrap();
        let seeds = [last.after(0), last.after(1), last.after(2)];
        assert_eq!(seeds, [Some(u64::MAX - 1), Some(u64::MAX), None]);
        assert!(Seeds::starting_at(0, u64::MAX).is_ok());
        assert!(Seeds::starting_at(u64::MAX, 1).is_ok());
        assert!(Seeds::starting_at(1, u64::MAX).is_ok());
        assert!(Seeds::starting_at(2, u64::MAX).is_err());
    }

    #[test]
    fn a_range_that_does_not_fit_is_named_with_the_next_step() {
        let refused = Seeds::starting_at(u64::MAX - 1, 3).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "3 seeds from 18446744073709551614 on end beyond the last seed that there is, \
             18446744073709551615: begin at 18446744073709551613 at the latest, or try fewer"
        );
    }
}
