//! Looking on while a group applies its log: what a simulation checks its invariants with.

use std::fmt;
use std::sync::Arc;

use openraft::EntryPayload;
use raft_state::{ClusterState, ControlState, Versioned};

use crate::group::{Group, GroupName, LogId};

/// A place in the log of one group.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// Which group.
    pub group: GroupName,
    /// Which foundation of it.
    pub generation: u64,
    /// Counts the entries.
    pub index: u64,
    /// The term in which it was proposed.
    pub term: u64,
}

/// What was at a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// An entry of the consensus itself.
    Consensus,
    /// A command, encoded.
    Command(Vec<u8>),
    /// Everything up to that place, as a snapshot.
    Snapshot,
}

/// What a group's state is after something was applied.
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    /// Of the durable group.
    Control(&'a ControlState),
    /// Of the group in memory.
    State(&'a ClusterState),
}

/// Sees everything that one member applies, in order, on the consensus's own thread.
pub trait Probe: fmt::Debug + Send + Sync + 'static {
    /// `content` was applied and made that state.
    fn applied(&self, place: Place, content: Content, state: View<'_>);
}

type Payload<G> = EntryPayload<<G as Group>::Command, u64, ()>;

/// A probe at one instance of a group.
#[derive(Clone, Debug)]
pub(crate) struct GroupProbe {
    pub(crate) probe: Arc<dyn Probe>,
    pub(crate) group: GroupName,
    pub(crate) generation: u64,
}

impl GroupProbe {
    /// What an entry will be shown as; taken before it is applied.
    #[expect(
        clippy::unused_self,
        reason = "without a probe nobody has a reason to encode anything"
    )]
    pub(crate) fn show<G: Group>(&self, payload: &Payload<G>) -> Content {
        match payload {
            EntryPayload::Blank | EntryPayload::Membership(_) => Content::Consensus,
            // What could be appended can be encoded.
            EntryPayload::Normal(command) => Content::Command(command.encode().unwrap_or_default()),
        }
    }

    pub(crate) fn applied<G: Group>(&self, at: &LogId<G>, content: Content, state: &G::State) {
        let place = self.place::<G>(at);
        self.probe.applied(place, content, G::view(state));
    }

    pub(crate) fn replaced<G: Group>(&self, at: &LogId<G>, state: &G::State) {
        self.applied::<G>(at, Content::Snapshot, state);
    }

    fn place<G: Group>(&self, at: &LogId<G>) -> Place {
        Place {
            group: self.group,
            generation: self.generation,
            index: at.index(),
            term: at.committed_leader_id().term,
        }
    }
}
