//! The parts of both groups, put together on whatever carries messages and keeps writes.
//!
//! ```text
//!     in touch       how the others are
//!     lineages       the control group, one lineage after the other
//!     generations    the state group, one foundation after the other
//!     proposals      ControlCommands of the node
//!     publisher      session changes of the node, in batches
//! ```

use std::sync::Arc;

use raft_state::{ControlState, Incarnation};
use runtime::{Clock, Shutdown, Subsystem};
use tokio::sync::{mpsc, watch};

use crate::changes::Hub;
use crate::cluster::{Cluster, Control, StateGroup};
use crate::error::StartError;
use crate::generation::Generations;
use crate::group::{ControlGroup, MemoryGroup};
use crate::lineage::{Channels, Keeper, LineageView, Publisher};
use crate::local::Local;
use crate::network::{Peers, Server, Transport, keep_in_touch};
use crate::pending::Pending;
use crate::plan::ClusterPlan;
use crate::probe::Probe;
use crate::propose::{Counter, Proposer, attend};
use crate::publisher;
use crate::store::{Journal, KvStore, Recovered, StorageHealth};

/// What both groups are put together from.
pub(crate) struct Parts {
    pub(crate) local: Arc<Local>,
    pub(crate) peers: Peers,
    pub(crate) recovered: Recovered<ControlGroup>,
    pub(crate) journal: Journal,
    pub(crate) storage: watch::Receiver<StorageHealth>,
}

/// A member's surroundings where nothing is real: for simulations.
#[derive(Debug)]
pub struct Surroundings<S> {
    /// Who takes part. Where it listens and keeps its files is of no account.
    pub plan: ClusterPlan,
    /// Which life of the node begins.
    pub incarnation: Incarnation,
    /// The life that used the disk last; `None` of an empty one.
    pub follows: Option<Incarnation>,
    /// Another node may have gone on with what that life and later ones agreed on.
    pub trails: bool,
    /// No other node could say at the start whether the disk is the newest.
    pub silence: bool,
    /// Its clock.
    pub clock: Clock,
    /// Its disk.
    pub store: S,
    /// Its way to the others.
    pub transport: Arc<dyn Transport>,
    /// Who looks at what it applies.
    pub probe: Option<Arc<dyn Probe>>,
}

/// Starts both groups on the current runtime. Dropping `subsystem` and the runtime is a crash.
pub async fn start_in<S: KvStore>(
    surroundings: Surroundings<S>,
    subsystem: &mut Subsystem,
) -> Result<(Cluster, Server), StartError> {
    let Surroundings {
        plan,
        incarnation,
        follows,
        trails,
        silence,
        clock,
        mut store,
        transport,
        probe,
    } = surroundings;
    let mut local = Local::new(&plan, incarnation, clock)?;
    local.observed_by = probe;
    local.follows = follows;
    local.trails = trails;
    local.silence = silence;
    #[cfg(feature = "mutants")]
    if crate::mutants::is(crate::mutants::Mutant::OlderDiskBelieved) {
        (local.follows, local.trails, local.silence) = (None, false, false);
    }
    let recovered = Recovered::claim(&mut store, incarnation)?;
    let (journal, storage) = Journal::on_task(store, clock, subsystem);
    let parts = Parts {
        local: Arc::new(local),
        peers: transport,
        recovered,
        journal,
        storage,
    };
    Ok(assemble(parts, subsystem))
}

/// Orders to go on alone that may wait; whoever gives one waits for its answer.
const ORDERS: usize = 4;
/// Questions of another survivor that may wait; it asks again.
const QUESTIONS: usize = 4;

/// Starts both groups on the current runtime; members' questions are for the [`Server`].
pub(crate) fn assemble(mut parts: Parts, inner: &mut Subsystem) -> (Cluster, Server) {
    parts.recovered.begin(&parts.local);
    let (local, peers) = (&parts.local, &parts.peers);
    let control = Proposer::<ControlGroup>::new(local, peers);
    let state = Proposer::<MemoryGroup>::new(local, peers);
    let hub = Arc::new(Hub::new(local.me.id, local.limits.unread));
    let (view, lineage) = watch::channel(LineageView::default());
    let (questions, asked) = mpsc::channel(QUESTIONS);
    let server = Server {
        local: Arc::clone(local),
        control: Arc::clone(&control.seat),
        state: Arc::clone(&state.seat),
        lineage: lineage.clone(),
        questions,
        partials: Arc::default(),
        turns: Arc::default(),
        hub: Arc::clone(&hub),
    };
    let (tell, answers) = watch::channel(Vec::new());
    let in_touch = keep_in_touch(server.clone(), Arc::clone(peers), tell);
    inner.spawn("in touch", until(inner.shutdown(), in_touch));
    let publisher = publisher_of(&parts);
    let agreed = publisher.states.subscribe();
    let keeper = Keeper {
        control: control.clone(),
        journal: parts.journal,
        publisher,
        view,
    };
    let (orders, ordered) = mpsc::channel(ORDERS);
    let channels = Channels {
        orders: ordered,
        questions: asked,
        answers,
    };
    let keeping = keeper.run(parts.recovered, channels);
    inner.spawn("lineages", until(inner.shutdown(), keeping));
    let (counter, tickets) = Counter::new();
    let attending = attend(control.clone(), tickets, inner.shutdown());
    inner.spawn("proposals", attending);
    let state = start_state((control.clone(), state, hub), agreed.clone(), inner);
    let control = Control {
        local: control.local,
        seat: control.seat,
        agreed,
        counter,
        orders,
        lineage,
        storage: parts.storage,
    };
    let cluster = Cluster {
        control,
        state,
        membership: None,
    };
    (cluster, server)
}

/// Shows what the store knows to be agreed on, and then what comes.
fn publisher_of(parts: &Parts) -> Publisher {
    let (known, edition) = (parts.recovered.agreed(), parts.recovered.edition());
    parts.local.roster.follow(known.members(), edition);
    Publisher {
        states: Arc::new(watch::Sender::new(Arc::new(known))),
        local: Arc::clone(&parts.local),
        generation: 0,
    }
}

/// Runs `task` until the end is asked for. All that is spawned here may be cut off at any point where it
/// waits: what it was about to tell others is told anew by whoever comes after.
pub(crate) async fn until(mut shutdown: Shutdown, task: impl Future<Output = ()>) {
    // Cancel safe, for that reason.
    tokio::select! {
        biased;
        () = shutdown.requested() => {}
        () = task => {}
    }
}

/// Starts what keeps this member in the state group and tells the group what the node does.
fn start_state(
    (control, state, hub): (Proposer<ControlGroup>, Proposer<MemoryGroup>, Arc<Hub>),
    agreed: watch::Receiver<Arc<ControlState>>,
    inner: &mut Subsystem,
) -> StateGroup {
    let local = Arc::clone(&state.local);
    let pending = Arc::new(Pending::new(local.limits.pending));
    let generations = Generations {
        control,
        state: state.clone(),
        agreed,
        hub: Arc::clone(&hub),
        pending: Arc::clone(&pending),
    };
    inner.spawn("generations", until(inner.shutdown(), generations.run()));
    let publisher = publisher::Publisher {
        proposer: state.clone(),
        pending: Arc::clone(&pending),
        hub: Arc::clone(&hub),
    };
    inner.spawn("publisher", until(inner.shutdown(), publisher.run()));
    StateGroup {
        local,
        seat: state.seat,
        hub,
        pending,
    }
}
