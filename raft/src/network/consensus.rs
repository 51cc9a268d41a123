//! The consensus library's network: its messages as requests to other members.

use std::collections::VecDeque;
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
use parking_lot::Mutex;
use proto::raft::Kind;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::believed::{Sent, believe};
use super::client::{Client, Clients};
use super::seal;
use super::snapshot::{Parcel, deliver};
use super::transport::{Failure, Lane, Replies};
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
            | Kind::Join
            | Kind::Yield => Lane::Urgent,
        };
        self.client
            .call(kind, lane, question, option.soft_ttl())
            .await
            .map_err(|failure| unreachable::<G>(&failure).into())
    }
}

impl<G: Group> GroupClient<G> {
    async fn candidacy(
        &self,
        kind: Kind,
        question: VoteRequest<Types<G>>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types<G>>, RPCError<Types<G>>> {
        let answer: VoteResponse<Types<G>> = self.rpc(kind, &question, option).await?;
        believe::<G>(&answer.vote, question.vote.leader_id.term)
            .map_err(|failure| unreachable::<G>(&failure))?;
        Ok(answer)
    }
}

fn unreachable<G: Group>(failure: &Failure) -> Unreachable<Types<G>> {
    Unreachable::from_string(failure)
}

async fn open(
    client: &Client,
    requests: futures::stream::BoxStream<'static, proto::raft::Request>,
    patience: Duration,
) -> Result<Replies, Failure> {
    let streaming = client
        .peers
        .streaming()
        .ok_or_else(|| Failure::Unsent("this transport has no streams".to_owned()))?;
    streaming
        .append(client.to()?, client.lane, requests, patience)
        .await
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
        let sent = Sent::<G>::of(&rpc);
        let answer = self.rpc(Kind::Append, &rpc, option).await?;
        sent.answered(answer)
            .map_err(|failure| unreachable::<G>(&failure).into())
    }

    /// Entries flow without waiting for answers, where the transport can do that.
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
        if self.client.peers.streaming().is_none() {
            return openraft::network::stream_append_sequential(self, input, option);
        }
        let client = self.client.clone();
        Box::pin(async move {
            let sender = client.clone();
            // Answers come in the order of their questions.
            let unanswered = Arc::new(Mutex::new(VecDeque::new()));
            let asked = Arc::clone(&unanswered);
            let requests = input.map(move |mut rpc| {
                if sender.strip {
                    strip::<G>(&mut rpc);
                }
                asked.lock().push_back(Sent::<G>::of(&rpc));
                // What cannot be encoded is sent as nothing, and refused by the peer.
                sender.request(Kind::Append, encode(&rpc).unwrap_or_default())
            });
            let replies = open(&client, requests.boxed(), option.soft_ttl())
                .await
                .map_err(|failure| unreachable::<G>(&failure))?;
            let results = replies.map(move |reply| {
                let read = |reply: proto::raft::Reply| {
                    let answer = decode(seal::open(&reply)?)
                        .map_err(|error| Failure::Broken(error.to_string()))?;
                    let sent = unanswered.lock().pop_front();
                    let unasked = || Failure::Broken("an answer that nobody asked for".to_owned());
                    sent.ok_or_else(unasked)?.streamed(answer)
                };
                reply
                    .and_then(read)
                    .map_err(|failure| unreachable::<G>(&failure).into())
            });
            Ok(Box::pin(results) as BoxStream<'s, _>)
        })
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types<G>>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types<G>>, RPCError<Types<G>>> {
        self.candidacy(Kind::Vote, rpc, option).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types<G>>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types<G>>, RPCError<Types<G>>> {
        self.candidacy(Kind::PreVote, rpc, option).await
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
        let client = self.client.clone();
        let send = async move {
            let header = client.header.clone();
            let parcel = Parcel::pack::<G>(header, vote, snapshot, client.strip).await?;
            let answer: SnapshotResponse<Types<G>> =
                deliver(&client, &parcel, option.soft_ttl()).await?;
            believe::<G>(&answer.vote, vote.leader_id.term).map(|()| answer)
        };
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            outcome = send => outcome.map_err(|failure| unreachable::<G>(&failure).into()),
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
