//! Members talking to members: one gRPC service for both groups.
//!
//! ```text
//!   consensus ──► Client (one a peer and lane) ──► Peer (addresses, failover) ──► wire
//!   wire ──► Server ── cluster, group, member, generation right? ──► consensus of that group
//! ```
//! Whoever is addressed wrongly says so and does nothing: after a restart a node is another member, and
//! must not answer for its earlier life.

mod answer;
mod client;
mod consensus;
mod listen;
mod peer;
mod questions;
mod server;
mod snapshot;
mod tls;

pub(crate) use client::Clients;
pub(crate) use listen::{adopt, check_tls, serve};
pub(crate) use peer::Peers;
pub(crate) use questions::{
    Asked, JoinReply, ProposeReply, hello, join, keep_in_touch, propose_to,
};
pub(crate) use server::{Server, propose_here};
pub(crate) use tls::Tls;
