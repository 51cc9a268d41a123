//! Who gives way when two foundations of the control group meet.
//!
//! ```text
//!            heard a higher generation ───────────────────────────────► Yield
//!   Open ── heard an equal generation that stands higher ──► Closing
//!     ▲                                                        │ nothing is under way any more
//!     │◄────────── stands higher after all ────────────────────┤
//!     │                                                        ▼
//!     └◄── refused: "you win" ──────────────────────────── Frozen ── accepted ──► Yield
//! ```
//! A node that believes to lose fixes its own figure first and asks then. The other one accepts only if
//! it stands higher than that figure at this moment, and figures never fall: so what was accepted stays
//! true whatever happens on the way, and of two nodes that ask each other exactly one is accepted.
//! Nobody ever yields on a figure that may still grow, and nobody opens again on its own because an
//! answer got lost: only the other node, a higher generation or an operator ends a freeze.
//!
//! Safety rests on the figures that this machine was told, and on nothing else: it holds even if the
//! group behind it goes on for a moment. What the shell must promise is small. A figure is told only
//! while the group leads, so that it never falls, not even over a restart; `ask` numbers are never used
//! again; and after [`Action::Yield`] nothing answers in the old lineage's name.

mod words;

use core::time::Duration;

use types::{Instant, Name};

use super::lineage::{ControlLineage, Standing};

pub use words::{Action, Answer, Event, Question};

/// Between two questions while no answer comes.
const ASK_AGAIN: Duration = Duration::from_millis(300);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Phase {
    Open,
    Closing {
        winner: Standing,
    },
    Frozen {
        winner: Standing,
        ask: u64,
        again_at: Instant,
    },
    Yielded,
}

/// One node's side.
#[derive(Clone, Debug)]
pub struct Yielding {
    name: Name,
    lineage: ControlLineage,
    /// The figure that this node answers for. It stands still while frozen.
    committed: Option<u64>,
    phase: Phase,
    next_ask: u64,
}

impl Yielding {
    /// The node `name` in `lineage`. `first_ask` must be above every number of the node's earlier lives.
    pub const fn new(name: Name, lineage: ControlLineage, first_ask: u64) -> Self {
        Self {
            name,
            lineage,
            committed: None,
            phase: Phase::Open,
            next_ask: first_ask,
        }
    }

    /// The lineage that this node takes part in.
    pub const fn lineage(&self) -> ControlLineage {
        self.lineage
    }

    /// Whether proposals are refused because this node may have to yield.
    pub const fn is_frozen(&self) -> bool {
        match self.phase {
            Phase::Closing { .. } | Phase::Frozen { .. } | Phase::Yielded => true,
            Phase::Open => false,
        }
    }

    /// How this node stands; `None` while it does not know.
    pub fn standing(&self) -> Option<Standing> {
        self.committed.map(|committed| Standing {
            lineage: self.lineage,
            committed,
            name: self.name.clone(),
        })
    }

    /// When [`Event::Tick`] has something to do.
    pub const fn next_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Frozen { again_at, .. } => Some(again_at),
            Phase::Open | Phase::Closing { .. } | Phase::Yielded => None,
        }
    }

    /// Takes what happened and says what to do.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        if self.phase == Phase::Yielded {
            return match event {
                Event::Moved(lineage) => self.moved(lineage),
                Event::Asked(question) => vec![not_now(question.ask)],
                Event::Committed(_)
                | Event::Heard(_)
                | Event::Unopposed
                | Event::Closed { .. }
                | Event::Answered { .. }
                | Event::Tick => Vec::new(),
            };
        }
        match event {
            Event::Committed(committed) => self.learn(committed),
            Event::Moved(lineage) => self.moved(lineage),
            Event::Heard(theirs) => self.heard(theirs),
            Event::Unopposed => self.open(),
            Event::Closed { committed } => self.closed(committed, now),
            Event::Asked(question) => self.asked(question),
            Event::Answered { ask, answer } => self.answered(ask, answer),
            Event::Tick => self.tick(now),
        }
    }

    fn learn(&mut self, committed: Option<u64>) -> Vec<Action> {
        match self.phase {
            Phase::Open | Phase::Closing { .. } => self.committed = committed,
            // The other node may be acting on the figure that it was told.
            Phase::Frozen { .. } | Phase::Yielded => {}
        }
        Vec::new()
    }

    fn moved(&mut self, lineage: ControlLineage) -> Vec<Action> {
        self.lineage = lineage;
        self.committed = None;
        self.open()
    }

    /// Opening is always safe: what is on its way was an answer to a freeze that is over.
    fn open(&mut self) -> Vec<Action> {
        let was_frozen = self.is_frozen();
        self.phase = Phase::Open;
        was_frozen.then_some(Action::Open).into_iter().collect()
    }

    fn heard(&mut self, theirs: Standing) -> Vec<Action> {
        if theirs.lineage.generation > self.lineage.generation {
            return self.give_way(theirs.lineage);
        }
        let conflict =
            theirs.lineage.generation == self.lineage.generation && theirs.lineage != self.lineage;
        if conflict
            && self.phase == Phase::Open
            && self.standing().is_some_and(|mine| mine < theirs)
        {
            self.phase = Phase::Closing { winner: theirs };
            return vec![Action::Close];
        }
        Vec::new()
    }

    fn closed(&mut self, committed: u64, now: Instant) -> Vec<Action> {
        let Phase::Closing { winner } = &self.phase else {
            return Vec::new();
        };
        let winner = winner.clone();
        self.committed = Some(committed);
        if self.standing().is_none_or(|mine| mine > winner) {
            // What was under way has made the difference.
            self.phase = Phase::Open;
            return vec![Action::Open];
        }
        let ask = self.next_ask;
        self.next_ask += 1;
        self.phase = Phase::Frozen {
            winner,
            ask,
            again_at: now + ASK_AGAIN,
        };
        self.ask(ask)
    }

    fn tick(&mut self, now: Instant) -> Vec<Action> {
        let Phase::Frozen { ask, again_at, .. } = &mut self.phase else {
            return Vec::new();
        };
        if now < *again_at {
            return Vec::new();
        }
        *again_at = now + ASK_AGAIN;
        let ask = *ask;
        self.ask(ask)
    }

    fn ask(&self, ask: u64) -> Vec<Action> {
        let question = self.standing().map(|standing| Question { ask, standing });
        question.map(Action::Ask).into_iter().collect()
    }

    fn asked(&mut self, question: Question) -> Vec<Action> {
        let Question { ask, standing } = question;
        if standing.lineage == self.lineage {
            return vec![not_now(ask)];
        }
        if standing.lineage.generation > self.lineage.generation {
            let mut actions = vec![Action::Answer {
                ask,
                answer: Answer::Refused,
            }];
            actions.extend(self.give_way(standing.lineage));
            return actions;
        }
        let answer = match self.standing() {
            None => Answer::NotNow,
            Some(mine) if mine > standing => Answer::Accepted,
            Some(_) => Answer::Refused,
        };
        let mut actions = vec![Action::Answer { ask, answer }];
        actions.extend(self.heard(standing));
        actions
    }

    fn answered(&mut self, asked: u64, answer: Answer) -> Vec<Action> {
        let Phase::Frozen { winner, ask, .. } = &self.phase else {
            return Vec::new();
        };
        // An answer to an earlier freeze was given to another figure.
        if *ask != asked {
            return Vec::new();
        }
        match answer {
            Answer::Accepted => {
                let to = winner.lineage;
                self.give_way(to)
            }
            Answer::Refused => self.open(),
            Answer::NotNow => Vec::new(),
        }
    }

    fn give_way(&mut self, to: ControlLineage) -> Vec<Action> {
        self.phase = Phase::Yielded;
        vec![Action::Yield { to }]
    }
}

const fn not_now(ask: u64) -> Action {
    Action::Answer {
        ask,
        answer: Answer::NotNow,
    }
}

#[cfg(test)]
mod tests;
