//! The two groups as the consensus library sees them.
//!
//! Everything below is written once, for any [`Group`]; what differs between the groups is here.

use core::fmt;
use core::marker::PhantomData;

use openraft::alias::{LogIdOf, SnapshotMetaOf, StoredMembershipOf, VoteOf};
use openraft::{AppData, AppDataResponse, RaftTypeConfig};
use raft_state::{
    Checksum, ClusterState, ControlCommand, ControlOutcome, ControlState, Incarnation,
    MembersOutcome, StateCommand, StateOutcome, Versioned,
};
use types::NodeId;

use crate::probe::View;
use crate::store::Machine;

/// Which of the two groups.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum GroupName {
    /// Durable: configuration, roles, port blocks.
    Control,
    /// In memory: sessions, neighbours.
    State,
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Control => "control",
            Self::State => "state",
        })
    }
}

impl GroupName {
    /// The number in the transport's header.
    pub(crate) const fn wire(self) -> u32 {
        match self {
            Self::Control => 1,
            Self::State => 2,
        }
    }

    /// The group of a number in the transport's header.
    pub(crate) const fn from_wire(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Control),
            2 => Some(Self::State),
            _ => None,
        }
    }
}

/// A life of a member: what the consensus knows it by. A member that lost its log is another one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct MemberId {
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
}

impl MemberId {
    pub(crate) fn to_u64(self) -> u64 {
        (u64::from(self.node.0) << 32) | u64::from(self.incarnation.0)
    }

    /// `None` for a number that no node can have made.
    pub(crate) fn from_u64(id: u64) -> Option<Self> {
        let node = u8::try_from(id >> 32).ok()?;
        let incarnation = u32::try_from(id & u64::from(u32::MAX)).ok()?;
        Some(Self {
            node: NodeId(node),
            incarnation: Incarnation(incarnation),
        })
    }
}

/// What makes a group: its commands, its state, and how the one changes the other.
pub(crate) trait Group:
    Copy + fmt::Debug + Default + Eq + Ord + Send + Sync + 'static
{
    const NAME: GroupName;
    type Command: AppData + Clone + Versioned;
    type Outcome: AppDataResponse + Clone + fmt::Debug;
    type State: Clone + std::fmt::Debug + Default + Versioned + Send + Sync + 'static;

    fn apply(state: &mut Self::State, command: &Self::Command) -> Self::Outcome;
    fn checksum(state: &Self::State) -> Checksum;
    /// The state for whoever looks on.
    fn view(state: &Self::State) -> View<'_>;
    /// Leaves of a command what a witness may have: nothing of the operators' or their clients'.
    fn strip(command: &mut Self::Command);
    /// A command of which nothing is left.
    fn stripped() -> Self::Command;
    /// Whether a command is what [`Group::strip`] leaves.
    fn is_stripped(command: &Self::Command) -> bool;
    /// The life of a member that alone may propose `command`, if it says so.
    fn speaker(command: &Self::Command) -> Option<MemberId>;
    /// Leaves of a state what a witness may have.
    fn strip_state(state: &mut Self::State);
    /// The outcome of an entry that carries no command.
    fn nothing() -> Self::Outcome;
    /// Whether `outcome` tells what became of a command that may have been applied once before.
    fn is_conclusive(outcome: &Self::Outcome) -> bool;
}

/// The durable group.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ControlGroup;

impl Group for ControlGroup {
    const NAME: GroupName = GroupName::Control;
    type Command = ControlCommand;
    type Outcome = ControlOutcome;
    type State = ControlState;

    fn apply(state: &mut ControlState, command: &ControlCommand) -> ControlOutcome {
        #[cfg(feature = "mutants")]
        let command = &mutated(state, command);
        state.apply(command)
    }

    fn checksum(state: &ControlState) -> Checksum {
        state.checksum()
    }

    fn view(state: &ControlState) -> View<'_> {
        View::Control(state)
    }

    fn strip(command: &mut ControlCommand) {
        command.strip();
    }

    fn stripped() -> ControlCommand {
        ControlCommand::Stripped
    }

    fn is_stripped(command: &ControlCommand) -> bool {
        matches!(command, ControlCommand::Stripped)
    }

    /// Any member may pass on what an operator wants.
    fn speaker(_: &ControlCommand) -> Option<MemberId> {
        None
    }

    fn strip_state(state: &mut ControlState) {
        *state = state.stripped();
    }

    fn nothing() -> ControlOutcome {
        ControlOutcome::Nothing
    }

    fn is_conclusive(outcome: &ControlOutcome) -> bool {
        match outcome {
            // Perhaps it was the first time that made the base old, forgot the candidate, used the token
            // or removed the member.
            ControlOutcome::ConfigStale { .. }
            | ControlOutcome::CandidateUnknown { .. }
            | ControlOutcome::Members(
                MembersOutcome::TokenRefused(_) | MembersOutcome::NotAMember,
            ) => false,
            ControlOutcome::ConfigSet { .. }
            | ControlOutcome::ConfigTooLarge { .. }
            | ControlOutcome::RoleTaken
            | ControlOutcome::RoleRefused { .. }
            | ControlOutcome::PortBlocks { .. }
            | ControlOutcome::PortBlocksReleased
            | ControlOutcome::StateFormed
            | ControlOutcome::StateFormRefused { .. }
            | ControlOutcome::CandidateKept { .. }
            | ControlOutcome::CandidateKnown { .. }
            | ControlOutcome::CandidatesFull { .. }
            | ControlOutcome::CandidateDropped
            | ControlOutcome::SurvivalRecorded
            | ControlOutcome::Members(
                MembersOutcome::TokenAdded
                | MembersOutcome::Redeemed { .. }
                | MembersOutcome::MemberSet
                | MembersOutcome::NameTaken { .. }
                | MembersOutcome::Retiring
                | MembersOutcome::Removed,
            )
            | ControlOutcome::Nothing => true,
        }
    }
}

/// The command as a mistaken state would read it.
#[cfg(feature = "mutants")]
fn mutated(state: &ControlState, command: &ControlCommand) -> ControlCommand {
    use crate::mutants::{Mutant, is};
    let mut command = command.clone();
    if let ControlCommand::SetConfig { base, .. } = &mut command
        && is(Mutant::BaseUnchecked)
    {
        *base = state.revision();
    }
    if let ControlCommand::ClaimPortBlocks {
        node,
        address,
        held,
        ..
    } = &mut command
        && is(Mutant::ClaimIgnoresHeld)
    {
        *held = u16::try_from(state.granted(*node, *address).len()).unwrap_or(u16::MAX);
    }
    if let ControlCommand::TakeRole { group, node, epoch } = &mut command
        && let Some(current) = state.role(group)
        && current.epoch > *epoch
        && is(Mutant::EpochUnchecked)
    {
        *epoch = current.epoch.next_for(*node);
    }
    command
}

/// The group in memory.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct MemoryGroup;

impl Group for MemoryGroup {
    const NAME: GroupName = GroupName::State;
    type Command = StateCommand;
    type Outcome = StateOutcome;
    type State = ClusterState;

    fn apply(state: &mut ClusterState, command: &StateCommand) -> StateOutcome {
        state.apply(command)
    }

    fn checksum(state: &ClusterState) -> Checksum {
        state.checksum()
    }

    fn view(state: &ClusterState) -> View<'_> {
        View::State(state)
    }

    fn strip(command: &mut StateCommand) {
        *command = StateCommand::Stripped;
    }

    fn stripped() -> StateCommand {
        StateCommand::Stripped
    }

    fn is_stripped(command: &StateCommand) -> bool {
        matches!(command, StateCommand::Stripped)
    }

    /// In another's name, a batch with a high number would silence that one for good.
    fn speaker(command: &StateCommand) -> Option<MemberId> {
        match command {
            StateCommand::Batch(batch) => Some(MemberId {
                node: batch.proposer,
                incarnation: batch.incarnation,
            }),
            StateCommand::Stripped => None,
        }
    }

    fn strip_state(state: &mut ClusterState) {
        *state = ClusterState::default();
    }

    fn nothing() -> StateOutcome {
        StateOutcome::Nothing
    }

    fn is_conclusive(_: &StateOutcome) -> bool {
        true
    }
}

/// The consensus library's view of `G`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Types<G>(PhantomData<G>);

impl<G: Group> RaftTypeConfig for Types<G> {
    type D = G::Command;
    type R = G::Outcome;
    type NodeId = u64;
    // Addresses are the plan's business: they must not need a quorum to change.
    type Node = ();
    type Term = u64;
    type LeaderId = openraft::impls::leader_id_adv::LeaderId<u64, u64>;
    type Vote = openraft::impls::Vote<Self::LeaderId>;
    type Payload = openraft::EntryPayload<G::Command, u64, ()>;
    type Entry =
        openraft::Entry<<Self::LeaderId as openraft::vote::RaftLeaderId>::Committed, Self::Payload>;
    type AsyncRuntime = crate::engine::Engine;
    type Responder<T>
        = openraft::impls::OneshotResponder<Self, T>
    where
        T: openraft::OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: openraft::OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

/// A running group.
pub(crate) type Consensus<G> = openraft::Raft<Types<G>, Machine<G>>;
pub(crate) type LogId<G> = LogIdOf<Types<G>>;
pub(crate) type Vote<G> = VoteOf<Types<G>>;
pub(crate) type Entry<G> = openraft::alias::EntryOf<Types<G>>;
pub(crate) type SnapshotMeta<G> = SnapshotMetaOf<Types<G>>;
pub(crate) type StoredMembership<G> = StoredMembershipOf<Types<G>>;

/// Term and index of an entry. Of two entries of one log the later has the higher position, and one that
/// was overwritten a lower one than what took its place.
pub(crate) type Position = (u64, u64);

/// Where `id` is.
pub(crate) fn position<G: Group>(id: &LogId<G>) -> Position {
    (id.committed_leader_id().term, id.index())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_ids_carry_node_and_life() {
        let id = MemberId {
            node: NodeId(3),
            incarnation: Incarnation(u32::MAX),
        };
        assert_eq!(MemberId::from_u64(id.to_u64()), Some(id));
        assert_eq!(MemberId::from_u64(u64::MAX), None);
    }
}
