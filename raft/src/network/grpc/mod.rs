//! The messages by gRPC: connections with failover on one side, a service on the other.

mod dial;
mod door;
mod entrance;
mod listen;
mod peer;
mod service;
mod status;
mod tls;
mod transport;
mod whole;

pub(crate) use listen::{adopt, serve};
pub(crate) use service::Service;
pub(crate) use tls::Tls;
pub(crate) use transport::{Grpc, ask_to_join};
