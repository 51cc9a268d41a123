//! The consensus library's network, and the questions that members ask beside it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::storage::Snapshot;
use openraft::{EntryPayload, OptionalSend};
use proto::raft::{Header, HelloReply, HelloRequest, Kind, Request};
use raft_state::Versioned;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use super::peer::{Lane, Peer, Peers};
use super::server::{JoinReply, ProposeReply};
use super::snapshot;
use crate::group::{Group, MemberId, Types, Vote};
use crate::local::Local;
use crate::plan::MemberKind;
use crate::seat::Running;
use crate::store::{decode, encode};

type CommittedLeader<G> = openraft::alias::CommittedLeaderIdOf<Types<G>>;

/// Makes the connections of one running instance.
pub(crate) struct Clients {
    pub(crate) local: Arc<Local>,
    pub(crate) peers: Peers,
    pub(crate) id: MemberId,
    pub(crate) generation: u64,
}

impl Clients {
    fn client<G: Group>(&self, target: u64, lane: Lane) -> Client {
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

impl<G: Group> RaftNetworkFactory<Types<G>> for Clients {
    type Network = GroupClient<G>;

    async fn new_client(&mut self, target: u64, _node: &()) -> GroupClient<G> {
        GroupClient::new(self.client::<G>(target, Lane::Bulk))
    }

    async fn new_heartbeat_client(&mut self, target: u64, _node: &()) -> GroupClient<G> {
        GroupClient::new(self.client::<G>(target, Lane::Urgent))
    }
}

/// Sends requests of one group to one member.
#[derive(Clone)]
struct Client {
    header: Header,
    peer: Option<Arc<Peer>>,
    /// The target is a witness: it gets positions, not content.
    strip: bool,
    lane: Lane,
}

impl Client {
    fn peer(&self) -> Result<&Arc<Peer>, Status> {
        self.peer
            .as_ref()
            .ok_or_else(|| Status::not_found("the plan does not know this member"))
    }

    fn request(&self, kind: Kind, payload: Vec<u8>) -> Request {
        Request {
            header: Some(self.header.clone()),
            kind: kind.into(),
            payload: payload.into(),
        }
    }

    /// One question, one answer, within `patience`.
    async fn call<Q: Serialize + Sync, A: DeserializeOwned>(
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
async fn ask<T>(
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
        Ok(Ok(response)) => return Ok(response.into_inner()),
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

/// Sends the requests of group `G` to one member.
pub(crate) struct GroupClient<G> {
    client: Client,
    group: std::marker::PhantomData<G>,
}

impl<G: Group> GroupClient<G> {
    const fn new(client: Client) -> Self {
        Self {
            client,
            group: std::marker::PhantomData,
        }
    }

    async fn rpc<Q: Serialize + Sync, A: DeserializeOwned>(
        &self,
        kind: Kind,
        question: &Q,
        option: RPCOption,
    ) -> Result<A, RPCError<Types<G>>> {
        // Votes and leadership are small and in a hurry, whichever client they are asked through.
        let lane = match kind {
            Kind::Append => self.client.lane,
            Kind::Unspecified
            | Kind::Vote
            | Kind::PreVote
            | Kind::TransferLeader
            | Kind::Propose
            | Kind::Join => Lane::Urgent,
        };
        self.client
            .call(kind, lane, question, option.soft_ttl())
            .await
            .map_err(|status| unreachable::<G>(&status).into())
    }
}

fn unreachable<G: Group>(status: &Status) -> Unreachable<Types<G>> {
    Unreachable::from_string(status)
}

/// Takes the content out of what goes to a witness.
fn strip<G: Group>(request: &mut AppendEntriesRequest<Types<G>>) {
    for entry in &mut request.entries {
        if let EntryPayload::Normal(command) = &mut entry.payload {
            G::strip(command);
        }
    }
}

impl<G: Group> RaftNetworkV2<Types<G>> for GroupClient<G> {
    type SnapshotData = G::State;

    async fn append_entries(
        &mut self,
        mut rpc: AppendEntriesRequest<Types<G>>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types<G>>, RPCError<Types<G>>> {
        if self.client.strip {
            strip::<G>(&mut rpc);
        }
        self.rpc(Kind::Append, &rpc, option).await
    }

    /// Entries flow without waiting for answers; HTTP/2's own pings end the stream of a dead peer.
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<
            BoxStream<'s, Result<StreamAppendResult<Types<G>>, RPCError<Types<G>>>>,
            RPCError<Types<G>>,
        >,
    >
    where
        S: Stream<Item = AppendEntriesRequest<Types<G>>> + OptionalSend + Unpin + 'static,
    {
        let client = self.client.clone();
        Box::pin(async move {
            let sender = client.clone();
            let requests = input.map(move |mut rpc| {
                if sender.strip {
                    strip::<G>(&mut rpc);
                }
                // What cannot be encoded is sent as nothing, and refused by the peer.
                sender.request(Kind::Append, encode(&rpc).unwrap_or_default())
            });
            let peer = Arc::clone(client.peer().map_err(|status| unreachable::<G>(&status))?);
            let connected = peer
                .connected(client.lane)
                .await
                .map_err(|status| unreachable::<G>(&status))?;
            let mut opened = connected.client.clone();
            let replies = match tokio::time::timeout(option.soft_ttl(), opened.append(requests))
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded("the stream did not open")))
            {
                Ok(response) => response.into_inner(),
                Err(status) => {
                    peer.complain(client.lane, &connected, &status).await;
                    return Err(unreachable::<G>(&status).into());
                }
            };
            let lane = client.lane;
            let results = replies.then(move |reply| {
                let (peer, connected) = (Arc::clone(&peer), connected.clone());
                async move {
                    let status = match reply {
                        Ok(reply) => match decode(&reply.payload) {
                            Ok(result) => return Ok(result),
                            Err(error) => Status::data_loss(error.to_string()),
                        },
                        Err(status) => status,
                    };
                    peer.complain(lane, &connected, &status).await;
                    Err(unreachable::<G>(&status).into())
                }
            });
            Ok(Box::pin(results) as BoxStream<'s, _>)
        })
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types<G>>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types<G>>, RPCError<Types<G>>> {
        self.rpc(Kind::Vote, &rpc, option).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types<G>>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types<G>>, RPCError<Types<G>>> {
        self.rpc(Kind::PreVote, &rpc, option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote<G>,
        mut snapshot: Snapshot<CommittedLeader<G>, u64, (), G::State>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Types<G>>, StreamingError<Types<G>>> {
        if self.client.strip {
            G::strip_state(&mut snapshot.snapshot);
        }
        let peer = self
            .client
            .peer()
            .map_err(|status| unreachable::<G>(&status))?;
        let header = self.client.header.clone();
        let send = async {
            let chunks = snapshot::chunks::<G>(header, vote, snapshot).await?;
            let reply = ask(
                peer,
                Lane::Bulk,
                option.soft_ttl(),
                async move |mut client| client.snapshot(chunks).await,
            )
            .await?;
            decode(&reply.payload).map_err(|error| Status::data_loss(error.to_string()))
        };
        // Cancelling drops the request, and the peer drops what it has got of it.
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = send => sent.map_err(|status| unreachable::<G>(&status).into()),
        }
    }

    async fn transfer_leader(
        &mut self,
        rpc: TransferLeaderRequest<Types<G>>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types<G>>, RPCError<Types<G>>> {
        self.rpc(Kind::TransferLeader, &rpc, option).await
    }
}

/// What became of a question that another member was asked.
#[derive(Debug)]
pub(crate) enum Asked<T> {
    /// It answered.
    Answer(T),
    /// It certainly did nothing.
    Refused,
    /// It may have done it or not.
    Unknown,
}

impl<T> Asked<T> {
    fn from_result(result: Result<T, Status>) -> Self {
        match result {
            Ok(answer) => Self::Answer(answer),
            Err(status) => match status.code() {
                // Not connected, or not the member that was meant.
                tonic::Code::Unavailable | tonic::Code::FailedPrecondition => Self::Refused,
                _ => Self::Unknown,
            },
        }
    }
}

/// Asks the leader to propose `command`.
pub(crate) async fn propose_to<G: Group>(
    clients: &Clients,
    leader: MemberId,
    command: &G::Command,
    patience: Duration,
) -> Asked<ProposeReply<G::Outcome>> {
    let client = clients.client::<G>(leader.to_u64(), Lane::Bulk);
    let Ok(command) = command.encode() else {
        return Asked::Refused;
    };
    Asked::from_result(
        client
            .call(Kind::Propose, Lane::Bulk, &command, patience)
            .await,
    )
}

/// Asks every other member to take `running` in; the one that leads does it.
pub(crate) async fn join<G: Group>(
    clients: &Clients,
    running: &Running<G>,
    patience: Duration,
) -> bool {
    let mut questions = Vec::new();
    for (node, peer) in clients.peers.iter() {
        // The peer's member id is not known yet: zero in its place asks whoever it is now.
        let mut client = clients.client::<G>(0, Lane::Urgent);
        client.peer = Some(peer);
        client.header.target = 0;
        questions.push(async move {
            let reply: Result<JoinReply, Status> = client
                .call(
                    Kind::Join,
                    Lane::Urgent,
                    &(running.id.to_u64(), node.0),
                    patience,
                )
                .await;
            matches!(reply, Ok(JoinReply::Member))
        });
    }
    let answers = futures::future::join_all(questions).await;
    answers.contains(&true)
}

/// Asks every other member how it is; those that do not answer within `patience` are not in the list.
pub(crate) async fn hello(local: &Local, peers: &Peers, patience: Duration) -> Vec<HelloReply> {
    let questions = peers.iter().map(|(node, peer)| async move {
        let question = HelloRequest {
            cluster_id: local.cluster_id.clone(),
            node: u32::from(node.0),
        };
        ask(&peer, Lane::Urgent, patience, async move |mut client| {
            client.hello(question).await
        })
        .await
        .ok()
    });
    let answers = futures::future::join_all(questions).await;
    answers.into_iter().flatten().collect()
}
