//! Nodes that lose sight of each other while all carriers stay up.

use anyhow::Result;
use lab::link::{Cut, Port};
use lab::topology::Side;

use crate::Pair;

/// A network that both nodes are on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shared {
    /// Where the client is.
    Lan,
    /// Where the server is.
    Wan,
}

impl Pair {
    /// Frames of these networks, and of the HA links, end at a node's door.
    pub fn separate(&self, side: Side, from: &[Shared]) -> Result<()> {
        for network in from {
            let port = self.port(side, *network);
            self.network.cut(side, port, Cut::Silent)?;
        }
        Ok(self.network.cut_ha(side)?)
    }

    /// Undoes [`Pair::separate`].
    pub fn reunite(&self, side: Side, with: &[Shared]) -> Result<()> {
        for network in with {
            self.network.restore(side, self.port(side, *network))?;
        }
        Ok(self.network.restore_ha(side)?)
    }

    fn port(&self, side: Side, network: Shared) -> &Port {
        let node = self.network.node(side);
        match network {
            Shared::Lan => &node.lan,
            Shared::Wan => &node.wan,
        }
    }
}
