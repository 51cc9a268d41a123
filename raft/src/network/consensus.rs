//! The consensus library's network: its messages as requests to other members.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::storage::Snapshot;
use parking_lot::Mutex;
use proto::raft::Kind;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::believed::{Sent, believe};
use super::client::{Client, Clients};
use super::entries::{paced, strip};
use super::line::{Line, open};
use super::snapshot::{Parcel, deliver};
use super::transport::{Failure, Lane};
use crate::group::{Group, Types, Vote};

/// After a stream that did not open. The consensus library rests between requests, and where none could
/// be sent it would try again at once, for as long as the other host says that nobody is there.
const REST: Duration = Duration::from_millis(20);

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
    /// The stream of earlier heartbeats; locked by nobody, since the library wants to share what it does
    /// not use at a time.
    line: Mutex<Option<Line>>,
    group: std::marker::PhantomData<G>,
}

impl<G: Group> GroupClient<G> {
    const fn new(client: Client) -> Self {
        Self {
            client,
            line: Mutex::new(None),
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
            .map_err(|failure| {
                self.client.missed(&failure);
                unreachable::<G>(&failure).into()
            })
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

/// What came back for requests with entries.
type Results<'s, G> = BoxStream<'s, Result<StreamAppendResult<Types<G>>, RPCError<Types<G>>>>;

impl<G: Group> GroupClient<G> {
    /// One heartbeat, on the stream of the ones before.
    async fn heartbeat<'s>(
        &mut self,
        mut input: impl Stream<Item = AppendEntriesRequest<Types<G>>> + Unpin,
        patience: Duration,
    ) -> Result<Results<'s, G>, RPCError<Types<G>>> {
        let Some(rpc) = input.next().await else {
            return Ok(futures::stream::empty().boxed());
        };
        let line = self.line.get_mut().take();
        let client = &self.client;
        let (sent, request) = client.entries::<G>(rpc);
        let asked = Line::ask(line, client, request, patience).await;
        let answered = asked.and_then(|(line, reply)| Ok((line, client.answer(&sent, &reply)?)));
        let (line, result) = answered.map_err(|failure| unreachable::<G>(&failure))?;
        *self.line.get_mut() = Some(line);
        Ok(futures::stream::iter([Ok(result)]).boxed())
    }

    /// Entries, as they come.
    async fn entries<'s>(
        &mut self,
        input: impl Stream<Item = AppendEntriesRequest<Types<G>>> + OptionalSend + Unpin + 'static,
        patience: Duration,
    ) -> Result<Results<'s, G>, RPCError<Types<G>>> {
        let (sender, receiver) = (self.client.clone(), self.client.clone());
        // Answers come in the order of their questions.
        let unanswered = Arc::new(Mutex::new(VecDeque::new()));
        let asked = Arc::clone(&unanswered);
        let requests = paced::<G>(self.client.clone(), input).map(move |rpc| {
            let (sent, request) = sender.entries::<G>(rpc);
            asked.lock().push_back(sent);
            request
        });
        let replies = match open(&self.client, requests.boxed(), patience).await {
            Ok(replies) => replies,
            Err(failure) => {
                self.client.missed(&failure);
                tokio::time::sleep(REST).await;
                return Err(unreachable::<G>(&failure).into());
            }
        };
        let results = replies.map(move |reply| {
            let read = |reply: proto::raft::Reply| {
                let sent = unanswered.lock().pop_front();
                let unasked = || Failure::Broken("an answer that nobody asked for".to_owned());
                receiver.answer(&sent.ok_or_else(unasked)?, &reply)
            };
            reply
                .and_then(read)
                .map_err(|failure| unreachable::<G>(&failure).into())
        });
        Ok(results.boxed())
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
            self.client.turn(&rpc).await;
            strip::<G>(&mut rpc);
        }
        let sent = Sent::<G>::of(&rpc, self.client.local.clock.now());
        let (at, last) = (sent.at, sent.last);
        let answer = self.rpc(Kind::Append, &rpc, option).await?;
        let answer = sent
            .answered(answer)
            .map_err(|failure| unreachable::<G>(&failure))?;
        if answer.is_success() {
            self.client.acknowledged(at);
            self.client.holds::<G>(last);
        }
        Ok(answer)
    }

    /// Entries flow without waiting for answers, where the transport can do that.
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<Results<'s, G>, RPCError<Types<G>>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types<G>>> + OptionalSend + Unpin + 'static,
    {
        let heartbeat = match self.client.lane {
            Lane::Urgent => true,
            Lane::Bulk => false,
        };
        if heartbeat && self.client.is_spared() {
            // Not asked and not answered: the consensus counts it as a heartbeat that was lost.
            return Box::pin(async { Ok(futures::stream::empty().boxed() as Results<'s, G>) });
        }
        let streams = self.client.peers.streaming().is_some();
        match (streams, heartbeat) {
            (true, true) => Box::pin(self.heartbeat(input, option.soft_ttl())),
            (true, false) => Box::pin(self.entries(input, option.soft_ttl())),
            (false, true) => openraft::network::stream_append_sequential(self, input, option),
            (false, false) => {
                let paced = paced::<G>(self.client.clone(), input);
                openraft::network::stream_append_sequential(self, paced, option)
            }
        }
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
