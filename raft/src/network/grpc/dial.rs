//! One connection to one address: TCP, TLS if there are certificates, HTTP/2.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use types::NodeId;

use super::peer::{CONNECTION_WINDOW, STREAM_WINDOW};
use super::tls::{Tls, shown_by_server};
use crate::local::Local;
use crate::plan::{Member, MemberKind};
use crate::tls_files;

/// A connection that is not up by then is tried at the next address.
const CONNECT: Duration = Duration::from_millis(150);
/// A connection without an answer for that long is dead: a link may fail without a word.
const KEEP_ALIVE: Duration = Duration::from_millis(300);
/// The same, where a witness is at one end: it has to be cheap, and nobody's packets wait for it.
const KEEP_ALIVE_QUIETLY: Duration = Duration::from_secs(2);

/// Connects to `member` at `address`.
pub(super) async fn dial(
    local: &Arc<Local>,
    member: &Member,
    address: SocketAddr,
    tls: Option<&Tls>,
) -> Result<Channel, Status> {
    let connect = CONNECT + 2 * local.timing.rtt;
    let quiet = local.is_witness() || member.kind == MemberKind::Witness;
    let endpoint = endpoint(address)?
        .connect_timeout(2 * connect)
        .keep_alive_timeout(KEEP_ALIVE + 2 * local.timing.rtt)
        .http2_keep_alive_interval(if quiet {
            KEEP_ALIVE_QUIETLY
        } else {
            KEEP_ALIVE
        });
    let connecting = async {
        match tls {
            None => endpoint.connect().await,
            Some(tls) => {
                let (local, member, tls) = (Arc::clone(local), member.clone(), tls.clone());
                let connector = tower::service_fn(move |_uri| {
                    let (local, member, tls) = (Arc::clone(&local), member.clone(), tls.clone());
                    async move {
                        let stream = secured(&local, &member, address, &tls).await;
                        stream.map(TokioIo::new)
                    }
                });
                endpoint.connect_with_connector(connector).await
            }
        }
    };
    // Twice the time of the TCP connection, for the handshakes of TLS and HTTP/2.
    match tokio::time::timeout(2 * connect, connecting).await {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => Err(unavailable(address, &deepest(&error))),
        Err(_) => Err(unavailable(address, "no answer")),
    }
}

/// Connects to whoever is at `address` and shows itself as `name`, with the patience that a person has.
pub(super) async fn dial_once(
    address: SocketAddr,
    connector: TlsConnector,
    name: ServerName<'static>,
    patience: Duration,
) -> Result<Channel, Status> {
    let connect = tower::service_fn(move |_uri| {
        let (connector, name) = (connector.clone(), name.clone());
        async move {
            let stream = TcpStream::connect(address).await?;
            connector.connect(name, stream).await.map(TokioIo::new)
        }
    });
    let endpoint = endpoint(address)?;
    let connecting = endpoint.connect_with_connector(connect);
    match tokio::time::timeout(patience, connecting).await {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => Err(unavailable(address, &deepest(&error))),
        Err(_) => Err(unavailable(address, "no answer")),
    }
}

fn endpoint(address: SocketAddr) -> Result<Endpoint, Status> {
    Ok(Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| unavailable(address, &error.to_string()))?
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW))
}

/// A connection whose other end is `member`: by the name in its certificate, by who signed it, and by
/// what the members have agreed on.
async fn secured(
    local: &Local,
    member: &Member,
    address: SocketAddr,
    tls: &Tls,
) -> io::Result<TlsStream<TcpStream>> {
    let name = tls
        .server_name(&member.name)
        .ok_or_else(|| io::Error::other("the member's name is no name for a certificate"))?;
    let connect = CONNECT + 2 * local.timing.rtt;
    let stream = tokio::time::timeout(connect, TcpStream::connect(address))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    let connected = tls.connector().connect(name, stream).await;
    let stream = connected.inspect_err(|error| note_dates(local, member.id, error))?;
    let shown = shown_by_server(&stream);
    tls.check_member(&local.roster.now(), member, shown.as_ref())
        .map_err(|failure| io::Error::new(io::ErrorKind::PermissionDenied, failure.to_string()))?;
    Ok(stream)
}

/// A certificate whose time is not now is most often a clock that is wrong, here or there, and looks like a member
/// that is off.
fn note_dates(local: &Local, member: NodeId, error: &io::Error) {
    let inner = error.get_ref();
    let Some(rustls::Error::InvalidCertificate(reason)) =
        inner.and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return;
    };
    if let Some(what) = tls_files::about_dates(reason) {
        local.at_odds(
            member,
            &format!("{what}: see whether the clocks of both machines are right"),
        );
    }
}

fn unavailable(address: SocketAddr, reason: &str) -> Status {
    Status::unavailable(format!("{address}: {reason}"))
}

/// The transport wraps its causes several times; the innermost is the one that says something.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    // What TLS objects to comes inside of an I/O error, and only its own kinds have words of their own.
    let wrapped = innermost.downcast_ref::<io::Error>();
    let cause = wrapped.and_then(io::Error::get_ref);
    match cause.and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(error) => identity::explain(error),
        None => innermost.to_string(),
    }
}
