//! From a plan to two running groups.
//!
//! ```text
//!   thread "raft" (own tokio runtime, two workers)
//!     serve          members' requests → seats
//!     in touch       how the others are
//!     take part      found or join the control group
//!     generations    the state group, one foundation after the other
//!     proposals      ControlCommands of the node
//!     publisher      session changes of the node, in batches
//!   thread "raft-store"   all writes of the control group
//! ```

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use raft_state::ControlState;
use runtime::{Clock, Shutdown, Subsystem};
use tokio::sync::{oneshot, watch};

use crate::changes::Hub;
use crate::cluster::{Cluster, Control, StateGroup};
use crate::control;
use crate::error::StartError;
use crate::generation::Generations;
use crate::group::{ControlGroup, Group, GroupName, MemoryGroup};
use crate::local::Local;
use crate::membership::take_part_in_control;
use crate::network::{Peers, Server, Tls, adopt, check_tls, keep_in_touch, serve};
use crate::pending::Pending;
use crate::plan::{ClusterPlan, Listen};
use crate::propose::{Counter, Proposer, attend};
use crate::publisher::publish;
use crate::seat::Seat;
use crate::store::{DiskStore, Recovered, StorageThread, next_incarnation, open_or_replace};

/// Worker threads of the groups' runtime: one for the consensus, one for what others send meanwhile.
const WORKERS: usize = 2;
/// For what runs to end, when it is asked to.
const PATIENCE: Duration = Duration::from_millis(500);

/// Starts both groups. They run on a thread and a runtime of their own, which `subsystem` watches and
/// stops; when it returns, peers are served, but nothing need be agreed on yet.
pub async fn start(
    plan: ClusterPlan,
    clock: Clock,
    subsystem: &mut Subsystem,
) -> Result<Cluster, StartError> {
    let incarnation =
        next_incarnation(&plan.data_dir, clock.unix_millis() / 1_000).map_err(|source| {
            StartError::DataDir {
                path: plan.data_dir.clone(),
                source,
            }
        })?;
    let local = Arc::new(Local::new(&plan, incarnation, clock)?);
    let tls = plan.tls.as_ref().map(Tls::load).transpose()?;
    if let Some(tls) = &tls {
        check_tls(tls)?;
    }
    let listeners = bind(plan.listen)?;
    let (store, recovered) = open_store(&plan.data_dir, &local)?;
    let prepared = Prepared {
        local,
        tls,
        listeners,
        store,
        recovered,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("raft-worker")
        .enable_all()
        .build()
        .map_err(StartError::Threads)?;
    let (ready, started) = oneshot::channel();
    subsystem
        .spawn_thread("raft", move |shutdown| {
            runtime.block_on(run(prepared, ready, shutdown));
            // Tasks of the consensus library that still wait for a peer must not hold up the process.
            runtime.shutdown_background();
        })
        .map_err(StartError::Threads)?;
    started.await.unwrap_or_else(|_| {
        Err(StartError::Group {
            group: GroupName::Control,
            reason: "its thread ended".to_owned(),
        })
    })
}

fn bind(listen: Listen) -> Result<Vec<TcpListener>, StartError> {
    match listen {
        Listen::Bound(listeners) => Ok(listeners),
        Listen::Addresses(addresses) => addresses
            .into_iter()
            .map(|address| {
                TcpListener::bind(address).map_err(|source| StartError::Listen { address, source })
            })
            .collect(),
    }
}

/// Opens the control group's store. A damaged one is moved aside if the others can restore it.
fn open_store(
    data_dir: &Path,
    local: &Local,
) -> Result<(DiskStore, Recovered<ControlGroup>), StartError> {
    let path: PathBuf = data_dir.join("control");
    let alone = local.members.len() == 1;
    open_or_replace(&path, local.incarnation, alone)
}

/// What was done before the runtime was there.
struct Prepared {
    local: Arc<Local>,
    tls: Option<Tls>,
    listeners: Vec<TcpListener>,
    store: DiskStore,
    recovered: Recovered<ControlGroup>,
}

async fn run(
    prepared: Prepared,
    ready: oneshot::Sender<Result<Cluster, StartError>>,
    mut shutdown: Shutdown,
) {
    let mut inner = Subsystem::default();
    let seats = match assemble(prepared, &mut inner).await {
        Ok(cluster) => {
            let seats = (
                Arc::clone(&cluster.control.seat),
                Arc::clone(&cluster.state.seat),
            );
            // The caller may have given up waiting; then it also drops the subsystem.
            let _unheard = ready.send(Ok(cluster));
            seats
        }
        Err(error) => {
            let _unheard = ready.send(Err(error));
            return;
        }
    };
    loop {
        // Cancel safe: both branches only wait.
        tokio::select! {
            () = shutdown.requested() => break,
            end = inner.first_end() => match end {
                Some(end) => {
                    if let Err(panic) = end.outcome {
                        tracing::error!(part = end.name, %panic, "a part of agreement broke");
                        break;
                    }
                }
                None => break,
            },
        }
    }
    // First the consensus, so that the storage thread has no more to wait for, then the rest.
    close(&seats.1).await;
    close(&seats.0).await;
    inner.stop(PATIENCE).await;
}

async fn close<G: Group>(seat: &Seat<G>) {
    let running = seat.running();
    seat.stop("this member is shutting down".to_owned());
    if let Some(running) = running
        && tokio::time::timeout(PATIENCE, running.raft.shutdown())
            .await
            .is_err()
    {
        tracing::warn!(group = %G::NAME, "the group did not end in time");
    }
}

async fn assemble(prepared: Prepared, inner: &mut Subsystem) -> Result<Cluster, StartError> {
    let local = prepared.local;
    let peers = Peers::new(&local, prepared.tls.as_ref());
    let proposers = (
        Proposer::<ControlGroup>::new(&local, &peers),
        Proposer::<MemoryGroup>::new(&local, &peers),
    );
    let (control, state) = &proposers;
    let listeners = adopt(prepared.listeners)?;
    let server = Server {
        local: Arc::clone(&local),
        control: Arc::clone(&control.seat),
        state: Arc::clone(&state.seat),
        secure: prepared.tls.is_some(),
    };
    let journal = StorageThread::start(prepared.store, inner).map_err(StartError::Threads)?;
    let (running, agreed) = control::start(control, prepared.recovered, journal).await?;
    inner.spawn(
        "serve",
        serve(server, listeners, prepared.tls, inner.shutdown()),
    );
    let in_touch = keep_in_touch(Arc::clone(&local), peers.clone());
    inner.spawn("in touch", until(inner.shutdown(), in_touch));
    let take_part = take_part_in_control(control.clone(), running.clone());
    inner.spawn("take part", until(inner.shutdown(), take_part));
    let watch_end = control::watch_end(Arc::clone(&control.seat), running);
    inner.spawn("end of control", until(inner.shutdown(), watch_end));
    let (counter, tickets) = Counter::new();
    inner.spawn(
        "proposals",
        attend(control.clone(), tickets, inner.shutdown()),
    );
    let state_group = start_state(proposers.clone(), agreed.clone(), inner);
    Ok(Cluster {
        control: Control {
            local,
            seat: proposers.0.seat,
            agreed,
            counter,
        },
        state: state_group,
    })
}

/// Runs `task` until the end is asked for. All that is spawned here may be cut off at any point where it
/// waits: what it was about to tell others is told anew by whoever comes after.
async fn until(mut shutdown: Shutdown, task: impl Future<Output = ()>) {
    // Cancel safe, for that reason.
    tokio::select! {
        () = shutdown.requested() => {}
        () = task => {}
    }
}

/// Starts what keeps this member in the state group and tells the group what the node does.
fn start_state(
    (control, state): (Proposer<ControlGroup>, Proposer<MemoryGroup>),
    agreed: watch::Receiver<Arc<ControlState>>,
    inner: &mut Subsystem,
) -> StateGroup {
    let local = Arc::clone(&state.local);
    let hub = Arc::new(Hub::new(local.me.id, local.limits.unread));
    let pending = Arc::new(Pending::new(local.limits.pending));
    let generations = Generations {
        control,
        state: state.clone(),
        agreed,
        hub: Arc::clone(&hub),
        pending: Arc::clone(&pending),
    };
    inner.spawn("generations", until(inner.shutdown(), generations.run()));
    let publisher = publish(state.clone(), Arc::clone(&pending));
    inner.spawn("publisher", until(inner.shutdown(), publisher));
    StateGroup {
        local,
        seat: state.seat,
        hub,
        pending,
    }
}
