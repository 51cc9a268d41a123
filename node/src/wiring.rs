//! All channels of a node, drawn and connected.
//!
//! ```text
//!  heartbeat thread ──vrrp::Event──► takeover ──role──► record_roles ──TakeRole──► control group
//!        │   ▲                          │                                              │
//!        │   └──── seen_epoch ──────────┼───────────── reconcile::Follow ◄────watch────┘
//!   EpochGate                           ▼                    │ plan, port blocks
//!        │                             film ──► operators    ▼
//!        └────────────────────────► forwarding ──Event──► replicate ──publish──► state group
//!                                       ▲                    └─claims─► control    │
//!                                       ├──install, learn── programming ◄──────────┘
//!                                       │                     ▲ audits, once a second
//!                                       └──list, repair─── auditor ──► watchman
//!  judge: looks at quorum, HA links, advertisements and anchors ──survive──► control group
//!  watchman: looks at all of them ten times a second ──► verdict ──► operators, the other node
//!  surveyor: is what the state group knows all here? ──► forwarding
//! ```

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use config::bootstrap::Bootstrap;
use config::valid::{Node, SessionProcessors};
use ha::Timeline;
use ha::survivor::Policy;
use raft::Cluster;
use runtime::mailbox::mailbox;
use runtime::{Clock, Mailbox, Outlet, Subsystem};
use tokio::sync::watch;
use types::{Epoch, EpochGate, Instant, Name, NodeId};
use vrrp::GroupPlan;

use crate::coverage::Surveyor;
use crate::drift::{Auditor, DriftStatus};
use crate::film::{self, Scene};
use crate::health::{Verdict, Watchman};
use crate::machine::keep_members;
use crate::operator::Desk;
use crate::plan::forwarding::Process;
use crate::programming::{self, Programming};
use crate::reconcile::{self, Follow};
use crate::removed::Farewell;
use crate::replicate::{self, Replicate};
use crate::running::{self, Running};
use crate::site::Site;
use crate::survivor::{self, Judge};
use crate::takeover::{self, Takeover};
use crate::threads::Utilization;
use crate::trace::{self, Trace};
use crate::{heartbeat_key, lifetime, plan};

/// Claims for port blocks that wait; more than one an address is never needed.
const CLAIMS: usize = 16;

/// Runs a node until it is told to stop or a part of it ends.
pub(crate) async fn run(bootstrap: &Bootstrap, file: &Path) -> anyhow::Result<()> {
    if bootstrap.is_witness() {
        bail!("this member is the witness, not a node: start it with 'tandem witness'");
    }
    // Before this node has a vote that others rely on.
    let heartbeat_key = heartbeat_key::load(bootstrap)?;
    let clock = Clock::start();
    let mut subsystem = Subsystem::default();
    let cluster = raft::start(plan::cluster::compile(bootstrap), clock, &mut subsystem)
        .await
        .context("the node cannot take part in agreement")?;
    let site = Site::of(bootstrap, cluster.control.members());
    let seeds = keep_members(file.to_owned(), bootstrap.local, cluster.control.clone());
    subsystem.spawn("node.toml", seeds);
    tracing::info!(cluster = %bootstrap.cluster, node = site.node, "waiting for a configuration");
    let first = bootstrap.configuration.as_deref();
    let mut farewell = Farewell::new(bootstrap, &cluster.control, clock);
    // Cancel safe: what was proposed may be proposed again.
    let running = tokio::select! {
        running = running::obtain(&cluster.control, first, clock) => running?,
        removed = farewell.come() => return Err(removed.into()),
    };
    for problem in bootstrap.check_against(&running.valid) {
        tracing::warn!(%problem, "node.toml and configuration");
    }
    tracing::info!(revision = %running.revision, "configuration");
    let agreed = (cluster, running);
    let parts = start(
        bootstrap,
        site,
        clock,
        agreed,
        heartbeat_key,
        &mut subsystem,
    )?;
    ops::serve(&bootstrap.api_socket, Arc::new(parts), &mut subsystem)
        .await
        .context("operators cannot be served")?;
    tracing::info!(socket = %bootstrap.api_socket.display(), "node runs");
    lifetime::until_the_end(subsystem, farewell).await
}

/// What was started, and what everybody has in common.
struct Parts {
    process: Process,
    site: Site,
    clock: Clock,
    gate: EpochGate,
    cluster: Cluster,
    data_plane: forwarding::Handle,
    /// `None` on a router whose interfaces are not shared.
    redundancy: Option<(Name, vrrp::Handle)>,
}

impl Parts {
    fn redundancy_handle(&self) -> Option<vrrp::Handle> {
        self.redundancy.as_ref().map(|(_, handle)| handle.clone())
    }
}

fn start(
    bootstrap: &Bootstrap,
    site: Site,
    clock: Clock,
    (cluster, running): (Cluster, Running),
    heartbeat_key: Option<[u8; 32]>,
    subsystem: &mut Subsystem,
) -> anyhow::Result<Desk> {
    let (packets, packet_events) = mailbox(replicate::BOUND);
    let (roles, role_events) = mailbox(takeover::BOUND);
    let process = process(bootstrap, &cluster);
    let gate = EpochGate::closed();
    let (router, node) = plan::locate(&running.valid, &site.router, &site.node)?;
    let authority = running.valid.authority();
    let planned = plan::forwarding::compile(process, authority, router, node);
    let data_plane = start_data_plane(planned, &gate, clock, packets, subsystem)?;
    reconcile::share_reserve(&data_plane, &site.nodes(), &site, &running);
    warn_about_cores(node, process.cores);
    let seen = cluster.control.state().highest_epoch();
    let peer = site.peer().map(|peer| peer.id);
    let heard = (peer, heartbeat_key);
    let planned = plan::redundancy::compile(bootstrap, router, node, seen, heard);
    let redundancy = start_redundancy(
        planned,
        (process.node, seen),
        &gate,
        clock,
        roles,
        subsystem,
    )?;
    let parts = Parts {
        process,
        site,
        clock,
        gate,
        cluster,
        data_plane,
        redundancy,
    };
    let (traces, followed) = mailbox(trace::BOUND);
    let (scenes, film) = mailbox(film::BOUND);
    let (films_sender, films) = watch::channel(Timeline::default());
    subsystem.spawn("film", film::run(film, films_sender));
    start_outward(
        &parts,
        (packet_events, traces),
        role_events,
        scenes,
        subsystem,
    );
    let without_quorum = survivor::policy(&bootstrap.without_quorum);
    Ok(start_inward(
        &parts,
        running,
        (films, followed),
        without_quorum,
        subsystem,
    ))
}

/// What this node did → film, control group, state group.
fn start_outward(
    parts: &Parts,
    (packets, traces): (Mailbox<forwarding::Event>, Outlet<Trace>),
    roles: Mailbox<vrrp::Event>,
    film: Outlet<Scene>,
    subsystem: &mut Subsystem,
) {
    let node = parts.process.node;
    let (claims, claimed) = mailbox(CLAIMS);
    let replicate = Replicate {
        events: packets,
        cluster: parts.cluster.clone(),
        clock: parts.clock,
        film: film.clone(),
        claims,
        traces,
        next_trace: Instant::START,
    };
    subsystem.spawn("replicate", replicate.run());
    let (cluster, data_plane) = (parts.cluster.clone(), parts.data_plane.clone());
    let claiming = replicate::claim_blocks(node, cluster, data_plane, claimed);
    subsystem.spawn("port blocks", claiming);
    if let Some((group, _)) = &parts.redundancy {
        let (role_sender, role) = watch::channel(None);
        let takeover = Takeover {
            events: roles,
            data_plane: parts.data_plane.clone(),
            film,
            role: role_sender,
        };
        subsystem.spawn("takeover", takeover.run());
        let control = parts.cluster.control.clone();
        let recording = takeover::record_roles(node, group.clone(), control, parts.clock, role);
        subsystem.spawn("roles", recording);
    }
}

/// What the cluster agreed on → this node; and what operators see of both.
fn start_inward(
    parts: &Parts,
    running: Running,
    (films, traces): (watch::Receiver<Timeline>, Mailbox<Trace>),
    without_quorum: (Policy, Vec<IpAddr>),
    subsystem: &mut Subsystem,
) -> Desk {
    let started_with = Arc::clone(&running.valid);
    let (running_sender, running) = watch::channel(running);
    let (verdict_sender, verdict) = watch::channel(Verdict::default());
    let (utilization_sender, utilization) = watch::channel(Utilization::default());
    let drift = start_programming(parts, traces, subsystem);
    let watchman = Watchman {
        site: parts.site.clone(),
        clock: parts.clock,
        gate: parts.gate.clone(),
        cluster: parts.cluster.clone(),
        data_plane: parts.data_plane.clone(),
        redundancy: parts.redundancy_handle(),
        running: running.clone(),
        drift: drift.clone(),
        verdict: verdict_sender,
        utilization: utilization_sender,
    };
    let shutdown = subsystem.shutdown();
    subsystem.spawn("health", watchman.run(shutdown.clone()));
    let survivor = start_judge(parts, running.clone(), without_quorum, subsystem);
    let surveyor = Surveyor {
        site: parts.site.clone(),
        clock: parts.clock,
        gate: parts.gate.clone(),
        state: parts.cluster.state.clone(),
        redundancy: parts.redundancy_handle(),
        data_plane: parts.data_plane.clone(),
    };
    subsystem.spawn("coverage", surveyor.run(shutdown.clone()));
    let follow = Follow {
        process: parts.process,
        site: parts.site.clone(),
        nodes: Vec::new(),
        clock: parts.clock,
        control: parts.cluster.control.clone(),
        data_plane: parts.data_plane.clone(),
        redundancy: parts.redundancy_handle(),
        running: running_sender,
        shutdown,
    };
    subsystem.spawn("reconcile", follow.run());
    Desk {
        site: parts.site.clone(),
        clock: parts.clock,
        cluster: parts.cluster.clone(),
        data_plane: parts.data_plane.clone(),
        redundancy: parts.redundancy_handle(),
        running,
        started_with,
        verdict,
        drift,
        films,
        utilization,
        survivor,
    }
}

/// Agreed sessions → processors, and whoever looks whether they arrive.
fn start_programming(
    parts: &Parts,
    traces: Mailbox<Trace>,
    subsystem: &mut Subsystem,
) -> watch::Receiver<DriftStatus> {
    let (audits, asked) = mailbox(programming::AUDITS);
    let (status, drift) = watch::channel(DriftStatus::default());
    let programming = Programming {
        changes: parts.cluster.state.changes(),
        data_plane: parts.data_plane.clone(),
        audits: asked,
        traces,
        clock: parts.clock,
    };
    subsystem.spawn("sessions", programming.run(subsystem.shutdown()));
    let auditor = Auditor {
        site: parts.site.clone(),
        clock: parts.clock,
        gate: parts.gate.clone(),
        cluster: parts.cluster.clone(),
        data_plane: parts.data_plane.clone(),
        audits,
        status,
    };
    subsystem.spawn("drift", auditor.run(subsystem.shutdown()));
    drift
}

/// Watches whether this node may go on without the other one, while there is one.
fn start_judge(
    parts: &Parts,
    running: watch::Receiver<Running>,
    (policy, anchors): (Policy, Vec<IpAddr>),
    subsystem: &mut Subsystem,
) -> watch::Receiver<Option<survivor::View>> {
    let (view, shown) = watch::channel(None);
    let judge = Judge {
        clock: parts.clock,
        control: parts.cluster.control.clone(),
        redundancy: parts.redundancy_handle(),
        running,
        site: parts.site.clone(),
        policy,
        anchors,
        view,
    };
    let judging = judge.run(subsystem.shutdown());
    subsystem.spawn("survivor", judging);
    shown
}

fn process(bootstrap: &Bootstrap, cluster: &Cluster) -> Process {
    Process {
        node: bootstrap.local,
        // Differs between nodes and between the lives of one node, which is all it is for; hash seeds
        // get the system's randomness in addition.
        seed: u64::from(bootstrap.local.0) << 32 | u64::from(cluster.state.incarnation().0),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        port: bootstrap.port,
    }
}

fn start_data_plane(
    (plan, unresolved): (forwarding::Plan, Vec<routing::Unresolved>),
    gate: &EpochGate,
    clock: Clock,
    events: Outlet<forwarding::Event>,
    subsystem: &mut Subsystem,
) -> anyhow::Result<forwarding::Handle> {
    for route in unresolved {
        tracing::warn!(reason = %route.reason, prefix = %route.route.prefix, "static route");
    }
    forwarding::start(plan, gate.clone(), clock, events, subsystem)
        .context("the data plane cannot be started")
}

fn warn_about_cores(node: &Node, cores: usize) {
    if let SessionProcessors::Manual(count) = node.session_processors
        && usize::from(count) >= cores
    {
        tracing::warn!(
            count,
            cores,
            "session-processor-count leaves no core for anything else"
        );
    }
}

fn start_redundancy(
    plan: Option<GroupPlan>,
    (node, seen): (NodeId, Epoch),
    gate: &EpochGate,
    clock: Clock,
    events: Outlet<vrrp::Event>,
    subsystem: &mut Subsystem,
) -> anyhow::Result<Option<(Name, vrrp::Handle)>> {
    let Some(plan) = plan else {
        // Nothing is shared, so nobody else can be active: this node forwards from the first packet.
        gate.open(seen.next_for(node));
        return Ok(None);
    };
    let group = plan.group.clone();
    let handle = vrrp::start(plan, gate.clone(), clock, events, subsystem)
        .context("the redundancy group cannot be started")?;
    Ok(Some((group, handle)))
}
