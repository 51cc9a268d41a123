//! Sockets on which other members reach this one.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use proto::raft::peering_server::PeeringServer;
use runtime::Shutdown;

use super::door::Door;
use super::peer::{CONNECTION_WINDOW, MAX_MESSAGE, STREAM_WINDOW};
use super::service::Service;
use super::tls::Tls;
use crate::error::StartError;

/// A connection whose other end answers no ping for that long is given up.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Serves on all `listeners` until the end.
pub(crate) async fn serve(
    service: Service,
    listeners: Vec<tokio::net::TcpListener>,
    tls: Option<Tls>,
    mut shutdown: Shutdown,
) {
    let members = service.server.local.members.iter();
    let addresses = members.flat_map(|member| &member.addresses);
    let door = Door::new(addresses.map(SocketAddr::ip).collect());
    let watched = listeners
        .into_iter()
        .map(|listener| Arc::clone(&door).watch(listener).boxed());
    let incoming = futures::stream::select_all(watched);
    let mut builder = tonic::transport::Server::builder();
    if let Some(tls) = tls {
        match builder.tls_config(tls.for_server()) {
            Ok(secured) => builder = secured,
            Err(error) => {
                // The same certificates were accepted when the group was started.
                tracing::error!(%error, "the certificates cannot be used any more");
                return;
            }
        }
    }
    let service = PeeringServer::new(service)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let serving = builder
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .add_service(service)
        .serve_with_incoming(incoming);
    // At the end connections are cut: a member that waits for its peers to hang up never ends.
    tokio::select! {
        biased;
        () = shutdown.requested() => {}
        end = serving => if let Err(error) = end {
            tracing::error!(%error, "members cannot reach this one any more");
        },
    }
}

/// Checks the certificates before anything depends on them.
pub(crate) fn check_tls(tls: &Tls) -> Result<(), StartError> {
    tonic::transport::Server::builder()
        .tls_config(tls.for_server())
        .map(drop)
        .map_err(StartError::Tls)
}

/// Makes bound sockets usable by the current runtime.
pub(crate) fn adopt(
    listeners: Vec<TcpListener>,
) -> Result<Vec<tokio::net::TcpListener>, StartError> {
    listeners
        .into_iter()
        .map(|listener| {
            listener.set_nonblocking(true)?;
            tokio::net::TcpListener::from_std(listener)
        })
        .collect::<Result<_, _>>()
        .map_err(StartError::Listener)
}
