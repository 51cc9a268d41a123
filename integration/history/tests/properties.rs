//! The search against a naive one that tries every order of every choice, on histories small enough for
//! that; and against histories that a true register has made.

#![expect(clippy::indexing_slicing, reason = "a test may fail where it stands")]

use std::collections::BTreeMap;

use history::{Answer, Call, Model, Moment, Operation, Register, linearize};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_search_finds_an_order_when_there_is_one(calls in prop::collection::vec(call(), 0..6)) {
        let register = Register::default();
        let mut order = Vec::new();
        let naive = any_order(&register, 1, &calls, &mut order);
        prop_assert_eq!(linearize(&register, 1, &calls).is_ok(), naive);
    }

    #[test]
    fn what_a_register_did_is_explained(steps in prop::collection::vec(step(), 0..60)) {
        linearize(&Register::default(), 1, &made(&steps)).unwrap();
    }

    /// One answer is changed, and whatever else it could have been told, it was not that.
    #[test]
    fn a_lie_about_the_newest_revision_is_found(
        steps in prop::collection::vec(step(), 1..60),
        which in any::<prop::sample::Index>(),
    ) {
        let mut calls = made(&steps);
        let at = which.index(calls.len());
        let call = calls.get_mut(at).unwrap();
        call.answered.get_or_insert(Moment(1_000));
        call.operation.answer = Answer::Stale(1_000);
        prop_assert!(linearize(&Register::default(), 1, &calls).is_err());
    }
}

/// Few moments and few revisions, so that calls touch and meet.
fn call() -> impl Strategy<Value = Call<Operation>> {
    let answer = prop_oneof![
        (2..4_u64).prop_map(Answer::Committed),
        (1..4_u64).prop_map(Answer::Stale),
        Just(Answer::Unknown),
    ];
    (0..8_u64, 0..4_u64, 1..4_u64, answer).prop_map(|(asked, length, base, answer)| Call {
        asked: Moment(asked),
        answered: (answer != Answer::Unknown).then_some(Moment(asked + length)),
        operation: Operation {
            base,
            digest: 0,
            answer,
        },
    })
}

/// Every order of every subset that leaves out only calls without an answer.
fn any_order(
    register: &Register,
    state: u64,
    calls: &[Call<Operation>],
    order: &mut Vec<usize>,
) -> bool {
    let waits = |at: &usize| !order.contains(at);
    let waiting: Vec<_> = (0..calls.len()).filter(waits).collect();
    if waiting.iter().all(|at| calls[*at].answered.is_none()) {
        return true;
    }
    for at in &waiting {
        let earlier = |other: &usize| calls[*other].answered < Some(calls[*at].asked);
        let answered = |other: &&usize| calls[**other].answered.is_some();
        if waiting.iter().filter(answered).any(earlier) {
            continue;
        }
        if let Some(next) = register.step(&state, &calls[*at].operation) {
            order.push(*at);
            let found = any_order(register, next, calls, order);
            order.pop();
            if found {
                return true;
            }
        }
    }
    false
}

/// One client's call: how old its base is, how long before and after its effect it is under way, and
/// whether its answer arrives, and whether it was done at all.
#[derive(Clone, Copy, Debug)]
struct Step {
    behind: u64,
    before: u64,
    after: u64,
    heard: bool,
    done: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (0..3_u64, 0..30_u64, 0..30_u64, any::<bool>(), any::<bool>()).prop_map(
        |(behind, before, after, heard, done)| Step {
            behind,
            before,
            after,
            heard,
            done,
        },
    )
}

/// Lets a true register take the steps, one every ten moments.
fn made(steps: &[Step]) -> Vec<Call<Operation>> {
    let mut newest = 1_u64;
    let mut calls = Vec::new();
    for (at, step) in (10..).step_by(10).zip(steps) {
        let base = newest.saturating_sub(step.behind);
        let done = step.heard || step.done;
        let answer = if base == newest {
            newest += u64::from(done);
            Answer::Committed(newest)
        } else {
            Answer::Stale(newest)
        };
        calls.push(Call {
            asked: Moment(at.max(step.before) - step.before),
            answered: step.heard.then_some(Moment(at + step.after)),
            operation: Operation {
                base,
                digest: at,
                answer: if step.heard { answer } else { Answer::Unknown },
            },
        });
    }
    calls
}

#[test]
fn a_text_that_was_not_seen_was_not_made() {
    let seen = Register::new(BTreeMap::from([(2, 7)]));
    let unknown = |digest| Operation {
        base: 1,
        digest,
        answer: Answer::Unknown,
    };
    assert_eq!(seen.step(&1, &unknown(7)), Some(2));
    assert_eq!(seen.step(&1, &unknown(8)), None);
}
