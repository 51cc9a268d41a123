//! The other node's figures, as it tells them once a second.

use std::sync::Arc;

use ha::drift::{Monitor, Precision};
use types::Digest;

use super::memory::Memory;
use super::{Auditor, DriftStatus, PeerStatus};
use crate::notice;

impl Auditor {
    /// Takes in what has come; `agreed` is the agreed table of this node.
    pub(super) fn hear_peer(&self, status: &mut DriftStatus, memory: &mut Memory, agreed: &Digest) {
        let peer = self.site.peer();
        if status.of(peer.as_ref()).is_none() {
            // There is none, or it is a newcomer: what another one said is nothing to go by.
            status.peer = None;
            memory.peers = Monitor::default();
        }
        let Some(peer) = peer else {
            return;
        };
        let known = status.peer.as_ref().map(|peer| peer.at);
        let Some((report, at)) = notice::news(&self.cluster.state, peer.id, known) else {
            return;
        };
        let equality = memory
            .peers
            .look(agreed, &report.programmed, Precision::InMotion, at);
        let (here, there) = (status.agreed, report.agreed);
        let same_place = (here.generation, here.applied) == (there.generation, there.applied);
        let before = status.peer.as_ref().and_then(|peer| peer.agrees);
        let same_table = if same_place && here.applied > 0 {
            Some(here.total == there.total)
        } else {
            before
        };
        if same_table == Some(false) && before != same_table {
            tracing::error!(
                applied = here.applied,
                "the agreed tables of both nodes differ at one place of the log; restart the standby"
            );
        }
        status.peer = Some(PeerStatus {
            peer,
            report: Arc::new(report),
            at,
            equality,
            agrees: same_table,
        });
    }
}
