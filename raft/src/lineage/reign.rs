//! One lineage while it lasts: what happens meanwhile, and what ends it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use openraft::async_runtime::WatchReceiver;
use proto::raft::HelloReply;
use raft_state::yielding::{Action, Event, Question, Yielding};
use raft_state::{ControlLineage, ControlState};
use tokio::sync::{OwnedRwLockWriteGuard, oneshot, watch};

use super::aside::{HandedOver, caught_up, hand_over};
use super::instance::Instance;
use super::keeper::{Channels, Keeper};
use super::order::{Asked, LineageView, Order, SurviveError};
use crate::group::ControlGroup;
use crate::local::Past;
use crate::membership::take_part;
use crate::network::may_yield;
use crate::plan::MemberKind;
use crate::seat::Running;
use crate::status::Health;
use crate::store::Aside;

mod hearing;

/// Between two looks at how far the group is.
const TICK: Duration = Duration::from_millis(100);

/// What ends a reign.
pub(super) enum End {
    /// This node goes on alone.
    Survive(Order),
    /// Another lineage has won; what was held is kept aside.
    Yield(ControlLineage),
    /// This node was about to join a lineage that is gone, and holds nothing of it.
    Adopt(ControlLineage),
    /// The consensus has ended, for a reason that an operator must read.
    Failed(String),
    /// Something here is of the past: the others have gone on with a later life of this member.
    Past(Past),
}

/// Something that was waited for.
enum Happened {
    TookPart,
    Tick,
    Answers(Vec<HelloReply>, watch::Receiver<Vec<HelloReply>>),
    Closed(OwnedRwLockWriteGuard<()>),
    Machine(Event),
    HandedOver(HandedOver),
}

type Work<'a> = FuturesUnordered<BoxFuture<'a, Happened>>;

/// One lineage while it lasts.
pub(super) struct Reign<'a> {
    keeper: &'a Keeper,
    running: Running<ControlGroup>,
    lineage: ControlLineage,
    machine: Yielding,
    aside: &'a [Aside],
    /// Whoever holds it keeps proposals out.
    closed: Option<OwnedRwLockWriteGuard<()>>,
    /// A question of another member that the machine is about to answer.
    asked: Option<(u64, oneshot::Sender<raft_state::yielding::Answer>)>,
    no_room: bool,
    /// Everything of `aside` has been handed over.
    pub(super) handed_over: bool,
}

impl<'a> Reign<'a> {
    pub(super) fn new(keeper: &'a Keeper, instance: &Instance, aside: &'a [Aside]) -> Self {
        let local = &keeper.control.local;
        // Above every number of this node's earlier lives, and of its earlier reigns in this one.
        let first_ask = (u64::from(local.incarnation.0) << 32)
            | (instance.lineage.generation & u64::from(u16::MAX)) << 16;
        Self {
            keeper,
            running: instance.running.clone(),
            lineage: instance.lineage,
            machine: Yielding::new(local.me.name.clone(), instance.lineage, first_ask),
            aside,
            closed: None,
            asked: None,
            no_room: false,
            handed_over: false,
        }
    }

    /// Runs until something ends it.
    pub(super) async fn run(&mut self, channels: &mut Channels) -> End {
        let running = self.running.clone();
        let mut work = Work::new();
        let (control, founding) = (&self.keeper.control, self.is_founding());
        let joining = take_part(control, self.running.clone(), founding);
        work.push(Box::pin(async move {
            joining.await;
            Happened::TookPart
        }));
        work.push(Self::next_tick());
        work.push(Self::next_answers(channels.answers.clone()));
        loop {
            self.show();
            // Cancel safe: each branch only waits, and what wins is taken by its branch.
            let end = tokio::select! {
                biased;
                reason = running.ended() => Some(End::Failed(reason)),
                // A member that begins with this life holds nothing of an earlier one, whoever still talks of that.
                what = control.local.past() => {
                    (what == Past::Life || !self.has_begun()).then_some(End::Past(what))
                }
                Some(order) = channels.orders.recv() => self.ordered(order),
                Some(asked) = channels.questions.recv() => self.asked(asked, &work),
                Some(happened) = work.next() => self.happened(happened, &work),
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Whether the member that runs here began with this life.
    fn has_begun(&self) -> bool {
        self.running.id.incarnation == self.keeper.control.local.incarnation
    }

    /// Whether this node may begin the group: in the first lineage only, and if it is its founder.
    fn is_founding(&self) -> bool {
        self.lineage == ControlLineage::first(self.keeper.control.local.me.id)
    }

    fn next_tick<'w>() -> BoxFuture<'w, Happened> {
        Box::pin(async {
            tokio::time::sleep(TICK).await;
            Happened::Tick
        })
    }

    fn next_answers<'w>(mut answers: watch::Receiver<Vec<HelloReply>>) -> BoxFuture<'w, Happened> {
        Box::pin(async move {
            if answers.changed().await.is_err() {
                return std::future::pending().await;
            }
            let heard = answers.borrow_and_update().clone();
            Happened::Answers(heard, answers)
        })
    }

    /// What the keeper shows to operators and tells other members.
    fn show(&self) {
        let view = LineageView {
            lineage: Some(self.lineage),
            standing: self.machine.standing(),
            frozen: self.machine.is_frozen(),
            aside: if self.handed_over {
                0
            } else {
                self.aside.len()
            },
            no_room: self.no_room,
        };
        self.keeper.view.send_if_modified(|shown| {
            let news = *shown != view;
            *shown = view;
            news
        });
    }

    fn ordered(&self, order: Order) -> Option<End> {
        let local = &self.keeper.control.local;
        let patience = local.timing.control.election_max * 2;
        let health = self.keeper.control.seat.health(local.clock.now(), patience);
        let refused = if local.is_witness() {
            SurviveError::Witness
        } else if !self.has_something() {
            SurviveError::Empty
        } else if health == Health::Ok && !self.machine.is_frozen() {
            SurviveError::HasQuorum
        } else {
            return Some(End::Survive(order));
        };
        // Whoever ordered it may have gone.
        let _unheard = order.done.send(Err(refused));
        None
    }

    /// Who gave way and is no member there yet can go on with what it has kept aside.
    fn has_something(&self) -> bool {
        let kept = self.aside.last().and_then(Aside::state);
        self.running.is_formed() || kept.is_some()
    }

    fn asked(&mut self, asked: Asked, work: &Work<'a>) -> Option<End> {
        self.asked = Some((asked.question.ask, asked.answer));
        let end = self.tell(Event::Asked(asked.question), work);
        self.asked = None;
        end
    }

    fn happened(&mut self, happened: Happened, work: &Work<'a>) -> Option<End> {
        match happened {
            Happened::TookPart => {
                self.hand_over(work);
                None
            }
            Happened::Tick => {
                work.push(Self::next_tick());
                let committed = self.committed();
                self.tell(Event::Committed(committed), work)
                    .or_else(|| self.tell(Event::Tick, work))
            }
            Happened::Answers(answers, receiver) => {
                work.push(Self::next_answers(receiver));
                self.heard(&answers, work)
            }
            // The freeze was over before everything had its answer.
            Happened::Closed(_) if !self.machine.is_frozen() => None,
            Happened::Closed(guard) => {
                self.closed = Some(guard);
                match self.committed() {
                    Some(committed) => self.tell(Event::Closed { committed }, work),
                    // It does not lead any more: nothing can be promised.
                    None => self.tell(Event::Unopposed, work),
                }
            }
            Happened::Machine(event) => self.tell(event, work),
            Happened::HandedOver(HandedOver::All) => {
                self.handed_over = true;
                self.no_room = false;
                let forgetting = self.keeper.forget_aside();
                work.push(Box::pin(async move {
                    forgetting.await;
                    std::future::pending().await
                }));
                None
            }
            Happened::HandedOver(HandedOver::NoRoom) => {
                self.no_room = true;
                self.hand_over(work);
                None
            }
        }
    }

    fn hand_over(&self, work: &Work<'a>) {
        if self.aside.is_empty() {
            return;
        }
        let (running, control) = (self.running.clone(), &self.keeper.control);
        let (aside, agreed) = (self.aside, self.keeper.publisher.states.subscribe());
        work.push(Box::pin(async move {
            caught_up(&running).await;
            let winner: Arc<ControlState> = Arc::clone(&agreed.borrow());
            Happened::HandedOver(hand_over(control, aside, &winner).await)
        }));
    }

    /// How far the group is, while it leads here and has applied everything of earlier leaders: only
    /// then can the figure never fall again.
    fn committed(&self) -> Option<u64> {
        if !self.running.raft.is_leader() {
            return None;
        }
        let metrics = self.running.raft.metrics();
        let metrics = metrics.borrow_watched();
        let applied = metrics.last_applied?;
        (applied.committed_leader_id().term == metrics.current_term).then(|| applied.index())
    }

    /// Tells the machine and does what it says.
    fn tell(&mut self, event: Event, work: &Work<'a>) -> Option<End> {
        let now = self.keeper.control.local.clock.now();
        let mut end = None;
        for action in self.machine.handle(event, now) {
            match action {
                Action::Close => {
                    tracing::warn!(
                        "another node went on, too, and stands higher: nothing is committed here"
                    );
                    let gate = self.running.gate.clone();
                    work.push(Box::pin(
                        async move { Happened::Closed(gate.close().await) },
                    ));
                }
                Action::Open => {
                    tracing::info!("configurations can be committed again");
                    self.closed = None;
                }
                Action::Ask(question) => self.ask(question, work),
                Action::Answer { ask, answer } => {
                    if let Some((_, sender)) = self.asked.take_if(|(asked, _)| *asked == ask) {
                        // Whoever asked may have gone; it asks again.
                        let _unheard = sender.send(answer);
                    }
                }
                Action::Yield { to } => end = Some(End::Yield(to)),
            }
        }
        end
    }

    fn ask(&self, question: Question, work: &Work<'a>) {
        let clients = self.keeper.control.clients(&self.running);
        let local = &self.keeper.control.local;
        let rival = local
            .others()
            .find(|node| local.kind_of(*node) == MemberKind::Node);
        let Some(rival) = rival else {
            return;
        };
        work.push(Box::pin(async move {
            let ask = question.ask;
            match may_yield(&clients, rival, &question).await {
                Some(answer) => Happened::Machine(Event::Answered { ask, answer }),
                // The machine asks again by itself.
                None => std::future::pending().await,
            }
        }));
    }
}
