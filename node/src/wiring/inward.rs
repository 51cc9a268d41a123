//! What the cluster agreed on → this node; and what operators see of both.

use std::net::IpAddr;
use std::sync::Arc;

use ha::Timeline;
use ha::survivor::Policy;
use runtime::mailbox::mailbox;
use runtime::{Mailbox, Subsystem};
use tokio::sync::watch;

use super::Parts;
use crate::coverage::Surveyor;
use crate::drift::{Auditor, DriftStatus};
use crate::health::{Verdict, Watchman};
use crate::operator::Desk;
use crate::programming::{self, Programming};
use crate::reconcile::Follow;
use crate::running::Running;
use crate::survivor::{self, Judge};
use crate::threads::Utilization;
use crate::trace::Trace;

/// Starts what listens to both groups, and gives what operators ask.
pub(super) fn start(
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
