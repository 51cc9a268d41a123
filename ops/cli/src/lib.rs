//! The operator's client: `tandem show …`, `tandem request …`, `tandem configure …` and
//! `tandem validate …`.
//!
//! ```text
//! args ─► client ──gRPC over a Unix socket──► node      (show, request, configure)
//!           └─► view ─► render: tables, or one JSON object
//! args ─► validate ─► config                            (validate; needs no node)
//! ```
//!
//! It knows nothing that the API does not say, and decides nothing but how it looks.

mod args;
mod client;
mod configure;
mod failure;
mod members;
mod regular_file;
mod render;
mod request;
mod show;
mod stopwatch;
mod validate;
mod view;

pub use args::{
    CandidateArgs, ClusterRequest, CommitArgs, ConfigArgs, ConfigureCommand, DropsArgs, HaArgs,
    HaView, RequestCommand, RequestOptions, Rows, SessionsArgs, ShowCommand, ShowOptions,
    SurviveArgs, ValidateArgs,
};
pub use args::{
    ClusterCommand, HaLinkArg, InitArgs, JoinArgs, Kind, Life, MachineArgs, MembersOptions,
    RemoveArgs, ReplaceArgs, TokenArgs,
};
pub use configure::{Committed, configure, run_configure};
pub use failure::{
    EXIT_COMMAND, EXIT_NEEDS_FORCE, EXIT_NOT_PERMITTED, EXIT_NOT_REACHABLE, EXIT_STALE,
    EXIT_UNKNOWN, Failure,
};
pub use members::{MembersQuestion, members, run_members};
pub use regular_file::text_of;
pub use request::{request, run_request};
pub use show::{Page, run_show, show};
pub use validate::{Verdict, run_validate, validate};
