//! The two parts that touch the network: the data plane, and who owns its addresses.

use anyhow::Context;
use config::valid::{Node, SessionProcessors};
use runtime::{Clock, Outlet, Subsystem};
use types::{Epoch, EpochGate, Name, NodeId};
use vrrp::GroupPlan;

pub(super) fn start_data_plane(
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

pub(super) fn warn_about_cores(node: &Node, cores: usize) {
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

pub(super) fn start_redundancy(
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
