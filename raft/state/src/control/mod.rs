//! The durable group: what must survive everything (configuration, roles, port blocks).

mod apply;
mod candidate;
mod command;
mod divergence;
mod history;
mod lineage;
mod members;
mod sealed;
mod state;
mod survival;
mod version1;
mod version2;
pub mod yielding;

pub use candidate::{Candidate, Candidates};
pub use command::{ControlCommand, ControlOutcome};
pub use divergence::candidates_of;
pub use history::History;
pub use lineage::{ControlLineage, Standing};
pub use members::{
    CertificateRecord, Certificates, Dismissal, DismissalCause, Judgement, MemberRecord,
    MemberStanding, Members, MembersCommand, MembersOutcome, Newcomer, TokenRecord, TokenRefusal,
    TokenUse,
};
pub use sealed::Sealed;
pub use state::{ConfigRecord, ControlState, Lineage, Role};
pub use survival::{Survival, SurvivalReason, Survivals};
