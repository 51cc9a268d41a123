//! The one that owns the control group's instance: it starts it, and changes its lineage.

use std::future::Future;

use proto::raft::HelloReply;
use raft_state::{ControlLineage, Survival};
use tokio::sync::{mpsc, oneshot, watch};

use super::instance::{Instance, Publisher};
use super::order::{Asked, LineageView, Order, SurviveError};
use super::reign::{End, Reign};
use crate::group::{ControlGroup, MemberId};
use crate::local::Past;
use crate::membership::may_found;
use crate::propose::Proposer;
use crate::store::{Aside, Change, Held, Journal, Key, Recovered};

/// What an operator reads of a machine with a double, or of one whose number came too late.
const OUTLIVED: &str = "the other node knows a later life of this member: this is an older disk, or another machine \
                        runs with this member's certificate. Stop that one, if there is one; then start this \
                        member again";

const OLDER_STORE: &str = "the store is an older one: there was a later life of this member. What others had to agree \
                           to, they have; what it agreed on with itself is kept aside. It joins the cluster again \
                           as a new member";

/// What reaches the keeper.
pub(crate) struct Channels {
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) questions: mpsc::Receiver<Asked>,
    pub(crate) answers: watch::Receiver<Vec<HelloReply>>,
}

/// Owns the control group's instance.
pub(crate) struct Keeper {
    pub(crate) control: Proposer<ControlGroup>,
    pub(crate) journal: Journal,
    pub(crate) publisher: Publisher,
    pub(crate) view: watch::Sender<LineageView>,
}

/// An order that is carried out when the next instance runs.
type Owed = Option<oneshot::Sender<Result<ControlLineage, SurviveError>>>;

impl Keeper {
    /// Runs until it is dropped, or the group can run here no more.
    pub(crate) async fn run(self, recovered: Recovered<ControlGroup>, mut channels: Channels) {
        let reason = self.reign_after_reign(recovered, &mut channels).await;
        if self.control.seat.stopped().is_none() {
            tracing::error!(%reason, "the control group ended here");
            self.control.seat.stop(reason.clone());
        }
        while let Some(order) = channels.orders.recv().await {
            let stopped = SurviveError::Stopped(reason.clone());
            // Whoever ordered it may have gone.
            let _unheard = order.done.send(Err(stopped));
        }
    }

    /// Returns why the group can run here no more.
    async fn reign_after_reign(
        &self,
        mut recovered: Recovered<ControlGroup>,
        channels: &mut Channels,
    ) -> String {
        let mut owed: Owed = None;
        let mut trails = self.control.local.trails;
        loop {
            let lineage = match self.lineage_of(&recovered) {
                Some(lineage) => lineage,
                None => self.find(channels).await,
            };
            if recovered.lineage.is_none()
                && let Err(error) = self.remember(lineage).await
            {
                return error.to_string();
            }
            let aside = std::mem::take(&mut recovered.aside);
            // Only what was found when this process started can be older than it should be.
            let alone = recovered.decides_alone(self.control.local.me.id);
            let forgets = std::mem::take(&mut trails) && alone;
            let parts = (lineage, recovered);
            let started = Instance::start(&self.control, parts, &self.journal, &self.publisher);
            let instance = match started.await {
                Ok(instance) => instance,
                Err(reason) => return reason,
            };
            if owed.is_some() {
                // Nobody else votes: there is nothing to wait for.
                let _ended = instance.running.raft.trigger().elect(false).await;
            }
            self.control.seat.set(Some(instance.running.clone()));
            if let Some(done) = owed.take() {
                let _unheard = done.send(Ok(lineage));
            }
            let mut reign = Reign::new(self, &instance, &aside);
            let end = if forgets {
                End::Past(Past::Store)
            } else {
                reign.run(channels).await
            };
            let aside = if reign.handed_over { Vec::new() } else { aside };
            self.control.seat.set(None);
            match self.turn(end, (instance, alone), aside).await {
                Ok((next, order)) => (recovered, owed) = (next, order),
                Err(reason) => return reason,
            }
        }
    }

    /// The lineage that a store says, or that it must have been before stores said it.
    fn lineage_of(&self, recovered: &Recovered<ControlGroup>) -> Option<ControlLineage> {
        let before = || {
            let founder = self.control.local.founder()?;
            (!recovered.is_blank()).then(|| ControlLineage::first(founder))
        };
        recovered.lineage.or_else(before)
    }

    /// With an empty disk: a lineage that somebody takes part in, or the first one, if it is this node's
    /// turn to begin it.
    async fn find(&self, channels: &mut Channels) -> ControlLineage {
        let local = &self.control.local;
        loop {
            // Cancel safe: each branch only waits.
            tokio::select! {
                biased;
                Some(order) = channels.orders.recv() => {
                    let _unheard = order.done.send(Err(SurviveError::Empty));
                }
                // Dropping the question says that there is no answer.
                Some(_nothing_to_say) = channels.questions.recv() => {}
                () = tokio::time::sleep(crate::membership::RETRY) => {}
            }
            let answers = channels.answers.borrow_and_update().clone();
            let formed = answers.iter().filter(|answer| answer.control_formed);
            let lineages =
                formed.filter_map(|answer| ControlLineage::from_wire(answer.control_lineage));
            if let Some(lineage) = lineages.max() {
                return lineage;
            }
            if may_found(local, answers.len()) {
                return ControlLineage::first(local.me.id);
            }
        }
    }

    async fn remember(&self, lineage: ControlLineage) -> std::io::Result<()> {
        let value = crate::store::encode(&lineage)?;
        self.journal
            .write(vec![Change::Put(Key::Lineage, value)])
            .await
    }

    /// Returns when nothing is kept aside any more.
    pub(super) fn forget_aside(&self) -> impl Future<Output = ()> + Send + 'static {
        let journal = self.journal.clone();
        async move {
            if let Err(error) = journal.write(vec![Change::Delete(Key::Aside)]).await {
                tracing::error!(%error, "what was handed over could not be forgotten");
            }
        }
    }

    /// From the end of one reign to what the next one begins with. Whether the instance began `alone` is known by
    /// its store: what the consensus says of itself comes a moment later.
    async fn turn(
        &self,
        end: End,
        (instance, alone): (Instance, bool),
        aside: Vec<Aside>,
    ) -> Result<(Recovered<ControlGroup>, Owed), String> {
        let lineage = instance.lineage;
        let (to, holds) = match end {
            End::Failed(reason) => return Err(reason),
            End::Survive(order) => return self.survive(order, instance, aside).await,
            End::Past(Past::Life) => {
                let _held = instance.end().await?;
                return Err(OUTLIVED.to_owned());
            }
            End::Past(Past::Store) => {
                let life = self.control.local.incarnation;
                tracing::error!(
                    store_of = instance.running.id.incarnation.0,
                    life = life.0,
                    "{OLDER_STORE}"
                );
                // What others had to agree to, they have.
                (lineage, alone || instance.running.has_quorum_alone())
            }
            End::Yield(to) => {
                tracing::warn!(from = %lineage, %to, "gives way; what only this node has is kept aside");
                (to, true)
            }
            // Something may have come in at the last moment: then it is kept like anything else.
            End::Adopt(to) => (to, true),
        };
        // It may have voted there as the member that it was.
        let member = MemberId {
            incarnation: self.control.local.incarnation,
            ..instance.running.id
        };
        let held = instance.end().await?;
        if to != lineage {
            self.control.local.roster.enter(to.generation);
        }
        let from = (holds && !held.is_empty()).then_some(lineage);
        let turn = held.emptied(member, from, to, aside);
        Ok((self.write(turn).await?, None))
    }

    /// From what is here to a lineage of this node alone.
    async fn survive(
        &self,
        order: Order,
        instance: Instance,
        aside: Vec<Aside>,
    ) -> Result<(Recovered<ControlGroup>, Owed), String> {
        let (member, lineage) = (instance.running.id, instance.lineage);
        // Else everything that is here is the leader's as well, and may be no more than its beginning.
        let counts = instance.running.may_have_voted();
        let held = instance.end().await?;
        let held = match aside.last() {
            Some(last) if !counts => {
                let unreadable = "what this node has kept aside cannot be read";
                held.taken_back(last).ok_or(unreadable)?
            }
            Some(_) | None => held,
        };
        let survival = self.survival(&order, lineage, &held);
        match held.refounded(member, self.control.local.incarnation, &survival, aside) {
            Ok(Some(turn)) => {
                let recovered = self.write(Ok(turn)).await?;
                // Whoever gave the order has said that what is here counts.
                self.control.local.is_of_now();
                // Nobody may take what was known of another lineage for this one's.
                let edition = recovered.edition();
                let publisher = Publisher {
                    generation: edition.generation,
                    ..self.publisher.clone()
                };
                publisher.publish(edition.index, &recovered.agreed());
                tracing::warn!(
                    lineage = %survival.lineage,
                    reason = %survival.reason,
                    by = survival.by,
                    "this node goes on alone"
                );
                Ok((recovered, Some(order.done)))
            }
            // Refused before, because whoever was never part of a group has not formed one.
            Ok(None) => Err("there was nothing to go on with".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn survival(&self, order: &Order, lineage: ControlLineage, held: &Held) -> Survival {
        let local = &self.control.local;
        Survival {
            lineage: lineage.next(local.me.id, local.incarnation),
            reason: order.reason,
            by: order.by.clone(),
            at_unix_ms: local.clock.unix_millis(),
            revision: held.agreed_revision(),
        }
    }

    async fn write(
        &self,
        turn: std::io::Result<(Vec<Change>, Recovered<ControlGroup>)>,
    ) -> Result<Recovered<ControlGroup>, String> {
        let (changes, recovered) = turn.map_err(|error| error.to_string())?;
        let written = self.journal.write(changes).await;
        written.map_err(|error| error.to_string())?;
        Ok(recovered)
    }
}
