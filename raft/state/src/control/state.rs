//! What the control group has agreed on so far.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{Epoch, Name, NodeId, Revision};

use super::candidate::Candidates;
use super::history::History;
use super::members::Members;
use super::survival::Survivals;
use super::{version1, version2};
use crate::checksum::Checksum;
use crate::cluster::Incarnation;
use crate::snapshot::{SnapshotError, Versioned};

/// A committed configuration.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ConfigRecord {
    /// Counts the commits.
    pub revision: Revision,
    /// The whole configuration in the operators' grammar.
    pub text: String,
    /// Who committed it.
    pub author: String,
    /// When, in milliseconds of Unix time.
    pub at_unix_ms: u64,
}

/// Who is active for a redundancy group.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// The active node.
    pub node: NodeId,
    /// Since this epoch.
    pub epoch: Epoch,
}

/// Which state group is the true one. It lives in memory: when no majority of its members is left, a
/// new one begins, and whoever still talks of an older generation is not heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// Counts the foundations; 1 is the first.
    pub generation: u64,
    /// The member that began it.
    pub founder: NodeId,
    /// Which life of the founder.
    pub incarnation: Incarnation,
    /// The control group's lineage that decided it, by its number; 0 in the first one. Lineages that went
    /// on apart count their generations apart, too.
    pub under: u64,
}

impl Lineage {
    /// The number that travels with every message: unequal for unequal generations, whichever life of a
    /// founder began the lineage of the control group that decided them. Where these lineages have unequal
    /// founders, two numbers are equal once in four billion times.
    pub const fn wire(self) -> u64 {
        // Odd: no two lives come to the same.
        const SPREAD: u64 = 0x9e37_79b9;
        let life = self.under >> u32::BITS;
        let under = self.under ^ life.wrapping_mul(SPREAD);
        (under << u32::BITS) | (self.generation << 8) & 0xffff_ff00 | self.founder.0 as u64
    }

    /// What counts the foundations in the number of [`Lineage::wire`].
    pub const fn generation_of(wire: u64) -> u64 {
        (wire >> 8) & 0x00ff_ffff
    }
}

/// State of the control group.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ControlState {
    pub(super) history: History,
    pub(super) roles: BTreeMap<Name, Role>,
    /// Granted blocks of each external address.
    pub(super) port_blocks: BTreeMap<IpAddr, BTreeMap<u16, NodeId>>,
    pub(super) lineage: Option<Lineage>,
    pub(super) candidates: Candidates,
    pub(super) survivals: Survivals,
    pub(super) members: Members,
}

impl ControlState {
    /// Longest configuration text: it must fit into one message between members.
    pub const MAX_CONFIG_BYTES: usize = types::MAX_CONFIGURATION_BYTES;

    /// The running configuration; `None` before the first commit.
    pub fn config(&self) -> Option<&ConfigRecord> {
        self.history.newest()
    }

    /// The running configuration and those before it.
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Configurations of lineages that lost, until an operator decides about them.
    pub const fn candidates(&self) -> &Candidates {
        &self.candidates
    }

    /// When a node went on without the other one.
    pub const fn survivals(&self) -> &Survivals {
        &self.survivals
    }

    /// Who is a member, and who may become one.
    pub const fn members(&self) -> &Members {
        &self.members
    }

    /// Revision of the running configuration; 0 before the first commit.
    pub fn revision(&self) -> Revision {
        self.config()
            .map_or_else(Revision::default, |config| config.revision)
    }

    /// Who is recorded as active for `group`.
    pub fn role(&self, group: &Name) -> Option<Role> {
        self.roles.get(group).copied()
    }

    /// Every redundancy group that somebody was ever active for.
    pub const fn roles(&self) -> &BTreeMap<Name, Role> {
        &self.roles
    }

    /// The highest epoch that any group has seen.
    pub fn highest_epoch(&self) -> Epoch {
        self.roles
            .values()
            .map(|role| role.epoch)
            .max()
            .unwrap_or_default()
    }

    /// Blocks of `address` that are granted to `node`, ascending; preassigned ones are not among them.
    pub fn granted(&self, node: NodeId, address: IpAddr) -> Vec<u16> {
        self.port_blocks
            .get(&address)
            .into_iter()
            .flatten()
            .filter(|(_, owner)| **owner == node)
            .map(|(block, _)| *block)
            .collect()
    }

    /// Every granted block with its owner, by external address.
    pub const fn port_blocks(&self) -> &BTreeMap<IpAddr, BTreeMap<u16, NodeId>> {
        &self.port_blocks
    }

    /// Nodes that were removed and still have granted blocks, ascending.
    pub fn removed_with_port_blocks(&self) -> Vec<NodeId> {
        let owners = self
            .port_blocks
            .values()
            .flat_map(BTreeMap::values)
            .copied();
        let owners: std::collections::BTreeSet<NodeId> = owners.collect();
        let removed = |node: &NodeId| self.members.removal(*node).is_some();
        owners.into_iter().filter(removed).collect()
    }

    /// The state group's running generation; `None` before the first one.
    pub const fn lineage(&self) -> Option<Lineage> {
        self.lineage
    }

    /// What a witness may hold of this state: which state group to vote in, and whom to hear.
    #[must_use]
    pub fn stripped(&self) -> Self {
        Self {
            lineage: self.lineage,
            members: self.members.stripped(),
            ..Self::default()
        }
    }

    /// Equal on nodes that hold the same state. It is asked for often, so the texts go in by the hash
    /// that was made when they came.
    pub fn checksum(&self) -> Checksum {
        let Self {
            history,
            roles,
            port_blocks,
            lineage,
            candidates,
            survivals,
            members,
        } = self;
        Checksum::of(&(
            history.digest(),
            roles,
            port_blocks,
            lineage,
            candidates.digest(),
            survivals,
            members,
        ))
    }
}

impl Versioned for ControlState {
    const VERSION: u8 = 3;

    fn convert(version: u8, content: &[u8]) -> Option<Result<Self, SnapshotError>> {
        match version {
            version1::VERSION => Some(version1::decode(content)),
            version2::VERSION => Some(version2::decode(content)),
            _ => None,
        }
    }
}
