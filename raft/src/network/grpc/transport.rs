//! Questions on connections to all other members.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use identity::Certificate;
use parking_lot::Mutex;
use proto::raft::admission_client::AdmissionClient;
use proto::raft::peering_client::PeeringClient;
use proto::raft::{
    HelloReply, HelloRequest, JoinReply, JoinRequest, RenewRequest, Reply, Request, SnapshotChunk,
};
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use types::NodeId;

use super::dial::dial_once;
use super::peer::{Connected, Peer};
use super::status::heard;
use super::tls::Tls;
use crate::local::Local;
use crate::network::transport::{Failure, Lane, Replies, Streaming, Transport};

/// For a node to sign a certificate: it has to agree with the others first.
const SIGNING: Duration = Duration::from_secs(5);

/// All other members. Connections are made when somebody is talked to, and made anew when the members
/// have agreed on other addresses.
#[derive(Clone, Debug)]
pub(crate) struct Grpc {
    local: Arc<Local>,
    tls: Option<Tls>,
    peers: Arc<Mutex<BTreeMap<NodeId, Arc<Peer>>>>,
}

impl Grpc {
    pub(crate) fn new(local: &Arc<Local>, tls: Option<&Tls>) -> Self {
        Self {
            local: Arc::clone(local),
            tls: tls.cloned(),
            peers: Arc::default(),
        }
    }

    fn peer(&self, node: NodeId) -> Result<Arc<Peer>, Failure> {
        let view = self.local.roster.now();
        let member = view
            .get(node)
            .ok_or_else(|| Failure::Unsent(format!("node {node} is not a member")))?;
        let mut peers = self.peers.lock();
        if let Some(peer) = peers.get(&node)
            && peer.member == *member
        {
            return Ok(Arc::clone(peer));
        }
        let peer = Peer::new(&self.local, member.clone(), self.tls.as_ref());
        let peer = Arc::new(peer);
        peers.insert(node, Arc::clone(&peer));
        Ok(peer)
    }
}

impl Grpc {
    /// Asks `node` to sign a new certificate for this member.
    pub(crate) async fn renew(
        &self,
        node: NodeId,
        request: &identity::Request,
    ) -> Result<Certificate, Failure> {
        let question = RenewRequest {
            cluster_id: self.local.cluster_id.clone(),
            source: u32::from(self.local.me.id.0),
            public_key: request.public_key.clone().into(),
            signature: request.signature.clone().into(),
        };
        let connected = self.peer(node)?.connected(Lane::Urgent).await;
        let channel = connected.map_err(|status| heard(&status))?.channel;
        let mut client = AdmissionClient::new(channel);
        let reply = within(SIGNING, client.renew(question)).await?;
        Certificate::from_der(reply.certificate.to_vec())
            .map_err(|error| Failure::Broken(error.to_string()))
    }
}

/// Asks whoever is at `address` to be taken in.
pub(crate) async fn ask_to_join(
    address: SocketAddr,
    (config, name): (Arc<rustls::ClientConfig>, ServerName<'static>),
    question: JoinRequest,
    patience: Duration,
) -> Result<JoinReply, Failure> {
    let channel = dial_once(address, TlsConnector::from(config), name, patience)
        .await
        .map_err(|status| heard(&status))?;
    within(patience, AdmissionClient::new(channel).join(question)).await
}

async fn within<T>(
    patience: Duration,
    asking: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(patience, asking).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(heard(&status)),
        Err(_) => Err(Failure::Late(format!("no answer within {patience:?}"))),
    }
}

impl Transport for Grpc {
    fn call(
        &self,
        to: NodeId,
        lane: Lane,
        question: Request,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(async move {
            let peer = self.peer(to)?;
            ask(&peer, lane, patience, async move |mut client| {
                client.call(question).await
            })
            .await
        })
    }

    fn snapshot(
        &self,
        to: NodeId,
        chunks: BoxStream<'static, SnapshotChunk>,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(async move {
            let peer = self.peer(to)?;
            let connected = peer.connected(Lane::Bulk).boxed().await;
            let connected = connected.map_err(|status| heard(&status))?;
            let mut client = connected.client.clone();
            let answer = tokio::time::timeout(patience, client.snapshot(chunks).boxed()).await;
            conclude(&peer, Lane::Bulk, connected, patience, answer)
                .boxed()
                .await
        })
    }

    fn hello(
        &self,
        to: NodeId,
        question: HelloRequest,
        patience: Duration,
    ) -> BoxFuture<'_, Result<HelloReply, Failure>> {
        Box::pin(async move {
            let peer = self.peer(to)?;
            ask(&peer, Lane::Urgent, patience, async move |mut client| {
                client.hello(question).await
            })
            .await
        })
    }

    fn streaming(&self) -> Option<&dyn Streaming> {
        Some(self)
    }
}

impl Streaming for Grpc {
    /// HTTP/2's own pings end the stream of a dead peer.
    fn append(
        &self,
        to: NodeId,
        lane: Lane,
        questions: BoxStream<'static, Request>,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Replies, Failure>> {
        Box::pin(async move {
            let peer = self.peer(to)?;
            let connected = peer.connected(lane).boxed().await;
            let connected = connected.map_err(|status| heard(&status))?;
            let mut client = connected.client.clone();
            let opened = tokio::time::timeout(patience, client.append(questions).boxed())
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded("the stream did not open")));
            let replies = match opened {
                Ok(response) => response.into_inner(),
                Err(status) => {
                    peer.complain(lane, &connected, &status).boxed().await;
                    return Err(heard(&status));
                }
            };
            let replies = replies.then(move |reply| {
                let (peer, connected) = (Arc::clone(&peer), connected.clone());
                async move { judge(&peer, lane, &connected, reply).await }
            });
            Ok(replies.boxed())
        })
    }
}

/// Praises or gives up the connection on which `reply` came.
async fn judge(
    peer: &Peer,
    lane: Lane,
    connected: &Connected,
    reply: Result<Reply, Status>,
) -> Result<Reply, Failure> {
    match reply {
        Ok(reply) => {
            connected.praise();
            Ok(reply)
        }
        Err(status) => {
            peer.complain(lane, connected, &status).await;
            Err(heard(&status))
        }
    }
}

/// Sends one request and gives the connection up if it fails or takes too long.
async fn ask<T>(
    peer: &Peer,
    lane: Lane,
    patience: Duration,
    send: impl AsyncFnOnce(PeeringClient<Channel>) -> Result<Response<T>, Status>,
) -> Result<T, Failure> {
    let connected = peer.connected(lane).await;
    let connected = connected.map_err(|status| heard(&status))?;
    let answer = tokio::time::timeout(patience, send(connected.client.clone())).await;
    conclude(peer, lane, connected, patience, answer).await
}

/// Says what became of a request.
async fn conclude<T>(
    peer: &Peer,
    lane: Lane,
    connected: Connected,
    patience: Duration,
    answer: Result<Result<Response<T>, Status>, tokio::time::error::Elapsed>,
) -> Result<T, Failure> {
    let failed = match answer {
        Ok(Ok(response)) => {
            connected.praise();
            return Ok(response.into_inner());
        }
        // "Unavailable" stays reserved for what was never sent.
        Ok(Err(status)) if status.code() == Code::Unavailable => Status::unknown(status.message()),
        Ok(Err(status)) => status,
        Err(_) => Status::deadline_exceeded(format!("no answer within {patience:?}")),
    };
    peer.complain(lane, &connected, &failed).await;
    Err(heard(&failed))
}
