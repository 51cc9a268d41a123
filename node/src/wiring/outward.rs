//! What this node did → film, control group, state group.

use runtime::mailbox::mailbox;
use runtime::{Mailbox, Outlet, Subsystem};
use tokio::sync::watch;
use types::Instant;

use super::Parts;
use crate::film::Scene;
use crate::replicate::{self, Replicate};
use crate::takeover::{self, Takeover};
use crate::trace::Trace;

/// Claims for port blocks that wait; more than one an address is never needed.
const CLAIMS: usize = 16;

/// Starts what listens to the data plane and to the heartbeat thread.
pub(super) fn start(
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
