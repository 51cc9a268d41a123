//! The measured cluster: active node, standby, witness.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use runtime::Clock;

use super::network::Network;
use super::protocol::{Offer, Status};
use super::remote::Remote;
use crate::sandbox::Sandbox;

/// The active node's number.
pub(super) const ACTIVE: u8 = 1;
/// The standby's.
pub(super) const STANDBY: u8 = 2;
/// The witness's.
pub(super) const WITNESS: u8 = 3;
/// For a cluster to form.
const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Three running members.
pub(super) struct Trio<'a> {
    network: &'a Network,
    program: PathBuf,
    folder: PathBuf,
    clock: Clock,
    members: [Remote; 3],
}

impl<'a> Trio<'a> {
    /// Starts all three in a new folder and waits until they agree.
    pub(super) fn start(
        network: &'a Network,
        sandbox: &Sandbox,
        name: &str,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let program = sandbox.program().to_owned();
        let folder = sandbox.directory().join(name);
        let start = |number| {
            let host = network.host(number).context("a host for each member")?;
            Remote::start(number, host, &program, &folder)
        };
        let members = [start(ACTIVE)?, start(STANDBY)?, start(WITNESS)?];
        let mut trio = Self {
            network,
            program,
            folder,
            clock,
            members,
        };
        trio.wait("the members form a cluster", DEADLINE, |trio| {
            let active = trio.status(ACTIVE)?;
            let formed = active.healthy && active.voters == 3 && active.leader == Some(ACTIVE);
            Ok(formed && trio.status(STANDBY)?.healthy)
        })?;
        Ok(trio)
    }

    fn member(&mut self, number: u8) -> &mut Remote {
        let [active, standby, witness] = &mut self.members;
        match number {
            ACTIVE => active,
            STANDBY => standby,
            _ => witness,
        }
    }

    pub(super) fn status(&mut self, number: u8) -> anyhow::Result<Status> {
        self.member(number).status()
    }

    pub(super) fn load(&mut self, offer: Offer) -> anyhow::Result<()> {
        self.member(ACTIVE).load(offer)?;
        Ok(())
    }

    pub(super) fn memory(&mut self, number: u8) -> anyhow::Result<u64> {
        self.member(number).memory()
    }

    /// Processor time of each member so far, in seconds.
    pub(super) fn processor_times(&self) -> anyhow::Result<[f64; 3]> {
        let [active, standby, witness] = &self.members;
        Ok([
            active.processor_time()?,
            standby.processor_time()?,
            witness.processor_time()?,
        ])
    }

    /// Bytes on a member's wire so far.
    pub(super) fn bytes(&self, number: u8) -> anyhow::Result<u64> {
        self.network.bytes(number)
    }

    /// Kills the standby and starts it again with nothing in memory.
    pub(super) fn restart_standby(&mut self) -> anyhow::Result<()> {
        let host = self.network.host(STANDBY).context("the standby's host")?;
        let [_, standby, _] = &mut self.members;
        standby.kill()?;
        *standby = Remote::start(STANDBY, host, &self.program, &self.folder)?;
        Ok(())
    }

    /// Looks again and again until something holds.
    pub(super) fn wait(
        &mut self,
        what: &str,
        patience: Duration,
        mut holds: impl FnMut(&mut Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Duration> {
        let begun = self.clock.now();
        while !holds(self)? {
            ensure!(
                self.clock.now() - begun < patience,
                "waited {patience:?} in vain: {what}"
            );
            std::thread::sleep(LOOK);
        }
        Ok(self.clock.now() - begun)
    }
}
