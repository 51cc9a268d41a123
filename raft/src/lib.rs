//! Agreement: what every node must believe.
//!
//! Two groups in one process over one transport: `control` is durable (configuration, roles, port
//! blocks), `state` lives in memory (sessions, neighbours). The consensus library stays behind
//! [`Cluster`]; sled behind `store`, tonic behind `network::grpc`, and both can be exchanged: see [`seam`].

mod assembly;
mod changes;
mod cluster;
mod config;
mod contradiction;
mod dismissed;
mod engine;
mod enrolment;
mod error;
mod generation;
mod group;
mod issuer;
mod keeper;
mod lineage;
mod local;
mod members;
mod membership;
#[cfg(feature = "mutants")]
mod mutants;
mod network;
mod newcomer;
mod notice;
mod odds;
mod pending;
mod plan;
mod probe;
mod propose;
mod publisher;
mod roster;
pub mod seam;
mod seat;
mod signer;
mod standstill;
mod start;
mod status;
mod store;
mod stranger;
mod tls_files;
mod version;

pub use changes::{Changes, Committed};
pub use cluster::{Cluster, Control, StateGroup};
pub use dismissed::Dismissed;
pub use error::{ProposeError, PublishRefused, StartError};
pub use group::GroupName;
pub use keeper::RenewError;
pub use lineage::{LineageView, SurviveError};
pub use members::{Invitation, MembersError, Membership};
pub use newcomer::{JoinError, Joined, join};
pub use plan::{
    Applicant, ClusterPlan, GroupTiming, HasPlace, Issuing, Limits, Listen, Member, MemberKind,
    Pace, Timing, TlsFiles,
};
pub use roster::View;
pub use start::start;
pub use status::{GroupStatus, Health, MemberRole, MemberStatus};
pub use store::{Headroom, NoRoom, StorageHealth, StoreError, StoreKind};
pub use stranger::check_address;
