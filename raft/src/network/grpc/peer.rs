//! Connections to one member: several addresses, two lanes, failover.
//!
//! Each HA link is an address. The one that worked last is tried first; when a request fails in
//! transport, the connection is given up and the next request tries the others in turn. Votes and
//! heartbeats have a connection of their own, so that no snapshot delays them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proto::raft::peering_client::PeeringClient;
use tokio::sync::Mutex;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use types::Name;

use super::tls::Tls;
use crate::network::transport::Lane;
use crate::plan::Member;

/// A connection that is not up by then is tried at the next address.
const CONNECT: Duration = Duration::from_millis(150);
/// A connection without an answer for that long is dead: a link may fail without a word.
const KEEP_ALIVE: Duration = Duration::from_millis(300);
pub(super) const STREAM_WINDOW: u32 = 4 << 20;
pub(super) const CONNECTION_WINDOW: u32 = 8 << 20;
/// Requests in a row that may go unanswered before the next address is tried. One alone says that the
/// peer is busy, and a new connection would make it busier.
const MISSES: u32 = 4;
/// Largest message: a configuration or a batch in one entry, several entries in one request.
pub(super) const MAX_MESSAGE: usize = 64 << 20;

/// One other member.
#[derive(Debug)]
pub(crate) struct Peer {
    name: Name,
    addresses: Vec<SocketAddr>,
    tls: Option<Tls>,
    // Held while connecting, so that those who wait share the connection instead of making their own.
    urgent: Mutex<Connection>,
    bulk: Mutex<Connection>,
}

#[derive(Debug, Default)]
struct Connection {
    channel: Option<Channel>,
    /// Place of the address in use among the peer's.
    place: usize,
    /// Counts the connections, so that a late complaint about an old one does not end the new one.
    number: u64,
    /// Requests in a row that this connection has left unanswered.
    misses: Arc<AtomicU32>,
}

/// A connection to send one request on.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    pub(super) client: PeeringClient<Channel>,
    number: u64,
    misses: Arc<AtomicU32>,
}

impl Connected {
    /// A request was answered.
    pub(super) fn praise(&self) {
        self.misses.store(0, Ordering::Relaxed);
    }
}

impl Peer {
    pub(super) fn new(member: &Member, tls: Option<&Tls>) -> Self {
        Self {
            name: member.name.clone(),
            addresses: member.addresses.clone(),
            tls: tls.cloned(),
            urgent: Mutex::default(),
            bulk: Mutex::default(),
        }
    }

    /// The lane's connection, made if there is none.
    pub(crate) async fn connected(&self, lane: Lane) -> Result<Connected, Status> {
        let mut connection = self.lane(lane).lock().await;
        let channel = match &connection.channel {
            Some(channel) => channel.clone(),
            None => self.connect(&mut connection).await?,
        };
        let client = PeeringClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        Ok(Connected {
            client,
            number: connection.number,
            misses: Arc::clone(&connection.misses),
        })
    }

    /// A request on `connected` failed: the next one begins with another address, unless the peer
    /// itself has refused it or is merely slow.
    pub(crate) async fn complain(&self, lane: Lane, connected: &Connected, status: &Status) {
        let merely_slow = status.code() == tonic::Code::DeadlineExceeded
            && connected.misses.fetch_add(1, Ordering::Relaxed) + 1 < MISSES;
        if merely_slow || status.code() == tonic::Code::FailedPrecondition {
            return;
        }
        let mut connection = self.lane(lane).lock().await;
        if connection.number == connected.number && connection.channel.take().is_some() {
            connection.place += 1;
        }
    }

    fn lane(&self, lane: Lane) -> &Mutex<Connection> {
        match lane {
            Lane::Urgent => &self.urgent,
            Lane::Bulk => &self.bulk,
        }
    }

    async fn connect(&self, connection: &mut Connection) -> Result<Channel, Status> {
        let mut last = Status::unavailable(format!("{} has no address", self.name));
        for _ in 0..self.addresses.len() {
            let place = connection.place % self.addresses.len();
            let Some(address) = self.addresses.get(place) else {
                break;
            };
            match self.connect_to(*address).await {
                Ok(channel) => {
                    connection.channel = Some(channel.clone());
                    connection.number += 1;
                    connection.misses = Arc::default();
                    return Ok(channel);
                }
                Err(status) => last = status,
            }
            connection.place = place + 1;
        }
        Err(last)
    }

    async fn connect_to(&self, address: SocketAddr) -> Result<Channel, Status> {
        let unavailable =
            |error: &dyn std::fmt::Display| Status::unavailable(format!("{address}: {error}"));
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(|error| unavailable(&error))?
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        if let Some(tls) = &self.tls {
            endpoint = endpoint
                .tls_config(tls.for_client(&self.name))
                .map_err(|error| unavailable(&error))?;
        }
        // Twice the time of the TCP connection, for the handshakes of TLS and HTTP/2.
        match tokio::time::timeout(2 * CONNECT, endpoint.connect()).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(error)) => Err(unavailable(&error)),
            Err(_) => Err(unavailable(&"no answer")),
        }
    }
}
