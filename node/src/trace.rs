//! How long this node's session changes take to be agreed on: some of them are followed.
//!
//! A change is marked where it is handed to the cluster and found again where it comes back. That costs
//! a look-up in a small map, however many changes there are.

use std::collections::BTreeMap;
use std::time::Duration;

use ha::drift::Rank;
use ha::lag::{Lag, LagMeter};
use types::{Instant, SessionChange, SessionId};

/// Marks under way to the one who looks for them; a full queue means that enough are followed.
pub(crate) const BOUND: usize = 64;
/// Between two marks: a hundred samples a second tell enough.
pub(crate) const SPACING: Duration = Duration::from_millis(10);
/// A change that has not come back by then has been lost on the way, or merged into one that was.
const LOST: Duration = Duration::from_mins(1);

/// News of a followed change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trace {
    /// It was handed to the cluster.
    Published {
        /// Its session.
        id: SessionId,
        /// Its rank.
        rank: Rank,
        /// When.
        at: Instant,
    },
    /// The cluster did not take it.
    Refused(SessionId),
}

/// The changes that are followed.
#[derive(Debug, Default)]
pub(crate) struct Tracer {
    under_way: BTreeMap<SessionId, (Rank, Instant)>,
    meter: LagMeter,
}

impl Tracer {
    /// Follows one more, or one less.
    pub(crate) fn take(&mut self, trace: Trace) {
        match trace {
            Trace::Published { id, rank, at } => {
                if self.under_way.len() < BOUND {
                    self.under_way.entry(id).or_insert((rank, at));
                }
            }
            Trace::Refused(id) => {
                self.under_way.remove(&id);
            }
        }
    }

    /// These changes have been agreed on.
    pub(crate) fn arrived(&mut self, changes: &[SessionChange], now: Instant) {
        for change in changes {
            if self.under_way.is_empty() {
                return;
            }
            if let Some((rank, at)) = self.under_way.get(&change.id())
                && change.rank() >= *rank
            {
                self.meter.sample(now.saturating_since(*at));
                self.under_way.remove(&change.id());
            }
        }
    }

    /// Stops following what has come another way, or will not come any more. `agreed` gives the rank of
    /// what is known of a session.
    pub(crate) fn give_up(&mut self, agreed: impl Fn(SessionId) -> Option<Rank>, now: Instant) {
        self.under_way.retain(|id, (rank, at)| {
            let known = agreed(*id).is_some_and(|known| known >= *rank);
            !known && now.saturating_since(*at) < LOST
        });
    }

    /// How late changes are.
    pub(crate) fn figures(&self, now: Instant) -> Lag {
        let oldest = self.under_way.values().map(|(_, at)| *at).min();
        self.meter
            .figures(oldest.map_or(Duration::ZERO, |at| now.saturating_since(at)))
    }
}

#[cfg(test)]
mod tests {
    use types::Epoch;

    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    const fn end(id: u128, version: u32) -> SessionChange {
        SessionChange::Remove {
            id: SessionId(id),
            epoch: Epoch(1),
            version,
        }
    }

    fn published(id: u128, version: u32, millis: u64) -> Trace {
        Trace::Published {
            id: SessionId(id),
            rank: (Epoch(1), version),
            at: at(millis),
        }
    }

    #[test]
    fn a_change_is_found_again_in_this_form_or_a_newer_one() {
        let mut tracer = Tracer::default();
        tracer.take(published(1, 2, 0));
        tracer.arrived(&[end(1, 1), end(2, 9)], at(5));
        assert_eq!(tracer.figures(at(7)).now, Duration::from_millis(7));
        tracer.arrived(&[end(1, 3)], at(8));
        let lag = tracer.figures(at(9));
        assert_eq!(
            (lag.now, lag.p99),
            (Duration::ZERO, Duration::from_millis(8))
        );
    }

    #[test]
    fn what_was_refused_or_came_another_way_is_not_waited_for() {
        let mut tracer = Tracer::default();
        tracer.take(published(1, 1, 0));
        tracer.take(Trace::Refused(SessionId(1)));
        assert_eq!(tracer.figures(at(9)), Lag::default());
        tracer.take(published(2, 1, 10));
        tracer.give_up(|_| None, at(20));
        assert_eq!(tracer.figures(at(20)).now, Duration::from_millis(10));
        tracer.give_up(|_| Some((Epoch(1), 1)), at(20));
        assert_eq!(tracer.figures(at(20)).now, Duration::ZERO);
    }
}
