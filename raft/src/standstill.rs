//! A leader that is obeyed and agrees on nothing.
//!
//! Heartbeats carry no entries: members that refuse a leader's entries, because what they have agreed on is
//! something else, acknowledge its heartbeats all the same. What shows is that entries wait and none of them is
//! agreed on any more.

use core::time::Duration;

use types::Instant;

/// Longer than any disk or election takes that an operator need not hear of.
const TOO_LONG: Duration = Duration::from_secs(5);

/// Since when entries have been waiting while nothing was agreed on.
#[derive(Debug, Default)]
pub(crate) struct Standstill {
    applied: Option<u64>,
    since: Option<Instant>,
}

impl Standstill {
    /// Whether it lasts too long, with entries up to `last` and those up to `applied` agreed on. Asked now and
    /// then.
    pub(crate) fn lasts(&mut self, last: Option<u64>, applied: Option<u64>, now: Instant) -> bool {
        let waits = last > applied;
        let moves = applied != self.applied;
        self.applied = applied;
        if !waits || moves {
            self.since = waits.then_some(now);
            return false;
        }
        let since = *self.since.get_or_insert(now);
        now.saturating_since(since) >= TOO_LONG
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_wait_for_too_long_while_nothing_is_agreed_on() {
        let mut standstill = Standstill::default();
        let mut lasts = |last, applied, second| {
            let now = Instant::START + Duration::from_secs(second);
            standstill.lasts(Some(last), Some(applied), now)
        };
        assert!(!lasts(7, 7, 0) && !lasts(7, 7, 60), "nothing waits");
        assert!(!lasts(8, 7, 60) && !lasts(9, 7, 64));
        assert!(lasts(9, 7, 65));
        assert!(!lasts(9, 8, 66), "it goes on");
        assert!(!lasts(9, 8, 70) && lasts(9, 8, 71));
        assert!(!lasts(9, 9, 72) && !lasts(10, 9, 90), "another one waits");
    }
}
