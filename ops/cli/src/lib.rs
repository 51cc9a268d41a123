//! The operator's client: `tandem show …` and `tandem validate …`.
//!
//! ```text
//! args ─► client ──gRPC over a Unix socket──► node      (show)
//!           └─► view ─► render: tables, or one JSON object
//! args ─► validate ─► config                            (validate; needs no node)
//! ```
//!
//! It knows nothing that the API does not say, and decides nothing but how it looks.

mod args;
mod client;
mod failure;
mod render;
mod show;
mod stopwatch;
mod validate;
mod view;

pub use args::{
    DropsArgs, HaArgs, HaView, Rows, SessionsArgs, ShowCommand, ShowOptions, ValidateArgs,
};
pub use failure::{EXIT_COMMAND, EXIT_NOT_PERMITTED, EXIT_NOT_REACHABLE, Failure};
pub use show::{Page, run_show, show};
pub use validate::{Verdict, run_validate, validate};
