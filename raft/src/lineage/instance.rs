//! One instance of the control group: made of what a store holds, and taken apart again.

use std::sync::Arc;
use std::time::Duration;

use raft_state::{ControlCommand, ControlLineage, ControlOutcome, ControlState};
use tokio::sync::watch;
use types::Edition;

use crate::group::{ControlGroup, Group, MemberId};
use crate::local::Local;
use crate::network::{Clients, Turn};
use crate::propose::Proposer;
use crate::seat::Running;
use crate::store::{
    Applied, Held, Journal, LogStore, Machine, Observer, Recovered, SharedSnapshot,
};

/// For the consensus to let go of its state machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// Publishes every change of the control group's state; the newest only. Who is a member is in force
/// before anybody hears of it.
#[derive(Clone)]
pub(crate) struct Publisher {
    pub(crate) states: Arc<watch::Sender<Arc<ControlState>>>,
    pub(crate) local: Arc<Local>,
    /// Counts the foundations; the running one's number.
    pub(crate) generation: u64,
}

impl Publisher {
    pub(super) fn publish(&self, index: u64, state: &ControlState) {
        let edition = Edition {
            generation: self.generation,
            index,
        };
        self.local.roster.follow(state.members(), edition);
        if let Some(removal) = state.members().removal(self.local.me.id) {
            self.local.dismiss(removal.into());
        }
        self.states.send_replace(Arc::new(state.clone()));
    }
}

impl Observer<ControlGroup> for Publisher {
    fn applied(&self, index: u64, state: &ControlState, _: &ControlCommand, _: &ControlOutcome) {
        self.publish(index, state);
    }

    /// A node that begins anew in another lineage goes on with what it knew until it has caught up.
    fn replaced(&self, index: u64, state: &ControlState) {
        if *state != ControlState::default() {
            self.publish(index, state);
        }
    }
}

/// A running instance, and what is needed to take it apart.
pub(super) struct Instance {
    pub(super) running: Running<ControlGroup>,
    pub(super) lineage: ControlLineage,
    log: LogStore<ControlGroup>,
    snapshot: SharedSnapshot<ControlGroup>,
    machine: watch::Sender<()>,
}

impl Instance {
    /// Starts the group in `lineage` with what its store held.
    pub(super) async fn start(
        control: &Proposer<ControlGroup>,
        (lineage, mut recovered): (ControlLineage, Recovered<ControlGroup>),
        journal: &Journal,
        publisher: &Publisher,
    ) -> Result<Self, String> {
        let local = &control.local;
        let id = MemberId {
            node: local.me.id,
            incarnation: recovered.founded.unwrap_or(local.incarnation),
        };
        let began_with_content = recovered.holds_anything();
        let mut machine = Machine::new(
            recovered.snapshot.take(),
            Arc::<Applied<ControlGroup>>::default(),
            Arc::new(Publisher {
                generation: lineage.generation,
                ..publisher.clone()
            }),
            journal.clone(),
        )
        .probed_by(local.probe(ControlGroup::NAME, lineage.wire()));
        let (snapshot, end) = (machine.shared_snapshot(), machine.tell_end());
        let log = LogStore::durable(recovered, journal.clone());
        let clients = Clients {
            local: Arc::clone(local),
            peers: Arc::clone(&control.peers),
            id,
            generation: lineage.wire(),
            turn: Turn::new(log.kept()),
        };
        let running = Running::start(clients, machine, log.clone(), began_with_content).await?;
        Ok(Self {
            running,
            lineage,
            log,
            snapshot,
            machine: end,
        })
    }

    /// Ends it. When this returns nothing is written any more by the consensus, and everything that it
    /// has held is here.
    pub(super) async fn end(self) -> Result<Held, String> {
        if self.running.raft.shutdown().await.is_err() {
            return Err("the consensus did not end in order".to_owned());
        }
        // The machine may still be about to write a snapshot.
        if tokio::time::timeout(PATIENCE, self.machine.closed())
            .await
            .is_err()
        {
            return Err("the consensus did not let go of its state".to_owned());
        }
        let snapshot = self.snapshot.lock().clone();
        Ok(Held::of(snapshot, &self.log))
    }
}
