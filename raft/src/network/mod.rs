//! Members talking to members about both groups.
//!
//! ```text
//!   consensus ──► Client (who is meant, which lane) ──► Transport ── grpc ──► wire
//!   wire ── grpc ──► Server ── cluster, group, member, generation right? ──► consensus of that group
//! ```
//! Whoever is addressed wrongly says so and does nothing: after a restart a node is another member, and
//! must not answer for its earlier life. Only `grpc` knows what carries the messages.

mod answer;
mod believed;
mod client;
mod consensus;
mod entries;
pub(crate) mod grpc;
mod handover;
mod line;
mod questions;
mod quiet;
mod run;
mod seal;
mod server;
mod sieve;
mod snapshot;
mod transport;
mod turn;

pub(crate) use client::Clients;
pub(crate) use questions::{
    Asked, JoinReply, ProposeReply, hello, join, keep_in_touch, known_lives, may_yield, propose_to,
};
pub(crate) use quiet::Acknowledged;
pub use server::Server;
pub(crate) use server::propose_here;
pub(crate) use transport::Peers;
pub use transport::{Failure, Lane, Replies, Streaming, Transport};
pub(crate) use turn::Turn;
