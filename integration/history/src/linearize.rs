//! Is there one order of all calls that explains every answer? (Herlihy and Wing's linearizability.)
//!
//! The search of Wing and Gong, with Lowe's memory: take any call that was asked before every other
//! call's answer, let it take effect, go on from there; a point that was reached once is not searched
//! again. A call without an answer may take effect at any time after it was asked, or never.

use std::collections::BTreeSet;

use crate::record::Moment;

/// Something that is said to happen in one moment.
pub trait Model {
    /// What calls change.
    type State: Clone + Ord;
    /// What is asked and answered.
    type Operation;

    /// The state after `operation`, if in `state` it gets the answer that it got.
    ///
    /// An operation without an answer that has taken effect must not be possible again in any state that
    /// follows: so the search need not remember which of them have.
    fn step(&self, state: &Self::State, operation: &Self::Operation) -> Option<Self::State>;
}

/// One call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Call<O> {
    /// When it was asked.
    pub asked: Moment,
    /// When it was answered, if it was.
    pub answered: Option<Moment>,
    /// What, and with which answer.
    pub operation: O,
}

/// No order explains the answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stuck<S> {
    /// Most answers that an order can explain from the beginning.
    pub explained: usize,
    /// Answers in all.
    pub of: usize,
    /// The state after those.
    pub state: S,
    /// The call, by its place, that had to take effect then and cannot.
    pub call: Option<usize>,
}

/// How far an order has come: every answered call before `low` has taken effect, and those `ahead`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Point<S> {
    low: usize,
    ahead: BTreeSet<usize>,
    state: S,
}

/// Calls by their places: answered ones in the order in which they were asked, and the others.
struct Search<'a, M: Model> {
    model: &'a M,
    answered: Vec<(usize, Moment, &'a Call<M::Operation>)>,
    unanswered: Vec<&'a Call<M::Operation>>,
}

/// Looks for an order that begins with `first`.
pub fn linearize<M: Model>(
    model: &M,
    first: M::State,
    calls: &[Call<M::Operation>],
) -> Result<(), Stuck<M::State>> {
    let mut search = Search {
        model,
        answered: Vec::new(),
        unanswered: Vec::new(),
    };
    for (place, call) in calls.iter().enumerate() {
        match call.answered {
            Some(answered) => search.answered.push((place, answered, call)),
            None => search.unanswered.push(call),
        }
    }
    search.answered.sort_by_key(|(_, _, call)| call.asked);
    let begin = Point {
        low: 0,
        ahead: BTreeSet::new(),
        state: first,
    };
    let mut furthest = begin.clone();
    let mut seen = BTreeSet::from([begin.clone()]);
    let mut waiting = vec![begin];
    while let Some(point) = waiting.pop() {
        if point.low == search.answered.len() {
            return Ok(());
        }
        if point.explained() > furthest.explained() {
            furthest = point.clone();
        }
        for next in search.successors(&point) {
            if seen.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    Err(Stuck {
        explained: furthest.explained(),
        of: search.answered.len(),
        call: search.most_urgent(&furthest),
        state: furthest.state,
    })
}

impl<S> Point<S> {
    fn explained(&self) -> usize {
        self.low + self.ahead.len()
    }
}

impl<M: Model> Search<'_, M> {
    /// Where the order may go on.
    fn successors(&self, point: &Point<M::State>) -> Vec<Point<M::State>> {
        let (due, candidates) = self.due(point);
        let mut successors = Vec::new();
        for place in candidates {
            let Some((_, _, call)) = self.answered.get(place) else {
                continue;
            };
            let Some(state) = self.model.step(&point.state, &call.operation) else {
                continue;
            };
            let unchanged = state == point.state;
            let next = self.done(point, place, state);
            if unchanged {
                // It may take effect now, nothing else depends on it, and later it only would be in the
                // way: no other order can do what this one cannot.
                return vec![next];
            }
            successors.push(next);
        }
        for call in &self.unanswered {
            if due.is_some_and(|due| call.asked > due) {
                continue;
            }
            if let Some(state) = self.model.step(&point.state, &call.operation) {
                successors.push(Point {
                    state,
                    ..point.clone()
                });
            }
        }
        successors
    }

    /// The earliest answer of a call that has not taken effect, and the calls that were asked before it.
    fn due(&self, point: &Point<M::State>) -> (Option<Moment>, Vec<usize>) {
        let mut due: Option<Moment> = None;
        let mut candidates = Vec::new();
        for (place, (_, answered, call)) in self.answered.iter().enumerate().skip(point.low) {
            // Who comes later in this row was asked later still, and answered later than that: so the
            // earliest answer is known here, and nobody before this place was asked after it. Calls
            // that touch overlap.
            if due.is_some_and(|due| call.asked > due) {
                break;
            }
            if !point.ahead.contains(&place) {
                due = Some(due.map_or(*answered, |due| due.min(*answered)));
                candidates.push(place);
            }
        }
        (due, candidates)
    }

    /// The point after the answered call at `place` has taken effect.
    fn done(&self, point: &Point<M::State>, place: usize, state: M::State) -> Point<M::State> {
        let mut next = Point {
            low: point.low,
            ahead: point.ahead.clone(),
            state,
        };
        next.ahead.insert(place);
        while next.low < self.answered.len() && next.ahead.remove(&next.low) {
            next.low += 1;
        }
        next
    }

    /// The call that had to take effect first of all.
    fn most_urgent(&self, point: &Point<M::State>) -> Option<usize> {
        let (due, candidates) = self.due(point);
        let of = |place: &usize| self.answered.get(*place);
        let urgent = candidates
            .iter()
            .filter_map(of)
            .find(|(_, at, _)| Some(*at) == due);
        urgent.map(|(place, _, _)| *place)
    }
}
