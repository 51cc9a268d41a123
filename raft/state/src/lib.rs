//! What the cluster agrees on: commands, the state that they make, and nothing else.
//!
//! [`ControlState::apply`] and [`ClusterState::apply`] are pure and total: the same log gives the same
//! bytes on every node. So there is no clock, no randomness, no float and no hash map in here, and a
//! refusal is an outcome like any other. What goes to a disk or a peer carries a version in front.

pub mod checksum;
pub mod cluster;
pub mod control;
pub mod port_block;
pub mod snapshot;

pub use checksum::Checksum;
pub use cluster::{
    Batch, ClusterState, Incarnation, Names, Packed, PackedChange, StateCommand, StateOutcome,
};
pub use control::{
    Candidate, Candidates, CertificateRecord, Certificates, ConfigRecord, ControlCommand,
    ControlLineage, ControlOutcome, ControlState, Dismissal, DismissalCause, History, Judgement,
    Lineage, MemberRecord, MemberStanding, Members, MembersCommand, MembersOutcome, Newcomer, Role,
    Standing, Survival, SurvivalReason, Survivals, TokenRecord, TokenRefusal, TokenUse,
    candidates_of, yielding,
};
pub use snapshot::{SnapshotError, Versioned};
