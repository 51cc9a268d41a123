//! Agreement: what every node must believe.
//!
//! Two groups in one process over one transport: `control` is durable (configuration, roles, port
//! blocks), `state` lives in memory (sessions, neighbours). The consensus library stays behind
//! [`Cluster`]; sled behind `store`, tonic behind `network::grpc`, and both can be exchanged: see [`seam`].

mod assembly;
mod changes;
mod cluster;
mod config;
mod engine;
mod error;
mod generation;
mod group;
mod lineage;
mod local;
mod membership;
#[cfg(feature = "mutants")]
mod mutants;
mod network;
mod notice;
mod pending;
mod plan;
mod probe;
mod propose;
mod publisher;
pub mod seam;
mod seat;
mod start;
mod status;
mod store;

pub use changes::{Changes, Committed};
pub use cluster::{Cluster, Control, StateGroup};
pub use error::{ProposeError, PublishRefused, StartError};
pub use group::GroupName;
pub use lineage::{LineageView, SurviveError};
pub use plan::{ClusterPlan, GroupTiming, Limits, Listen, Member, MemberKind, Timing, TlsFiles};
pub use start::start;
pub use status::{GroupStatus, Health, MemberRole, MemberStatus};
pub use store::{StoreError, StoreKind};
