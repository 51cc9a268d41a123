//! Sockets on which other members reach this one.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use proto::raft::admission_server::AdmissionServer;
use proto::raft::peering_server::PeeringServer;
use runtime::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::door::{Door, Guest};
use super::entrance::{MAX_JOIN, Watchman};
use super::peer::{CONNECTION_WINDOW, MAX_MESSAGE, STREAM_WINDOW};
use super::service::Service;
use super::tls::Tls;
use crate::error::StartError;

/// Largest message to a witness: a piece of a snapshot. Entries come to it without content, and its whole
/// process has to do with little memory.
const MAX_TO_WITNESS: usize = 512 << 10;
/// Requests at a time on one connection: proposals of the other node, which are passed on one by one.
const STREAMS: u32 = 200;
/// The same to a witness: two groups' heartbeats, entries, votes and snapshots.
const STREAMS_TO_WITNESS: u32 = 32;
/// For a handshake; whoever takes longer is hung up on.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// Handshakes at a time; beyond, connections wait in the kernel's queue, and there is room again as
/// soon as one has ended or has taken too long.
const HANDSHAKES: usize = 64;
/// A connection whose other end answers no ping for that long is given up.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Serves on all `listeners` until the end.
pub(crate) async fn serve(
    service: Service,
    listeners: Vec<TcpListener>,
    tls: Option<Tls>,
    mut shutdown: Shutdown,
) {
    let local = Arc::clone(&service.server.local);
    let door = Door::new(move || {
        let view = local.roster.now();
        let addresses = view.members().iter().flat_map(|member| &member.addresses);
        addresses.map(SocketAddr::ip).collect::<BTreeSet<_>>()
    });
    let watched = listeners
        .into_iter()
        .map(|listener| Arc::clone(&door).watch(listener).boxed());
    let incoming = futures::stream::select_all(watched);
    let serving = async {
        match tls {
            None => serve_on(service, incoming).await,
            Some(tls) => {
                let secured = incoming
                    .filter_map(|guest| async { guest.ok() })
                    .map(move |guest| handshake(tls.clone(), guest))
                    .buffer_unordered(HANDSHAKES)
                    .filter_map(|stream| async { stream.map(Ok) });
                serve_on(service, secured).await;
            }
        }
    };
    // At the end connections are cut: a member that waits for its peers to hang up never ends.
    tokio::select! {
        biased;
        () = shutdown.requested() => {}
        () = serving => {}
    }
}

/// The stream after its handshake, if that went well. Each begins with the credentials of its moment.
async fn handshake(tls: Tls, guest: Guest) -> Option<TlsStream<Guest>> {
    let from = guest.connect_info().remote_addr();
    let accepting = tls.acceptor().accept(guest);
    let reason = match tokio::time::timeout(HANDSHAKE, accepting).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no handshake within {HANDSHAKE:?}"),
    };
    tracing::debug!(?from, %reason, "a connection was refused");
    None
}

async fn serve_on<S, I>(service: Service, incoming: I)
where
    S: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    I: Stream<Item = Result<S, std::io::Error>>,
{
    let local = &service.server.local;
    let (most, streams) = if local.is_witness() {
        (MAX_TO_WITNESS, STREAMS_TO_WITNESS)
    } else {
        (MAX_MESSAGE, STREAMS)
    };
    let watchman = Watchman::new(local, service.tls.is_some(), most);
    let admission = AdmissionServer::new(service.clone()).max_decoding_message_size(MAX_JOIN);
    let peering = PeeringServer::new(service)
        .max_decoding_message_size(most)
        .max_encoding_message_size(MAX_MESSAGE);
    let serving = tonic::transport::Server::builder()
        .layer(watchman)
        .max_concurrent_streams(streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .add_service(peering)
        .add_service(admission)
        .serve_with_incoming(incoming);
    if let Err(error) = serving.await {
        tracing::error!(%error, "members cannot reach this one any more");
    }
}

/// Makes bound sockets usable by the current runtime.
pub(crate) fn adopt(listeners: Vec<std::net::TcpListener>) -> Result<Vec<TcpListener>, StartError> {
    listeners
        .into_iter()
        .map(|listener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        })
        .collect::<Result<_, _>>()
        .map_err(StartError::Listener)
}
