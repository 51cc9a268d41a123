//! Requests to one member: who is meant, on which connection, for how long.

use std::sync::Arc;
use std::time::Duration;

use proto::raft::{Header, Kind, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use super::peer::{Lane, Peer, Peers};
use crate::group::{Group, MemberId};
use crate::local::Local;
use crate::plan::MemberKind;
use crate::store::{decode, encode};

/// Makes the connections of one running instance.
pub(crate) struct Clients {
    pub(crate) local: Arc<Local>,
    pub(crate) peers: Peers,
    pub(crate) id: MemberId,
    pub(crate) generation: u64,
}

impl Clients {
    pub(super) fn client<G: Group>(&self, target: u64, lane: Lane) -> Client {
        let member = MemberId::from_u64(target);
        Client {
            header: Header {
                cluster_id: self.local.cluster_id.clone(),
                group: G::NAME.wire(),
                target,
                source: self.id.to_u64(),
                generation: self.generation,
            },
            peer: member.and_then(|member| self.peers.get(member.node)),
            strip: member
                .is_none_or(|member| self.local.kind_of(member.node) == MemberKind::Witness),
            lane,
        }
    }
}

/// Sends requests of one group to one member.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) header: Header,
    pub(super) peer: Option<Arc<Peer>>,
    /// The target is a witness: it gets positions, not content.
    pub(super) strip: bool,
    pub(super) lane: Lane,
}

impl Client {
    pub(super) fn peer(&self) -> Result<&Arc<Peer>, Status> {
        self.peer
            .as_ref()
            .ok_or_else(|| Status::not_found("the plan does not know this member"))
    }

    pub(super) fn request(&self, kind: Kind, payload: Vec<u8>) -> Request {
        Request {
            header: Some(self.header.clone()),
            kind: kind.into(),
            payload: payload.into(),
        }
    }

    /// One question, one answer, within `patience`.
    pub(super) async fn call<Q: Serialize + Sync, A: DeserializeOwned>(
        &self,
        kind: Kind,
        lane: Lane,
        question: &Q,
        patience: Duration,
    ) -> Result<A, Status> {
        let payload = encode(question).map_err(|error| Status::internal(error.to_string()))?;
        let peer = self.peer()?;
        let request = self.request(kind, payload);
        let reply = ask(peer, lane, patience, async move |mut client| {
            client.call(request).await
        })
        .await?;
        decode(&reply.payload).map_err(|error| Status::data_loss(error.to_string()))
    }
}

/// Sends one request and gives the connection up if it fails or takes too long.
pub(super) async fn ask<T>(
    peer: &Peer,
    lane: Lane,
    patience: Duration,
    send: impl AsyncFnOnce(
        proto::raft::peering_client::PeeringClient<tonic::transport::Channel>,
    ) -> Result<tonic::Response<T>, Status>,
) -> Result<T, Status> {
    let connected = peer.connected(lane).await?;
    let answer = tokio::time::timeout(patience, send(connected.client.clone())).await;
    let failed = match answer {
        Ok(Ok(response)) => {
            connected.praise();
            return Ok(response.into_inner());
        }
        // "Unavailable" stays reserved for what was never sent.
        Ok(Err(status)) if status.code() == tonic::Code::Unavailable => {
            Status::unknown(status.message())
        }
        Ok(Err(status)) => status,
        Err(_) => Status::deadline_exceeded(format!("no answer within {patience:?}")),
    };
    peer.complain(lane, &connected, &failed).await;
    Err(failed)
}
