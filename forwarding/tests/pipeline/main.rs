//! The data plane without a thread or a socket: frames in, frames out, byte for byte.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed, which is what it is for"
)]

mod fragments;
mod local;
mod nat;
mod path;
mod steering;
mod support;
mod takeover;
mod tcp;
mod waiting;
mod workers;
