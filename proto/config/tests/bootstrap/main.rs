//! `node.toml`: every rule, by breaking the sample in one place.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod members;
mod policy;
mod sample;
mod tuning;
mod words;
