//! From a plan to two running groups, on threads of their own.
//!
//! ```text
//!   thread "raft" (own tokio runtime, two workers)
//!     serve          members' requests → seats
//!     …              what `assembly` runs
//!   thread "raft-store"   all writes of the control group
//! ```

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use raft_state::Incarnation;
use runtime::{Clock, Shutdown, Subsystem};
use tokio::sync::{mpsc, oneshot};
use types::Edition;

use crate::assembly::{Parts, assemble};
use crate::cluster::Cluster;
use crate::error::StartError;
use crate::group::{ControlGroup, Group, GroupName};
use crate::issuer::Issuer;
use crate::keeper::Keeper;
use crate::local::Local;
use crate::members::Membership;
use crate::membership::QUESTION;
use crate::network::grpc::{Grpc, Service, Tls, adopt, serve};
use crate::network::{Peers, known_lives};
use crate::plan::{ClusterPlan, Listen, MemberKind, TlsFiles};
use crate::seat::Seat;
use crate::signer::Signer;
use crate::store::{
    DiskStore, Journal, Recovered, last_incarnation, make_room, next_incarnation, note_incarnation,
    occupy, open_or_replace, put_away_if_older, put_by,
};
use crate::tls_files;

/// Worker threads of the groups' runtime: one for the consensus, one for what others send meanwhile.
const WORKERS: usize = 2;
/// Renewals that may wait to be asked for; an operator asks for one at a time.
const RENEWALS: usize = 4;
/// For the others to tell a machine with a new disk which lives its number has had; later starts remember.
const FIRST_QUESTION: Duration = Duration::from_secs(2);
/// For what runs to end, when it is asked to.
const PATIENCE: Duration = Duration::from_millis(500);

/// Starts both groups. They run on a thread and a runtime of their own, which `subsystem` watches and
/// stops; when it returns, peers are served, but nothing need be agreed on yet.
pub async fn start(
    plan: ClusterPlan,
    clock: Clock,
    subsystem: &mut Subsystem,
) -> Result<Cluster, StartError> {
    // Who asks the others which lives there were; nobody hears its own number.
    let unborn = Arc::new(Local::new(&plan, Incarnation::default(), clock)?);
    let files = plan.tls.clone();
    let secured = files.map(|files| secure(files, &unborn)).transpose()?;
    let occupied = occupy(&plan.data_dir)?;
    make_room(&plan.data_dir)?;
    let lives = lives(&plan, &unborn, secured.as_ref()).await?;
    let mut local = Local::new(&plan, lives.begins, clock)?;
    // Two that agree need each other's votes, so that none can be given twice: what one of them lacks, the
    // other one has. Whether the store is of two shows when it is open.
    let believed = plan.members.len() <= 2 || !is_restorable(&plan);
    local.follows = put_away_if_older(&control_store(&plan), lives.last, believed)?;
    local.trails = is_restorable(&plan) && local.follows.is_some() && local.follows < lives.last;
    local.silence = lives.silence;
    let (store, recovered) = open_store(&plan, lives.begins)?;
    local.trails |= is_restorable(&plan) && lacks_members(&plan, &recovered);
    put_by(&plan.data_dir);
    let listeners = bind(plan.listen)?;
    let prepared = Prepared {
        local: Arc::new(local),
        secured,
        listeners,
        store,
        recovered,
    };
    let runtime = threads(prepared.local.is_witness()).map_err(StartError::Threads)?;
    let (ready, started) = oneshot::channel();
    subsystem
        .spawn_thread("raft", move |shutdown| {
            runtime.block_on(run(prepared, ready, shutdown));
            // Tasks of the consensus library that still wait for a peer must not hold up the process.
            runtime.shutdown_background();
            drop(occupied);
        })
        .map_err(StartError::Threads)?;
    started.await.unwrap_or_else(|_| {
        Err(StartError::Group {
            group: GroupName::Control,
            reason: "its thread ended".to_owned(),
        })
    })
}

/// What this start knows of the lives of its number.
struct Lives {
    /// The newest of those that have begun before, by this disk and by the other nodes.
    last: Option<Incarnation>,
    begins: Incarnation,
    /// No other node could say whether there were more.
    silence: bool,
}

/// Asks the disk and the others which lives there were.
async fn lives(
    plan: &ClusterPlan,
    unborn: &Arc<Local>,
    secured: Option<&Secured>,
) -> Result<Lives, StartError> {
    let unusable = |source| unusable(plan, source);
    let noted = last_incarnation(&plan.data_dir).map_err(unusable)?;
    let used = last_incarnation(&control_store(plan)).map_err(unusable)?;
    let patience = noted.map_or(FIRST_QUESTION, |_| QUESTION);
    let peers: Peers = Arc::new(Grpc::new(unborn, secured.map(|secured| &secured.tls)));
    let told = known_lives(unborn, &peers, patience).await;
    let now = unborn.clock.unix_millis() / 1_000;
    let skip = rand::random();
    let begins = next_incarnation(noted.max(used), now, told.newest, skip).map_err(unusable)?;
    Ok(Lives {
        last: noted.max(told.in_force),
        begins,
        silence: told.silence,
    })
}

fn unusable(plan: &ClusterPlan, source: std::io::Error) -> StartError {
    StartError::DataDir {
        path: plan.data_dir.clone(),
        source,
    }
}

/// A witness has little to do and should be small: each thread that allocates has a heap of its own.
fn threads(is_witness: bool) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = if is_witness {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder
        .worker_threads(WORKERS)
        .thread_name("raft-worker")
        .enable_all()
        .build()
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

/// What a member with certificates has.
struct Secured {
    files: TlsFiles,
    tls: Tls,
    signer: Option<Signer>,
}

fn secure(files: TlsFiles, local: &Local) -> Result<Secured, StartError> {
    tls_files::check(&files, &local.me.name)?;
    Ok(Secured {
        tls: Tls::load(&files, &local.cluster_id, &local.me.name)?,
        signer: Signer::load(&files, &local.cluster_id)?,
        files,
    })
}

fn control_store(plan: &ClusterPlan) -> PathBuf {
    plan.data_dir.join("control")
}

/// Whether somebody else holds what this member's store should hold: a witness does not.
fn is_restorable(plan: &ClusterPlan) -> bool {
    let mut members = plan.members.iter();
    members.any(|member| member.id != plan.me && member.kind == MemberKind::Node)
}

/// Opens the control group's store for the life that begins. A damaged one is moved aside if the others can
/// restore it.
fn open_store(
    plan: &ClusterPlan,
    begins: Incarnation,
) -> Result<(DiskStore, Recovered<ControlGroup>), StartError> {
    let path = control_store(plan);
    let opened = open_or_replace(&path, plan.store, begins, !is_restorable(plan))?;
    // In this order: see `store::incarnation`.
    note_incarnation(&path, begins)
        .and_then(|()| note_incarnation(&plan.data_dir, begins))
        .map_err(|source| unusable(plan, source))?;
    Ok(opened)
}

/// Whether node.toml has a list of members of a later place in the log than the store knows.
fn lacks_members(plan: &ClusterPlan, recovered: &Recovered<ControlGroup>) -> bool {
    let (Some(files), Some(lineage)) = (&plan.tls, recovered.lineage) else {
        return false;
    };
    let here = Edition {
        generation: lineage.generation,
        index: recovered.last_index().unwrap_or_default(),
    };
    files.edition > here
}

/// What was done before the runtime was there.
struct Prepared {
    local: Arc<Local>,
    secured: Option<Secured>,
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
    let seats = match begin(prepared, &mut inner) {
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
            biased;
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

/// Assembles the groups on gRPC and on the disk's own thread.
fn begin(prepared: Prepared, inner: &mut Subsystem) -> Result<Cluster, StartError> {
    let (local, secured) = (prepared.local, prepared.secured);
    let grpc = Grpc::new(&local, secured.as_ref().map(|secured| &secured.tls));
    let peers: Peers = Arc::new(grpc.clone());
    let listeners = adopt(prepared.listeners)?;
    let journal = Journal::on_thread(prepared.store, local.clock, inner);
    let (journal, storage) = journal.map_err(StartError::Threads)?;
    let parts = Parts {
        local,
        peers,
        recovered: prepared.recovered,
        journal,
        storage,
    };
    let (mut cluster, server) = assemble(parts, inner);
    let tls = secured.as_ref().map(|secured| secured.tls.clone());
    let membership = secured.map(|secured| keep(secured, grpc, &cluster, inner));
    let issuer = membership.as_ref().and_then(|kept| kept.issuer.clone());
    cluster.membership = membership;
    let service = Service {
        server,
        tls: tls.clone(),
        issuer,
    };
    let shutdown = inner.shutdown();
    inner.spawn("serve", serve(service, listeners, tls, shutdown));
    Ok(cluster)
}

/// Starts what keeps this member a member.
fn keep(secured: Secured, peers: Grpc, cluster: &Cluster, inner: &mut Subsystem) -> Membership {
    let control = cluster.control.clone();
    let signer = secured.signer;
    let issuer = signer.map(|signer| Arc::new(Issuer::new(control.clone(), signer)));
    let (renewals, requests) = mpsc::channel(RENEWALS);
    let keeper = Keeper {
        control: control.clone(),
        state: cluster.state.clone(),
        tls: secured.tls.clone(),
        files: secured.files,
        issuer: issuer.clone(),
        peers,
        renewals: requests,
        unkept: None,
    };
    let shutdown = inner.shutdown();
    let keeping = keeper.run(shutdown);
    inner.spawn("membership", keeping);
    Membership {
        control,
        tls: secured.tls,
        issuer,
        renewals,
    }
}
