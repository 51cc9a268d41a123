//! The configuration: one schema, the operators' grammar, and the way from typed text to a checked
//! value that actors can use without checking again.

pub mod problem;
pub mod valid;

pub use problem::{Position, Problem, Severity};
pub use valid::Valid;
