//! The alarm about a disk that is getting full: raised once, cleared once, however it swings between.

use ha::verdict::DISK_LOW_PERCENT;

/// Percent above the limit at which the alarm is over.
const MARGIN: u8 = 2;

/// What is to be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    Raised,
    Cleared,
}

/// Whether it is raised.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    raised: bool,
}

impl Alarm {
    /// Takes note of how much is free.
    pub(super) fn see(&mut self, free_percent: u8) -> Option<Change> {
        if !self.raised && free_percent < DISK_LOW_PERCENT {
            self.raised = true;
            Some(Change::Raised)
        } else if self.raised && free_percent >= DISK_LOW_PERCENT + MARGIN {
            self.raised = false;
            Some(Change::Cleared)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_swings_about_the_limit_is_told_of_once() {
        let mut alarm = Alarm::default();
        let told: Vec<_> = [50, 5, 4, 5, 6, 4, 0, 7, 6, 5, 4]
            .into_iter()
            .filter_map(|percent| alarm.see(percent))
            .collect();
        assert_eq!(told, [Change::Raised, Change::Cleared, Change::Raised]);
    }
}
