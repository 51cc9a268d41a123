//! The second bridge: what the cluster agreed on → what this node does.
//!
//! Two tasks. [`crate::programming`] programs the session processors from the state group, so that the
//! standby is hot. [`Follow`] follows the control group: configurations, epochs, port blocks.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use raft::Control;
use raft_state::ControlState;
use raft_state::port_block::{PREASSIGNED, preassigned};
use runtime::{Clock, Shutdown};
use tokio::sync::watch;
use types::NodeId;

use crate::plan::forwarding::Process;
use crate::running::{self, Running};
use crate::{plan, site::Site};

/// Between two looks whether this node has become a member of what it is joining: that may come without a change
/// of what is agreed on, which is all that can be waited for.
const JOINING: Duration = Duration::from_millis(100);

/// Packets never wait for a quorum, so a node outlives its Raft groups: it goes on with what it has,
/// and readiness says why it is not ready.
pub(crate) async fn outlive(group: &str, shutdown: &mut Shutdown) {
    if !shutdown.is_requested() {
        tracing::error!(
            group,
            "the group has ended here; forwarding goes on without it"
        );
    }
    shutdown.requested().await;
}

/// Follows the control group.
pub(crate) struct Follow {
    pub(crate) process: Process,
    pub(crate) site: Site,
    /// Among whom the blocks of ports that need no grant are shared; none before the first look.
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) clock: Clock,
    pub(crate) control: Control,
    pub(crate) data_plane: forwarding::Handle,
    pub(crate) redundancy: Option<vrrp::Handle>,
    pub(crate) running: watch::Sender<Running>,
    pub(crate) shutdown: Shutdown,
}

impl Follow {
    /// Applies every agreed change until the node stops.
    pub(crate) async fn run(mut self) {
        let mut agreed = self.control.watch();
        loop {
            let has_caught_up = self.control.has_caught_up();
            let state = Arc::clone(&agreed.borrow_and_update());
            let again = (!has_caught_up).then(|| self.clock.now() + JOINING);
            self.follow(&state, has_caught_up).await;
            // Cancel safe: both only wait.
            let changed = tokio::select! {
                changed = agreed.changed() => changed,
                () = self.clock.wait_until(again) => Ok(()),
            };
            if changed.is_err() {
                return outlive("control", &mut self.shutdown).await;
            }
        }
    }

    async fn follow(&mut self, state: &ControlState, has_caught_up: bool) {
        if let Some(redundancy) = &self.redundancy {
            redundancy.expect_peer(self.site.peer().map(|peer| peer.id));
            redundancy.seen_epoch(state.highest_epoch());
        }
        let replaced = self.running.borrow().is_replaced_by(state, has_caught_up);
        if replaced && let Some(next) = running::check(state) {
            match next {
                Ok(next) => self.apply(next).await,
                Err(error) => tracing::error!(%error, "the committed configuration is not applied"),
            }
        }
        let running = self.running.borrow().clone();
        let nodes = self.site.nodes();
        if nodes != self.nodes {
            share_reserve(&self.data_plane, &nodes, &self.site, &running);
            self.nodes = nodes;
        }
        for address in translated_addresses(&running, &self.site) {
            self.data_plane
                .grant(address, &state.granted(self.process.node, address));
        }
    }

    async fn apply(&self, next: Running) {
        let revision = next.revision;
        let located = plan::locate(&next.valid, &self.site.router, &self.site.node);
        let (router, node) = match located {
            Ok(located) => located,
            Err(error) => {
                tracing::error!(%error, %revision, "the committed configuration is not applied");
                return;
            }
        };
        let (plan, unresolved) =
            plan::forwarding::compile(self.process, next.valid.authority(), router, node);
        for route in unresolved {
            tracing::warn!(reason = %route.reason, prefix = %route.route.prefix, "static route");
        }
        match self.data_plane.reconfigure(plan).await {
            Ok(()) => {
                share_reserve(&self.data_plane, &self.nodes, &self.site, &next);
                tracing::info!(%revision, "configuration in force");
                self.running.send_replace(next);
            }
            Err(error) => tracing::error!(%error, %revision, "the data plane keeps the old one"),
        }
    }
}

/// Every address that this node translates sessions to.
pub(crate) fn translated_addresses(running: &Running, site: &Site) -> BTreeSet<IpAddr> {
    let Ok((_, node)) = plan::locate(&running.valid, &site.router, &site.node) else {
        return BTreeSet::new();
    };
    let interfaces = node
        .device_interfaces
        .iter()
        .flat_map(|device| &device.network_interfaces);
    interfaces
        .filter(|interface| interface.source_nat)
        .flat_map(|interface| &interface.addresses)
        .map(|address| address.interface.ip)
        .collect()
}

/// Gives the data plane the blocks that need no grant, as `nodes` share them, and takes those from it that
/// are the other node's: a node has all of them only while it is alone. Sessions that use them go on.
pub(crate) fn share_reserve(
    data_plane: &forwarding::Handle,
    nodes: &[NodeId],
    site: &Site,
    running: &Running,
) {
    let ours = preassigned(site.id, nodes);
    let theirs: Vec<u16> = (0..PREASSIGNED)
        .filter(|block| !ours.contains(block))
        .collect();
    for address in translated_addresses(running, site) {
        // In this order: an address without any would ask the cluster for more.
        data_plane.grant(address, &ours);
        data_plane.revoke(address, &theirs);
    }
}
