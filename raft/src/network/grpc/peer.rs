//! Connections to one member: several addresses, two lanes, failover.
//!
//! Each HA link is an address. The one that worked last is tried first; when a request fails in
//! transport, the connection is given up and the next request tries the others in turn. Votes and
//! heartbeats have a connection of their own, so that no snapshot delays them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proto::raft::peering_client::PeeringClient;
use tokio::sync::Mutex;
use tonic::Status;
use tonic::transport::Channel;

use super::dial::dial;
use super::tls::Tls;
use crate::local::Local;
use crate::network::transport::Lane;
use crate::plan::Member;

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
    local: Arc<Local>,
    pub(super) member: Member,
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
    /// With which credentials it was made.
    credentials: u64,
    /// Requests in a row that this connection has left unanswered.
    misses: Arc<AtomicU32>,
}

/// A connection to send one request on.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    pub(super) client: PeeringClient<Channel>,
    pub(super) channel: Channel,
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
    pub(super) fn new(local: &Arc<Local>, member: Member, tls: Option<&Tls>) -> Self {
        Self {
            local: Arc::clone(local),
            member,
            tls: tls.cloned(),
            urgent: Mutex::default(),
            bulk: Mutex::default(),
        }
    }

    /// The lane's connection, made if there is none.
    pub(crate) async fn connected(&self, lane: Lane) -> Result<Connected, Status> {
        let mut connection = self.lane(lane).lock().await;
        let renewed = self.tls.as_ref().map_or(0, Tls::number);
        let channel = match &connection.channel {
            Some(channel) if connection.credentials == renewed => channel.clone(),
            // Made with credentials that have been renewed. What runs on it goes on; what begins now
            // begins on a new connection, or on the old one if there is no other.
            Some(old) => {
                let old = old.clone();
                self.connect(&mut connection, renewed).await.unwrap_or(old)
            }
            None => self.connect(&mut connection, renewed).await?,
        };
        let client = PeeringClient::new(channel.clone())
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        Ok(Connected {
            client,
            channel,
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

    async fn connect(
        &self,
        connection: &mut Connection,
        credentials: u64,
    ) -> Result<Channel, Status> {
        let addresses = &self.member.addresses;
        let mut last = Status::unavailable(format!("{} has no address", self.member.name));
        for _ in 0..addresses.len() {
            let place = connection.place % addresses.len();
            let Some(address) = addresses.get(place) else {
                break;
            };
            match dial(&self.local, &self.member, *address, self.tls.as_ref()).await {
                Ok(channel) => {
                    connection.channel = Some(channel.clone());
                    connection.credentials = credentials;
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
}
