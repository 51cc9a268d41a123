//! Members talking to members: one gRPC service for both groups.
//!
//! ```text
//!   consensus ──► Client (one a peer and lane) ──► Peer (addresses, failover) ──► wire
//!   wire ──► Server ── cluster, group, member, generation right? ──► consensus of that group
//! ```
//! Whoever is addressed wrongly says so and does nothing: after a restart a node is another member, and
//! must not answer for its earlier life.

mod client;
mod peer;
mod server;
mod snapshot;
mod tls;

pub(crate) use client::{Asked, Clients, hello, join, propose_to};
pub(crate) use peer::{Lane, Peers};
pub(crate) use server::{JoinReply, ProposeReply, Server, adopt, check_tls, propose_here, serve};
pub(crate) use tls::Tls;
