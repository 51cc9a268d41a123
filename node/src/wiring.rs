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
//!                                       └──install, learn── reconcile::sessions ◄──┘
//!  watchman: looks at all of them ten times a second ──► verdict ──► operators
//! ```

use std::sync::Arc;

use anyhow::{Context, bail};
use config::bootstrap::{Bootstrap, Security};
use config::valid::SessionProcessors;
use ha::Timeline;
use raft::Cluster;
use runtime::mailbox::mailbox;
use runtime::{Clock, Mailbox, Outlet, Subsystem};
use tokio::sync::watch;
use types::{Epoch, EpochGate, Name};

use crate::film::{self, Scene};
use crate::health::{Verdict, Watchman};
use crate::operator::Desk;
use crate::plan::forwarding::Process;
use crate::reconcile::{self, Follow};
use crate::replicate::{self, Replicate};
use crate::running::{self, Running};
use crate::site::Site;
use crate::takeover::{self, Takeover};
use crate::threads::Utilization;
use crate::{lifetime, plan};

/// Claims for port blocks that wait; more than one an address is never needed.
const CLAIMS: usize = 16;

/// Runs a node until it is told to stop or a part of it ends.
pub(crate) async fn run(bootstrap: &Bootstrap) -> anyhow::Result<()> {
    if bootstrap.is_witness() {
        bail!("this member is the witness, not a node: start it with 'tandem witness'");
    }
    let clock = Clock::start();
    let mut subsystem = Subsystem::default();
    let site = Site::of(bootstrap);
    let cluster = raft::start(plan::cluster::compile(bootstrap), clock, &mut subsystem)
        .await
        .context("the node cannot take part in agreement")?;
    tracing::info!(cluster = %bootstrap.cluster, node = site.node, "waiting for a configuration");
    let first = bootstrap.configuration.as_deref();
    let running = running::obtain(&cluster.control, first, clock).await?;
    for problem in bootstrap.check_against(&running.valid) {
        tracing::warn!(%problem, "node.toml and configuration");
    }
    tracing::info!(revision = %running.revision, "configuration");
    let parts = start(bootstrap, site, clock, cluster, running, &mut subsystem)?;
    ops::serve(&bootstrap.api_socket, Arc::new(parts), &mut subsystem)
        .await
        .context("operators cannot be served")?;
    tracing::info!(socket = %bootstrap.api_socket.display(), "node runs");
    lifetime::until_the_end(subsystem).await
}

/// Both ends of every queue between the actors.
struct Queues {
    packets: (Outlet<forwarding::Event>, Mailbox<forwarding::Event>),
    roles: (Outlet<vrrp::Event>, Mailbox<vrrp::Event>),
    scenes: (Outlet<Scene>, Mailbox<Scene>),
    claims: (Outlet<std::net::IpAddr>, Mailbox<std::net::IpAddr>),
}

fn start(
    bootstrap: &Bootstrap,
    site: Site,
    clock: Clock,
    cluster: Cluster,
    running: Running,
    subsystem: &mut Subsystem,
) -> anyhow::Result<Desk> {
    let queues = Queues {
        packets: mailbox(replicate::BOUND),
        roles: mailbox(takeover::BOUND),
        scenes: mailbox(film::BOUND),
        claims: mailbox(CLAIMS),
    };
    let gate = EpochGate::closed();
    let process = process(bootstrap, &cluster);
    let packets = queues.packets.0.clone();
    let data_plane = start_data_plane(process, &site, &running, &gate, clock, packets, subsystem)?;
    let redundancy = start_redundancy(
        bootstrap,
        &site,
        &running,
        &cluster,
        &gate,
        clock,
        queues.roles.0.clone(),
        subsystem,
    )?;
    let (running_sender, running) = watch::channel(running);
    let (verdict_sender, verdict) = watch::channel(Verdict::default());
    let (utilization_sender, utilization) = watch::channel(Utilization::default());
    let (films_sender, films) = watch::channel(Timeline::default());
    let watchman = Watchman {
        node: site.id,
        has_peer: site.peer.is_some(),
        clock,
        gate: gate.clone(),
        cluster: cluster.clone(),
        data_plane: data_plane.clone(),
        redundancy: redundancy.as_ref().map(|(_, handle)| handle.clone()),
        running: running.clone(),
        verdict: verdict_sender,
        utilization: utilization_sender,
    };
    let desk = Desk {
        site: site.clone(),
        clock,
        cluster: cluster.clone(),
        data_plane: data_plane.clone(),
        redundancy: redundancy.as_ref().map(|(_, handle)| handle.clone()),
        running: running.clone(),
        verdict,
        films,
        utilization,
    };
    let follow = Follow {
        process,
        site,
        control: cluster.control.clone(),
        data_plane: data_plane.clone(),
        redundancy: redundancy.as_ref().map(|(_, handle)| handle.clone()),
        running: running_sender,
    };
    let shutdown = subsystem.shutdown();
    subsystem.spawn("health", watchman.run(shutdown));
    subsystem.spawn("film", film::run(queues.scenes.1, films_sender));
    let changes = cluster.state.changes();
    subsystem.spawn("sessions", reconcile::sessions(changes, data_plane.clone()));
    subsystem.spawn("reconcile", follow.run());
    let bridges = Bridges {
        process,
        cluster,
        data_plane,
        clock,
    };
    let group = redundancy.map(|(group, _)| group);
    bridges.start(
        group,
        (queues.packets.1, queues.roles.1),
        queues.scenes.0,
        queues.claims,
        subsystem,
    );
    Ok(desk)
}

/// What the bridges out of this node have in common.
struct Bridges {
    process: Process,
    cluster: Cluster,
    data_plane: forwarding::Handle,
    clock: Clock,
}

impl Bridges {
    fn start(
        self,
        group: Option<Name>,
        (packets, roles): (Mailbox<forwarding::Event>, Mailbox<vrrp::Event>),
        film: Outlet<Scene>,
        claims: (Outlet<std::net::IpAddr>, Mailbox<std::net::IpAddr>),
        subsystem: &mut Subsystem,
    ) {
        let Self {
            process,
            cluster,
            data_plane,
            clock,
        } = self;
        let replicate = Replicate {
            events: packets,
            cluster: cluster.clone(),
            clock,
            film: film.clone(),
            claims: claims.0,
        };
        subsystem.spawn("replicate", replicate.run());
        let control = cluster.control.clone();
        let claiming = replicate::claim_blocks(process.node, cluster, data_plane.clone(), claims.1);
        subsystem.spawn("port blocks", claiming);
        if let Some(group) = group {
            let (role_sender, role) = watch::channel(None);
            let takeover = Takeover {
                events: roles,
                data_plane,
                film,
                role: role_sender,
            };
            subsystem.spawn("takeover", takeover.run());
            let recording = takeover::record_roles(process.node, group, control, clock, role);
            subsystem.spawn("roles", recording);
        }
    }
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
    process: Process,
    site: &Site,
    running: &Running,
    gate: &EpochGate,
    clock: Clock,
    events: Outlet<forwarding::Event>,
    subsystem: &mut Subsystem,
) -> anyhow::Result<forwarding::Handle> {
    let (router, node) = plan::locate(&running.valid, &site.router, &site.node)?;
    if let SessionProcessors::Manual(count) = node.session_processors
        && usize::from(count) >= process.cores
    {
        let cores = process.cores;
        tracing::warn!(
            count,
            cores,
            "session-processor-count leaves no core for anything else"
        );
    }
    let (plan, unresolved) =
        plan::forwarding::compile(process, running.valid.authority(), router, node);
    for route in unresolved {
        tracing::warn!(reason = %route.reason, prefix = %route.route.prefix, "static route");
    }
    let handle = forwarding::start(plan, gate.clone(), clock, events, subsystem)
        .context("the data plane cannot be started")?;
    reconcile::grant_reserve(&handle, process.node, site, running);
    Ok(handle)
}

#[expect(
    clippy::too_many_arguments,
    reason = "this is where everybody meets, once"
)]
fn start_redundancy(
    bootstrap: &Bootstrap,
    site: &Site,
    running: &Running,
    cluster: &Cluster,
    gate: &EpochGate,
    clock: Clock,
    events: Outlet<vrrp::Event>,
    subsystem: &mut Subsystem,
) -> anyhow::Result<Option<(Name, vrrp::Handle)>> {
    let (router, node) = plan::locate(&running.valid, &site.router, &site.node)?;
    let seen = cluster.control.state().highest_epoch();
    let key = heartbeat_key(bootstrap)?;
    let Some(plan) = plan::redundancy::compile(bootstrap, router, node, seen, key) else {
        // Nothing is shared, so nobody else can be active: this node forwards from the first packet.
        gate.open(Epoch::next_for(seen, site.id));
        return Ok(None);
    };
    let group = plan.group.clone();
    let handle = vrrp::start(plan, gate.clone(), clock, events, subsystem)
        .context("the redundancy group cannot be started")?;
    Ok(Some((group, handle)))
}

fn heartbeat_key(bootstrap: &Bootstrap) -> anyhow::Result<Option<[u8; 32]>> {
    let Security::Tls {
        heartbeat_key_file: Some(path),
        ..
    } = &bootstrap.security
    else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the heartbeat key {}", path.display()))?;
    let key = parse_key(text.trim()).with_context(|| {
        format!(
            "{} is not 64 hexadecimal digits; make one with 'openssl rand -hex 32' and copy it to \
             both nodes",
            path.display()
        )
    })?;
    Ok(Some(key))
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut key = [0; 32];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_key_is_exactly_64_hexadecimal_digits() {
        assert_eq!(parse_key(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(parse_key(&"0f".repeat(31)), None);
        assert_eq!(parse_key(&"zz".repeat(32)), None);
    }
}
