//! Each rule of who gives way, and what does not count.

use types::NodeId;

use super::*;
use crate::cluster::Incarnation;

const NOW: Instant = Instant::START;

fn standing(founder: u8, generation: u64, committed: u64) -> Standing {
    Standing {
        lineage: ControlLineage {
            generation,
            life: Incarnation(9),
            founder: NodeId(founder),
        },
        committed,
        name: Name::from(format!("n{founder}")),
    }
}

/// Node 1 in generation 2 with 5 entries.
fn lower() -> Yielding {
    let mine = standing(1, 2, 5);
    let mut machine = Yielding::new(mine.name, mine.lineage, 10);
    machine.handle(Event::Committed(Some(5)), NOW);
    machine
}

fn frozen() -> Yielding {
    let mut machine = lower();
    machine.handle(Event::Heard(standing(2, 2, 6)), NOW);
    machine.handle(Event::Closed { committed: 5 }, NOW);
    machine
}

#[test]
fn a_higher_generation_is_given_way_to_at_once_and_a_lower_one_never() {
    let mut machine = lower();
    assert_eq!(machine.handle(Event::Heard(standing(2, 1, 99)), NOW), []);
    assert_eq!(
        machine.handle(Event::Heard(standing(2, 3, 0)), NOW),
        [Action::Yield {
            to: standing(2, 3, 0).lineage
        }]
    );
}

#[test]
fn who_stands_lower_freezes_first_and_asks_then() {
    let mut machine = lower();
    assert_eq!(
        machine.handle(Event::Heard(standing(2, 2, 6)), NOW),
        [Action::Close]
    );
    let question = Question {
        ask: 10,
        standing: standing(1, 2, 5),
    };
    assert_eq!(
        machine.handle(Event::Closed { committed: 5 }, NOW),
        [Action::Ask(question.clone())]
    );
    // No answer: it asks again and stays as it is.
    let later = NOW + ASK_AGAIN;
    assert_eq!(machine.next_deadline(), Some(later));
    assert_eq!(machine.handle(Event::Tick, later), [Action::Ask(question)]);
    assert!(machine.is_frozen());
    let accepted = Event::Answered {
        ask: 10,
        answer: Answer::Accepted,
    };
    assert_eq!(
        machine.handle(accepted, later),
        [Action::Yield {
            to: standing(2, 2, 0).lineage
        }]
    );
}

#[test]
fn what_was_under_way_may_make_the_difference() {
    let mut machine = lower();
    machine.handle(Event::Heard(standing(2, 2, 6)), NOW);
    assert_eq!(
        machine.handle(Event::Closed { committed: 7 }, NOW),
        [Action::Open]
    );
}

#[test]
fn an_answer_to_an_earlier_freeze_means_nothing() {
    let mut machine = frozen();
    let stale = Event::Answered {
        ask: 9,
        answer: Answer::Accepted,
    };
    assert_eq!(machine.handle(stale, NOW), []);
    assert!(machine.is_frozen());
}

#[test]
fn a_frozen_node_answers_with_the_figure_that_it_has_promised() {
    let mut machine = frozen();
    machine.handle(Event::Committed(Some(8)), NOW);
    let question = Question {
        ask: 3,
        standing: standing(2, 2, 6),
    };
    assert_eq!(
        machine.handle(Event::Asked(question), NOW),
        [Action::Answer {
            ask: 3,
            answer: Answer::Refused
        }]
    );
}

#[test]
fn a_freeze_ends_with_a_refusal_an_operator_or_an_empty_rival() {
    let refused = Event::Answered {
        ask: 10,
        answer: Answer::Refused,
    };
    let next = standing(1, 3, 0).lineage;
    for end in [refused, Event::Moved(next), Event::Unopposed] {
        let mut machine = frozen();
        assert_eq!(machine.handle(end.clone(), NOW), [Action::Open], "{end:?}");
        assert!(!machine.is_frozen());
    }
}

#[test]
fn who_does_not_lead_at_the_moment_says_nothing_that_counts() {
    let mut machine = lower();
    machine.handle(Event::Committed(None), NOW);
    assert_eq!(machine.standing(), None);
    let question = Question {
        ask: 3,
        standing: standing(2, 2, 1),
    };
    assert_eq!(
        machine.handle(Event::Asked(question), NOW),
        [Action::Answer {
            ask: 3,
            answer: Answer::NotNow
        }]
    );
}
