//! What crosses a process boundary: the schemas in `schema/` and the code made from them.
//!
//! The lints that generated code breaks change with the schema, hence `allow` where we otherwise expect.
//! Generated types stop at the transport (`raft`) and at the operators' API (`ops`, `cli`); machines
//! never see them.

/// Peers of a cluster talking about agreement: `schema/raft.proto`.
#[allow(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code; the schema is its documentation"
)]
pub mod raft {
    tonic::include_proto!("tandem.raft");
}

/// Operators asking a node: `schema/ops.proto`.
#[allow(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code; the schema is its documentation"
)]
pub mod ops {
    tonic::include_proto!("tandem.ops");
}

mod guest;
mod stamp;

pub use guest::Guest;
pub use stamp::{Stamp, Stamped};

/// All schemas as an encoded `FileDescriptorSet`, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
