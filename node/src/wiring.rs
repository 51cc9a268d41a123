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

mod inward;
mod local;
mod outward;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use config::bootstrap::Bootstrap;
use ha::Timeline;
use raft::Cluster;
use runtime::mailbox::mailbox;
use runtime::{Clock, Subsystem};
use tokio::sync::watch;
use types::{EpochGate, Name};

use crate::film;
use crate::machine::keep_members;
use crate::operator::Desk;
use crate::plan::forwarding::Process;
use crate::reconcile;
use crate::removed::Farewell;
use crate::replicate;
use crate::running::{self, Running};
use crate::site::Site;
use crate::{heartbeat_key, lifetime, plan, survivor, takeover, trace};

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
    let data_plane = local::start_data_plane(planned, &gate, clock, packets, subsystem)?;
    reconcile::share_reserve(&data_plane, &site.nodes(), &site, &running);
    local::warn_about_cores(node, process.cores);
    let seen = cluster.control.state().highest_epoch();
    let peer = site.peer().map(|peer| peer.id);
    let heard = (peer, heartbeat_key);
    let planned = plan::redundancy::compile(bootstrap, router, node, seen, heard);
    let redundancy = local::start_redundancy(
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
    outward::start(
        &parts,
        (packet_events, traces),
        role_events,
        scenes,
        subsystem,
    );
    let without_quorum = survivor::policy(&bootstrap.without_quorum);
    Ok(inward::start(
        &parts,
        running,
        (films, followed),
        without_quorum,
        subsystem,
    ))
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
