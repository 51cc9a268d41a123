//! What the failover benchmark asks of a contestant: to be ready, to fail, to come back.

use crate::cluster::Cluster;
use crate::demo::stage::Stage;
use crate::progress::Progress;
use crate::topology::{PairWitness, Side};

/// A pair of routers that can fail and come back.
pub(super) trait Pair {
    /// The network.
    fn network(&self) -> &PairWitness;
    /// Waits until one router is active and the other could take over, with at least `sessions`
    /// sessions copied; gives the active one.
    fn wait_until_ready(&mut self, sessions: u32, progress: &Progress) -> anyhow::Result<Side>;
    /// Takes a router away; gives the moment in nanoseconds of Unix time.
    fn fail(&mut self, side: Side) -> anyhow::Result<u64>;
    /// Brings it back.
    fn bring_back(&mut self, side: Side) -> anyhow::Result<()>;
    /// Fails when a process has ended that nobody killed.
    fn check_running(&mut self) -> anyhow::Result<()>;
}

/// Tandem as a contestant.
impl Pair for Stage {
    fn network(&self) -> &PairWitness {
        Cluster::network(&self.cluster)
    }

    fn wait_until_ready(&mut self, sessions: u32, progress: &Progress) -> anyhow::Result<Side> {
        let active = Stage::wait_until_ready(self, progress)?;
        if sessions > 0 {
            self.wait_for_copies(active, sessions.into(), progress)?;
        }
        Ok(active)
    }

    fn fail(&mut self, side: Side) -> anyhow::Result<u64> {
        Ok(self.cluster.fail(side)?)
    }

    fn bring_back(&mut self, side: Side) -> anyhow::Result<()> {
        Ok(self.cluster.revive(side)?)
    }

    fn check_running(&mut self) -> anyhow::Result<()> {
        Ok(self.cluster.check_running()?)
    }
}
