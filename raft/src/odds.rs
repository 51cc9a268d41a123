//! Members that do not talk to each other, and why.
//!
//! A reason is said once, since everybody tries again and again, and only when it lasts: those that have not
//! heard of a newcomer yet turn it away for a moment, and nobody has to do anything about it.

use core::time::Duration;
use std::collections::BTreeMap;

use types::{Instant, NodeId};

/// A reason that is still given so long after it was first given lasts.
const LASTS: Duration = Duration::from_secs(2);
/// One that was not given for so long has passed.
const PAUSE: Duration = Duration::from_mins(1);

/// The last reason of each member.
#[derive(Debug, Default)]
pub(crate) struct Odds(BTreeMap<NodeId, Reason>);

#[derive(Debug)]
struct Reason {
    text: String,
    first: Instant,
    last: Instant,
    is_said: bool,
}

impl Odds {
    /// `node` and this member have just not talked because of `text`. Returns whether to say it now.
    pub(crate) fn note(&mut self, node: NodeId, text: &str, now: Instant) -> bool {
        let known = self.0.get_mut(&node).filter(|known| {
            let goes_on = known.is_said || now.saturating_since(known.last) < PAUSE;
            known.text == text && goes_on
        });
        let Some(known) = known else {
            let reason = Reason {
                text: text.to_owned(),
                first: now,
                last: now,
                is_said: false,
            };
            self.0.insert(node, reason);
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
    fn what_passes_and_what_changes_is_not_said() {
        let mut odds = Odds::default();
        assert!(!odds.note(A, "no member", at(0)));
        assert!(!odds.note(A, "no member", at(1_999)));
        assert!(!odds.note(A, "too old", at(2_500)), "another reason");
        assert!(
            !odds.note(NodeId(2), "too old", at(4_600)),
            "another member"
        );
        assert!(odds.note(A, "too old", at(4_600)));
        assert!(!odds.note(A, "no member", at(5_000)));
        assert!(!odds.note(A, "no member", at(65_000)), "it had passed");
    }
}
