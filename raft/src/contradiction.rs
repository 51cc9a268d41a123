//! A leader who has something else in its log than what was agreed on here.
//!
//! That can only be if a member has forgotten what it had acknowledged, and heard of it from nobody: an older
//! disk came back. What it sends is refused, as any bad message is. One such message says no more than that it
//! was bad; from a leader who repeats it nothing can be agreed on here, however often it is heard.

use core::time::Duration;

use types::Instant;

/// A leader that repeats it for so long means it.
const MEANS_IT: Duration = Duration::from_secs(2);
/// Leaders try again sooner than that.
const PAUSE: Duration = Duration::from_secs(5);

/// Who contradicted last, by which vote, and since when.
#[derive(Debug)]
pub(crate) struct Contradiction<V> {
    said: Option<Said<V>>,
}

#[derive(Debug)]
struct Said<V> {
    vote: V,
    first: Instant,
    last: Instant,
}

impl<V> Default for Contradiction<V> {
    fn default() -> Self {
        Self { said: None }
    }
}

impl<V: PartialEq> Contradiction<V> {
    /// The leader by `vote` has just contradicted. Returns whether that is news.
    pub(crate) fn note(&mut self, vote: V, now: Instant) -> bool {
        let known = self.said.take();
        let known = known.filter(|said| said.vote == vote);
        let is_news = known.is_none();
        let goes_on = known.filter(|said| now.saturating_since(said.last) < PAUSE);
        self.said = Some(Said {
            vote,
            first: goes_on.map_or(now, |said| said.first),
            last: now,
        });
        is_news
    }

    /// Whether the leader by `vote` means it.
    pub(crate) fn lasts(&self, vote: &V, now: Instant) -> bool {
        self.said.as_ref().is_some_and(|said| {
            said.vote == *vote
                && said.last.saturating_since(said.first) >= MEANS_IT
                && now.saturating_since(said.last) < PAUSE
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    #[test]
    fn a_leader_that_repeats_it_means_it_until_it_stops() {
        let mut contradiction = Contradiction::default();
        assert!(!contradiction.lasts(&1, at(0)));
        for millis in (0..=2_000).step_by(200) {
            assert!(!contradiction.lasts(&1, at(millis)));
            assert_eq!(contradiction.note(1, at(millis)), millis == 0);
        }
        assert!(contradiction.lasts(&1, at(2_000)));
        assert!(!contradiction.lasts(&2, at(2_000)), "another one leads");
        assert!(contradiction.lasts(&1, at(6_999)));
        assert!(!contradiction.lasts(&1, at(7_000)));
    }

    #[test]
    fn single_bad_messages_mean_nothing() {
        let mut contradiction = Contradiction::default();
        assert!(contradiction.note(1, at(0)));
        assert!(!contradiction.note(1, at(5_000)), "it was said");
        assert!(!contradiction.lasts(&1, at(5_000)));
        assert!(contradiction.note(2, at(6_000)));
        assert!(contradiction.note(1, at(8_000)));
        assert!(!contradiction.lasts(&1, at(8_000)));
    }
}
