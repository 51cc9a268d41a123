//! The durable group's one instance: from its store to its seat, and its end.

use std::sync::Arc;

use raft_state::{ControlCommand, ControlOutcome, ControlState};
use tokio::sync::watch;

use crate::config::config_of;
use crate::error::StartError;
use crate::group::{ControlGroup, Group, GroupName, MemberId};
use crate::local::Local;
use crate::network::Clients;
use crate::propose::Proposer;
use crate::seat::{Running, Seat};
use crate::store::{Applied, Journal, LogStore, Machine, Observer, Recovered};

/// Publishes every change of the control group's state; the newest only.
struct Agreed {
    states: watch::Sender<Arc<ControlState>>,
    local: Arc<Local>,
}

impl Agreed {
    fn publish(&self, state: &ControlState) {
        self.local.roster.follow(state.members());
        self.states.send_replace(Arc::new(state.clone()));
    }
}

impl Observer<ControlGroup> for Agreed {
    fn applied(&self, state: &ControlState, _: &ControlCommand, _: &ControlOutcome) {
        self.publish(state);
    }

    fn replaced(&self, state: &ControlState) {
        self.publish(state);
    }
}

/// Starts the group with what its store held; it sits on the seat when this returns.
pub(crate) async fn start(
    control: &Proposer<ControlGroup>,
    mut recovered: Recovered<ControlGroup>,
    journal: Journal,
) -> Result<(Running<ControlGroup>, watch::Receiver<Arc<ControlState>>), StartError> {
    let (publish, agreed) = watch::channel(Arc::default());
    let local = &control.local;
    let failed = |reason: String| StartError::Group {
        group: GroupName::Control,
        reason,
    };
    let id = MemberId {
        node: local.me.id,
        incarnation: recovered.founded.unwrap_or(local.incarnation),
    };
    let config = config_of(ControlGroup::NAME, local).map_err(|error| failed(error.to_string()))?;
    let machine = Machine::new(
        recovered.snapshot.take(),
        Arc::<Applied<ControlGroup>>::default(),
        Arc::new(Agreed {
            states: publish,
            local: Arc::clone(local),
        }),
        journal.clone(),
    )
    .probed_by(local.probe(ControlGroup::NAME, 0));
    let clients = Clients {
        local: Arc::clone(local),
        peers: Arc::clone(&control.peers),
        id,
        generation: 0,
    };
    let log = LogStore::durable(recovered, journal);
    let raft = openraft::Raft::new(id.to_u64(), Arc::new(config), clients, log, machine)
        .await
        .map_err(|error| failed(error.to_string()))?;
    raft.runtime_config().elect(!local.is_witness());
    let running = Running {
        raft,
        id,
        generation: 0,
    };
    control.seat.set(Some(running.clone()));
    Ok((running, agreed))
}

/// Tells everybody when the control group has ended here: its disk has failed it.
pub(crate) async fn watch_end(seat: Arc<Seat<ControlGroup>>, running: Running<ControlGroup>) {
    let reason = running.ended().await;
    if seat.stopped().is_none() {
        tracing::error!(%reason, "the control group ended here");
        seat.stop(reason);
    }
}
