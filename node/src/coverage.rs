//! Tells the data plane whether its tables hold all that the cluster knows.

use std::time::Duration;

use ha::coverage::{Facts, Judge, Peer};
use raft::{Health, StateGroup};
use runtime::{Clock, Shutdown};
use types::{Coverage, EpochGate};

use crate::site::Site;

/// How often the facts are looked at; well below the time that a judgement takes.
const INTERVAL: Duration = Duration::from_millis(100);

/// Looks at the state group on behalf of the data plane.
pub(crate) struct Surveyor {
    pub(crate) site: Site,
    pub(crate) clock: Clock,
    pub(crate) gate: EpochGate,
    pub(crate) state: StateGroup,
    pub(crate) redundancy: Option<vrrp::Handle>,
    pub(crate) data_plane: forwarding::Handle,
}

impl Surveyor {
    /// Judges until the subsystem stops.
    pub(crate) async fn run(self, mut shutdown: Shutdown) {
        let mut judge = Judge::default();
        let mut told = None;
        loop {
            let coverage = judge.judge(self.facts(), self.clock.now());
            if told != Some(coverage) {
                self.report(coverage);
                self.data_plane.cover(coverage);
                told = Some(coverage);
            }
            let next = Some(self.clock.now() + INTERVAL);
            // Cancel safe: both only wait.
            tokio::select! {
                () = self.clock.wait_until(next) => {}
                () = shutdown.requested() => return,
            }
        }
    }

    fn facts(&self) -> Facts {
        let status = self.state.status();
        let heard =
            |redundancy: &vrrp::Handle| redundancy.status().links.iter().any(|link| link.up);
        Facts {
            peer: match self.site.peer() {
                None => Peer::None,
                Some(_) if self.redundancy.as_ref().is_some_and(heard) => Peer::Heard,
                Some(_) => Peer::Silent,
            },
            active: self.gate.epoch().is_some(),
            state_current: status.health == Health::Ok && status.applied >= status.last_log,
        }
    }

    fn report(&self, coverage: Coverage) {
        if self.gate.epoch().is_some() {
            tracing::info!(%coverage, "what this node knows of the cluster's sessions");
        }
    }
}
