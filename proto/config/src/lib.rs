//! The configuration: one schema, the operators' grammar, and the way from typed text to a checked
//! value that actors can use without checking again.
//!
//! ```text
//! site.conf ── parse ──► Candidate ── validate ──► Valid ──► each actor's own small plan
//!                 ▲           │           │
//!              schema       render     Problems: all of them, each with path, value, reason
//!
//! ```

pub mod bootstrap;
mod candidate;
mod findings;
mod grammar;
mod keyword;
pub mod problem;
pub mod schema;
mod text;
pub mod text_file;
pub mod valid;
mod validate;
mod value;

pub use bootstrap::Bootstrap;
pub use candidate::Candidate;
pub use grammar::{parse, render};
pub use problem::{Position, Problem, Problems, Severity};
pub use valid::Valid;
pub use validate::{check, examine};
