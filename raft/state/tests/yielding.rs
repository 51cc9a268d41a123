//! Two nodes that went on apart meet again, over a network that loses, repeats and reorders: exactly
//! one of them gives way, whatever happened before.

#![expect(clippy::indexing_slicing, reason = "two sides, 0 and 1")]

use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use raft_state::yielding::{Action, Event, Question, Yielding};
use raft_state::{ControlLineage, Incarnation, Standing};
use types::{Instant, Name, NodeId};

/// What may happen, in any order. Sides are 0 and 1.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A configuration is committed and acknowledged, if proposals are taken.
    Commit(usize),
    /// The machine is told how far its group is.
    Learn(usize),
    /// A sign of life with the standing in it.
    Tell(usize),
    /// What was under way is done; the figure is final.
    Close(usize),
    /// A message arrives; it may arrive again.
    Deliver { pick: usize, again: bool },
    /// A message is lost.
    Lose(usize),
    /// Time passes.
    Tick(usize),
    /// The process is killed and begins again with what is on its disk.
    Restart(usize),
    /// An operator goes on with the next generation.
    Survive(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let side = 0..2_usize;
    prop_oneof![
        4 => side.clone().prop_map(Step::Commit),
        4 => side.clone().prop_map(Step::Learn),
        4 => side.clone().prop_map(Step::Tell),
        6 => side.clone().prop_map(Step::Close),
        12 => (any::<usize>(), any::<bool>())
            .prop_map(|(pick, again)| Step::Deliver { pick, again }),
        2 => any::<usize>().prop_map(Step::Lose),
        3 => side.clone().prop_map(Step::Tick),
        1 => side.clone().prop_map(Step::Restart),
        // Rare: it settles everything at once.
        1 => side.prop_map(Step::Survive),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn exactly_one_of_two_foundations_gives_way(
        start in (0..4_u64, 0..4_u64),
        steps in vec(step(), 0..120),
    ) {
        let mut world = World::new(start);
        for step in steps {
            world.perform(step);
            world.check();
        }
        world.settle();
        prop_assert_eq!(
            world.sides.iter().filter(|side| side.aside.is_some()).count(),
            1
        );
        // What is still on its way, and all that was ever said again, changes nothing.
        world.repeat_everything();
        world.settle();
        world.check();
        let winner = world.sides.iter().position(|side| side.aside.is_none()).unwrap();
        prop_assert!(!world.sides[winner].machine.is_frozen());
    }
}

/// What one side may say to the other.
#[derive(Clone, Debug)]
enum Message {
    Hello(Standing),
    Question(Question),
    Answer(Event),
}

struct Side {
    machine: Yielding,
    lineage: ControlLineage,
    /// Index of the last entry that is agreed on, which a restart does not lose.
    committed: u64,
    acknowledged: u64,
    closing: bool,
    lives: u64,
    /// What was put aside when this side gave way.
    aside: Option<u64>,
}

struct World {
    sides: [Side; 2],
    /// Messages under way with their target.
    network: Vec<(usize, Message)>,
    said: Vec<(usize, Message)>,
    now: Instant,
}

const NAMES: [&str; 2] = ["a", "b"];

fn node(side: usize) -> NodeId {
    NodeId(if side == 0 { 1 } else { 2 })
}

impl World {
    fn new((first, second): (u64, u64)) -> Self {
        let side = |index: usize, committed| {
            let lineage = ControlLineage::first(NodeId(1)).next(node(index), Incarnation(9));
            Side {
                machine: Yielding::new(Name::from(NAMES[index]), lineage, 1 << 32),
                lineage,
                committed,
                acknowledged: committed,
                closing: false,
                lives: 1,
                aside: None,
            }
        };
        Self {
            sides: [side(0, first), side(1, second)],
            network: Vec::new(),
            said: Vec::new(),
            now: Instant::START,
        }
    }

    fn perform(&mut self, step: Step) {
        match step {
            Step::Commit(side) => self.commit(side),
            Step::Learn(side) => {
                let committed = Some(self.sides[side].committed);
                self.tell(side, Event::Committed(committed));
            }
            Step::Tell(side) => {
                let standing = self.sides[side].machine.standing();
                if let Some(standing) = standing.filter(|_| self.sides[side].aside.is_none()) {
                    self.send(1 - side, Message::Hello(standing));
                }
            }
            Step::Close(side) if self.sides[side].closing => {
                self.sides[side].closing = false;
                let committed = self.sides[side].committed;
                self.tell(side, Event::Closed { committed });
            }
            Step::Deliver { pick, again } => self.deliver(pick, again),
            Step::Lose(pick) if !self.network.is_empty() => {
                self.network.swap_remove(pick % self.network.len());
            }
            Step::Close(_) | Step::Lose(_) => {}
            Step::Tick(side) => {
                self.now += Duration::from_millis(400);
                self.tell(side, Event::Tick);
            }
            Step::Restart(side) => self.restart(side),
            Step::Survive(side) => {
                let this = &mut self.sides[side];
                if this.aside.is_none() && this.lineage.generation < 4 {
                    this.lineage = this.lineage.next(node(side), Incarnation(9));
                    // The foundation itself is entries, too.
                    this.committed += 2;
                    let lineage = this.lineage;
                    self.tell(side, Event::Moved(lineage));
                }
            }
        }
    }

    fn commit(&mut self, side: usize) {
        let this = &mut self.sides[side];
        if this.aside.is_some() {
            return;
        }
        // Entries of the consensus itself come even while nothing is proposed.
        this.committed += 1;
        // While it closes, what is under way still gets its answer.
        if !this.machine.is_frozen() || this.closing {
            this.acknowledged = this.committed;
        }
    }

    fn restart(&mut self, side: usize) {
        let this = &mut self.sides[side];
        if this.aside.is_some() {
            return;
        }
        this.lives += 1;
        this.closing = false;
        this.machine = Yielding::new(Name::from(NAMES[side]), this.lineage, this.lives << 32);
        // Beginning to lead again is an entry.
        this.committed += 1;
    }

    fn deliver(&mut self, pick: usize, again: bool) {
        if self.network.is_empty() {
            return;
        }
        let pick = pick % self.network.len();
        let (to, message) = if again {
            self.network[pick].clone()
        } else {
            self.network.swap_remove(pick)
        };
        let event = match message {
            Message::Hello(standing) => Event::Heard(standing),
            Message::Question(question) => Event::Asked(question),
            Message::Answer(event) => event,
        };
        self.tell(to, event);
    }

    fn tell(&mut self, side: usize, event: Event) {
        // Who has given way has joined the other one, and answers for its old self no more.
        if self.sides[side].aside.is_some() {
            return;
        }
        for action in self.sides[side].machine.handle(event, self.now) {
            match action {
                Action::Close => self.sides[side].closing = true,
                Action::Open => self.sides[side].closing = false,
                Action::Ask(question) => self.send(1 - side, Message::Question(question)),
                Action::Answer { ask, answer } => {
                    self.send(1 - side, Message::Answer(Event::Answered { ask, answer }));
                }
                Action::Yield { .. } => self.give_way(side),
            }
        }
    }

    /// Whoever gives way had less to show: the figures are not what decides by chance.
    fn give_way(&mut self, side: usize) {
        let standing = |side: usize| Standing {
            lineage: self.sides[side].lineage,
            committed: self.sides[side].committed,
            name: Name::from(NAMES[side]),
        };
        let answered_for = self.sides[side].machine.standing();
        if let Some(mine) = answered_for {
            assert!(mine < standing(1 - side), "{mine:?} gave way to less");
        }
        self.sides[side].aside = Some(self.sides[side].committed);
    }

    fn send(&mut self, to: usize, message: Message) {
        self.said.push((to, message.clone()));
        self.network.push((to, message));
    }

    fn check(&self) {
        let gone = self.sides.iter().filter(|side| side.aside.is_some());
        assert!(gone.count() < 2, "both gave way");
        for side in &self.sides {
            if let Some(aside) = side.aside {
                assert!(aside >= side.acknowledged, "an acknowledged commit is lost");
            }
        }
    }

    /// The network heals: everything arrives, in order.
    fn settle(&mut self) {
        for _ in 0..50 {
            for side in 0..2 {
                self.perform(Step::Learn(side));
                self.perform(Step::Tell(side));
                self.perform(Step::Tick(side));
                self.perform(Step::Close(side));
                self.check();
            }
            while !self.network.is_empty() {
                let (to, message) = self.network.remove(0);
                self.network.insert(0, (to, message));
                self.deliver(0, false);
                self.check();
            }
        }
    }

    fn repeat_everything(&mut self) {
        self.network.extend(self.said.clone());
    }
}
