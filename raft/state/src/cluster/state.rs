//! What the state group has agreed on so far.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{
    Digest, Epoch, Giid, MacAddr, NeighborRecord, NodeId, SessionChange, SessionId, SessionRecord,
    ShardDigest,
};

use super::command::{Batch, Incarnation, StateCommand, StateOutcome};
use super::names::Names;
use super::table::Table;
use crate::checksum::Checksum;
use crate::snapshot::{SnapshotError, Versioned};

/// State of the state group. A clone is cheap and stays as it is: see `table`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ClusterState {
    sessions: Table,
    neighbors: BTreeMap<(Giid, IpAddr), MacAddr>,
    /// Derived from the neighbours.
    #[serde(skip)]
    neighbor_sum: Checksum,
    /// The last batch of each node.
    proposers: BTreeMap<NodeId, (Incarnation, u64)>,
}

impl ClusterState {
    /// Neighbours beyond this number are not taken: no network that a pair serves has more.
    pub const MAX_NEIGHBORS: usize = 65_536;

    /// Applies `command`; every command has an outcome, whatever the state.
    pub fn apply(&mut self, command: &StateCommand) -> StateOutcome {
        match command {
            StateCommand::Batch(batch) => self.apply_batch(batch),
            StateCommand::Stripped => StateOutcome::Nothing,
        }
    }

    fn apply_batch(&mut self, batch: &Batch) -> StateOutcome {
        let place = (batch.incarnation, batch.sequence);
        if self
            .proposers
            .get(&batch.proposer)
            .is_some_and(|last| *last >= place)
        {
            return StateOutcome::Duplicate;
        }
        self.proposers.insert(batch.proposer, place);
        let mut stale = Vec::new();
        for (index, change) in batch.sessions.iter().enumerate() {
            if !self.sessions.merge(change) {
                stale.extend(u32::try_from(index));
            }
        }
        for neighbor in &batch.neighbors {
            self.learn(neighbor);
        }
        StateOutcome::Applied { stale }
    }

    fn learn(&mut self, neighbor: &NeighborRecord) {
        let key = (neighbor.interface, neighbor.ip);
        if self.neighbors.len() >= Self::MAX_NEIGHBORS && !self.neighbors.contains_key(&key) {
            return;
        }
        if let Some(old) = self.neighbors.insert(key, neighbor.mac) {
            self.neighbor_sum -= Checksum::of(&(key, old));
        }
        self.neighbor_sum += Checksum::of(&(key, neighbor.mac));
    }

    /// The last batch of `proposer` that is part of this state: its life and its number.
    pub fn last_batch(&self, proposer: NodeId) -> Option<(Incarnation, u64)> {
        self.proposers.get(&proposer).copied()
    }

    /// One session.
    pub fn session(&self, id: SessionId) -> Option<SessionRecord> {
        self.sessions.get(id)
    }

    /// Every session, in an order that is the same on all nodes; unpacked one by one.
    pub fn sessions(&self) -> impl Iterator<Item = SessionRecord> {
        self.sessions.iter()
    }

    /// How many sessions there are.
    pub const fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// What the sessions sum up to, shard by shard; kept up to date with every change.
    pub fn digest(&self) -> Digest {
        self.sessions.digest()
    }

    /// [`ClusterState::digest`] in one figure.
    pub const fn total(&self) -> ShardDigest {
        self.sessions.total()
    }

    /// The living sessions of some shards ([`SessionId::shard`]) with their ranks.
    pub fn ranks_in(
        &self,
        shards: impl IntoIterator<Item = usize>,
    ) -> impl Iterator<Item = (SessionId, (Epoch, u32))> {
        self.sessions.ranks_in(shards)
    }

    /// Rank of a session that lives.
    pub fn living_rank(&self, id: SessionId) -> Option<(Epoch, u32)> {
        self.sessions.living_rank(id)
    }

    /// Every neighbour, in an order that is the same on all nodes.
    pub fn neighbors(&self) -> impl Iterator<Item = NeighborRecord> + '_ {
        self.neighbors
            .iter()
            .map(|((interface, ip), mac)| NeighborRecord {
                interface: *interface,
                ip: *ip,
                mac: *mac,
            })
    }

    /// Rank of what is known of a session, living or recently ended.
    pub fn rank(&self, id: SessionId) -> Option<(Epoch, u32)> {
        self.sessions.rank(id)
    }

    /// What this state knows and `other` does not, or knows only in an older form: what is left to
    /// tell when a new generation was founded by somebody who had not heard everything.
    pub fn missing_in<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = SessionChange> + use<'a> {
        let mut names = Names::default();
        self.sessions
            .changes()
            .filter(|change| match other.rank(change.id()) {
                Some(known) => known < change.rank(),
                // Ending what nobody knows is no news.
                None => change.is_live(),
            })
            .filter_map(move |change| change.unpack(&mut names))
    }

    /// Takes over everything that `other` knows better.
    pub fn absorb(&mut self, other: &Self) {
        for change in other.sessions.changes() {
            self.sessions.merge(change);
        }
        for neighbor in other.neighbors() {
            self.learn(&neighbor);
        }
    }

    /// Equal on nodes that hold the same sessions and neighbours; kept up to date with every change.
    pub fn checksum(&self) -> Checksum {
        let mut sum = self.sessions.checksum();
        sum += self.neighbor_sum;
        sum
    }
}

impl Versioned for ClusterState {
    /// 2: sessions are packed.
    const VERSION: u8 = 2;

    fn completed(mut self) -> Result<Self, SnapshotError> {
        for (key, mac) in &self.neighbors {
            self.neighbor_sum += Checksum::of(&(key, mac));
        }
        Ok(self)
    }
}
