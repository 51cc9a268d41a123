//! The consensus library's network: its messages as requests to other members.

use std::future::Future;
use std::sync::Arc;

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
use proto::raft::Kind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use super::client::{Client, Clients, ask};
use super::peer::Lane;
use super::snapshot;
use crate::group::{Group, Types, Vote};
use crate::store::{decode, encode};

type CommittedLeader<G> = openraft::alias::CommittedLeaderIdOf<Types<G>>;

impl<G: Group> RaftNetworkFactory<Types<G>> for Clients {
    type Network = GroupClient<G>;

    async fn new_client(&mut self, target: u64, _node: &()) -> GroupClient<G> {
        GroupClient::new(self.client::<G>(target, Lane::Bulk))
    }

    async fn new_heartbeat_client(&mut self, target: u64, _node: &()) -> GroupClient<G> {
        GroupClient::new(self.client::<G>(target, Lane::Urgent))
    }
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
                        Ok(reply) => {
                            connected.praise();
                            match decode(&reply.payload) {
                                Ok(result) => return Ok(result),
                                Err(error) => Status::data_loss(error.to_string()),
                            }
                        }
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
            outcome = send => outcome.map_err(|status| unreachable::<G>(&status).into()),
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
