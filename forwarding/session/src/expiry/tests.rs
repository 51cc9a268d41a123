//! The wheel against a list that is searched each time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;

/// Lazy use, as the table does it: what fires early is armed again. Returns what is really due.
fn fire(wheel: &mut Wheel, deadlines: &mut BTreeMap<u32, Instant>, now: Instant) -> Vec<u32> {
    let mut due = Vec::new();
    while let Some(place) = wheel.next_due(now) {
        let deadline = deadlines[&place];
        if deadline <= now {
            deadlines.remove(&place);
            due.push(place);
        } else {
            wheel.arm(place, deadline, now);
        }
    }
    due.sort_unstable();
    due
}

#[derive(Clone, Debug)]
enum Step {
    Arm(u32, u64),
    Disarm(u32),
    Pass(u64),
    Standby(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..40_u32, 0..2_000_000_u64).prop_map(|(place, ms)| Step::Arm(place, ms)),
        (0..40_u32, 0..2_000_u64).prop_map(|(place, ms)| Step::Arm(place, ms)),
        (0..40_u32).prop_map(Step::Disarm),
        (0..5_000_u64).prop_map(Step::Pass),
        (0..900_000_u64).prop_map(Step::Pass),
        (0..900_000_u64).prop_map(Step::Standby),
    ]
}

proptest! {
    #[test]
    fn nothing_fires_before_its_deadline_or_two_ticks_after_it(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut now = Instant::from_nanos(12_345 * MS);
        let mut wheel = Wheel::new();
        wheel.resume(now);
        let mut deadlines = BTreeMap::new();
        for step in steps {
            match step {
                Step::Arm(place, ms) => {
                    let deadline = now + Duration::from_millis(ms);
                    wheel.arm(place, deadline, now);
                    deadlines.insert(place, deadline);
                }
                Step::Disarm(place) => {
                    wheel.disarm(place);
                    deadlines.remove(&place);
                }
                Step::Pass(ms) => {
                    now += Duration::from_millis(ms);
                    let due = fire(&mut wheel, &mut deadlines, now);
                    let _ = due;
                    // What is left may be late by the tick that is not over yet.
                    let late = deadlines.iter().find(|(_, deadline)| **deadline + TICK * 2 < now);
                    prop_assert_eq!(late, None);
                }
                Step::Standby(ms) => {
                    wheel.pause();
                    let pause = Duration::from_millis(ms);
                    now += pause;
                    prop_assert_eq!(wheel.next_due(now), None);
                    wheel.resume(now);
                    for deadline in deadlines.values_mut() {
                        *deadline += pause;
                    }
                }
            }
        }
        now += Duration::from_secs(4_000);
        fire(&mut wheel, &mut deadlines, now);
        prop_assert!(deadlines.is_empty(), "left behind: {:?}", deadlines);
    }
}

#[test]
fn what_was_armed_on_standby_is_spread_over_the_time_until_it_is_due() {
    let now = Instant::START;
    let mut wheel = Wheel::new();
    for place in 0..10_000 {
        wheel.arm(place, now + Duration::from_secs(100), now);
    }
    wheel.resume(now);
    let first_second = now + Duration::from_secs(1);
    let fired = core::iter::from_fn(|| wheel.next_due(first_second)).count();
    assert!(
        (80..=120).contains(&fired),
        "{fired} of 10 000 in the first of 100 seconds"
    );
}
