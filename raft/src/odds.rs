//! Members that do not talk to each other, and why.
//!
//! A reason is said once, since everybody tries again and again, and only when it lasts: those that have not
//! heard of a newcomer yet turn it away for a moment, and nobody has to do anything about it.

use core::time::Duration;

use types::{Instant, NodeId};

/// A reason that is still given so long after it was first given lasts.
const LASTS: Duration = Duration::from_secs(2);
/// One that was not given for so long has passed; when it comes back it is news.
const PAUSE: Duration = Duration::from_mins(1);
/// Reasons that are known at once. Others say them, so their number is nobody's word.
const KNOWN: usize = 32;

/// The reasons of late, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Odds(Vec<Reason>);

#[derive(Debug)]
struct Reason {
    node: NodeId,
    text: String,
    first: Instant,
    last: Instant,
    is_said: bool,
}

impl Odds {
    /// `node` and this member have just not talked because of `text`, which is the same for the same reason.
    /// Returns whether to say it now.
    pub(crate) fn note(&mut self, node: NodeId, text: &str, now: Instant) -> bool {
        self.0
            .retain(|known| now.saturating_since(known.last) < PAUSE);
        let mut known = self.0.iter_mut();
        let Some(known) = known.find(|known| known.node == node && known.text == text) else {
            if self.0.len() == KNOWN {
                self.0.remove(0);
            }
            self.0.push(Reason {
                node,
                text: text.to_owned(),
                first: now,
                last: now,
                is_said: false,
            });
            return false;
        };
        known.last = now;
        let is_news = !known.is_said && now.saturating_since(known.first) >= LASTS;
        known.is_said |= is_news;
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    #[test]
    fn a_reason_is_said_once_when_it_lasts() {
        let mut odds = Odds::default();
        let said: Vec<_> = (0..100)
            .map(|tenth| tenth * 100)
            .filter(|&millis| odds.note(A, "too old", at(millis)))
            .collect();
        assert_eq!(said, [2_000]);
    }

    #[test]
    fn each_member_and_each_reason_counts_for_itself() {
        let mut odds = Odds::default();
        for millis in (0..2_000).step_by(500) {
            assert!(!odds.note(A, "no member", at(millis)));
            assert!(!odds.note(A, "too old", at(millis + 100)));
        }
        assert!(
            !odds.note(NodeId(2), "too old", at(2_000)),
            "another member"
        );
        assert!(odds.note(A, "no member", at(2_000)));
        assert!(odds.note(A, "too old", at(2_100)));
    }

    #[test]
    fn what_has_passed_is_news_when_it_comes_back() {
        let mut odds = Odds::default();
        assert!(!odds.note(A, "no member", at(0)));
        assert!(!odds.note(A, "no member", at(60_000)), "it had passed");
        assert!(odds.note(A, "no member", at(62_000)));
        assert!(!odds.note(A, "no member", at(64_000)), "it was said");
        assert!(!odds.note(A, "no member", at(124_000)), "it had passed");
        assert!(odds.note(A, "no member", at(126_000)));
    }

    #[test]
    fn a_flood_of_reasons_is_forgotten() {
        let mut odds = Odds::default();
        for number in 0..1_000 {
            assert!(!odds.note(A, &number.to_string(), at(number)));
        }
        assert_eq!(odds.0.len(), KNOWN);
    }
}
