//! The members' end of the service: who is meant is checked first, then the group's instance answers.

use std::net::TcpListener;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use openraft::errors::{ClientWriteError, RaftError};
use openraft::raft::AppendEntriesRequest;
use parking_lot::Mutex;
use proto::raft::peering_server::{Peering, PeeringServer};
use proto::raft::{
    Header, HelloReply, HelloRequest, Kind, Reply, Request as Message, SnapshotChunk,
};
use raft_state::Versioned;
use runtime::Shutdown;
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

use super::peer::MAX_MESSAGE;
use super::snapshot;
use super::tls::{Tls, check_sender};
use crate::error::StartError;
use crate::group::{ControlGroup, Group, GroupName, MemberId, MemoryGroup, Types};
use crate::local::Local;
use crate::membership;
use crate::seat::{Running, Seat};
use crate::status::Health;
use crate::store::{decode, encode};

/// What the leader says to a proposal that another member passed on.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum ProposeReply<O> {
    /// It is part of the state.
    Done(O),
    /// Another one leads, perhaps this one; nothing was proposed.
    NotLeader(Option<u64>),
    /// It was proposed and may or may not be agreed on.
    Unknown,
}

/// What a member says to somebody who wants to take part.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum JoinReply {
    /// It is a voter now.
    Member,
    /// Somebody else leads.
    NotLeader,
    /// It is under way; ask again.
    NotYet,
}

/// Answers other members.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) local: Arc<Local>,
    pub(crate) control: Arc<Seat<ControlGroup>>,
    pub(crate) state: Arc<Seat<MemoryGroup>>,
    pub(crate) secure: bool,
}

/// Serves on all `listeners` until the end.
pub(crate) async fn serve(
    server: Server,
    listeners: Vec<tokio::net::TcpListener>,
    tls: Option<Tls>,
    mut shutdown: Shutdown,
) {
    let incoming = futures::stream::select_all(listeners.into_iter().map(TcpListenerStream::new))
        .filter_map(|accepted| async {
            // A connection that died in the queue is its owner's loss alone.
            let stream = accepted.ok()?;
            stream.set_nodelay(true).ok()?;
            Some(Ok::<_, std::io::Error>(stream))
        });
    let mut builder = tonic::transport::Server::builder();
    if let Some(tls) = tls {
        match builder.tls_config(tls.for_server()) {
            Ok(secured) => builder = secured,
            Err(error) => {
                // The same certificates were accepted when the group was started.
                tracing::error!(%error, "the certificates cannot be used any more");
                return;
            }
        }
    }
    let service = PeeringServer::new(server)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let served = builder
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(8 << 20)
        .add_service(service)
        .serve_with_incoming(incoming);
    // At the end connections are cut: a member that waits for its peers to hang up never ends.
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::error!(%error, "members cannot reach this one any more");
        },
        () = shutdown.requested() => {}
    }
}

/// Checks the certificates before anything depends on them.
pub(crate) fn check_tls(tls: &Tls) -> Result<(), StartError> {
    tonic::transport::Server::builder()
        .tls_config(tls.for_server())
        .map(drop)
        .map_err(StartError::Tls)
}

/// Makes bound sockets usable by the current runtime.
pub(crate) fn adopt(
    listeners: Vec<TcpListener>,
) -> Result<Vec<tokio::net::TcpListener>, StartError> {
    listeners
        .into_iter()
        .map(|listener| {
            listener.set_nonblocking(true)?;
            tokio::net::TcpListener::from_std(listener)
        })
        .collect::<Result<_, _>>()
        .map_err(StartError::Listener)
}

fn bad(reason: impl Into<String>) -> Status {
    Status::invalid_argument(reason)
}

fn wrong(reason: impl Into<String>) -> Status {
    Status::failed_precondition(reason)
}

fn reply<T: Serialize>(value: &T) -> Result<Reply, Status> {
    let payload = encode(value).map_err(|error| Status::internal(error.to_string()))?;
    Ok(Reply {
        payload: payload.into(),
    })
}

fn question<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, Status> {
    decode(payload).map_err(|error| bad(error.to_string()))
}

fn ended<E: std::fmt::Display>(error: E) -> Status {
    Status::aborted(error.to_string())
}

impl Server {
    /// The group that is meant, if cluster and sender are right.
    fn group(&self, header: Option<&Header>) -> Result<(GroupName, MemberId), Status> {
        let header = header.ok_or_else(|| bad("no header"))?;
        if header.cluster_id != self.local.cluster_id {
            return Err(wrong("this is another cluster"));
        }
        let group = GroupName::from_wire(header.group).ok_or_else(|| bad("no such group"))?;
        let source = MemberId::from_u64(header.source).ok_or_else(|| bad("no such member"))?;
        Ok((group, source))
    }

    /// Refuses a sender whose certificate is another member's.
    fn check_sender<T>(&self, request: &Request<T>, source: MemberId) -> Result<(), Status> {
        if !self.secure {
            return Ok(());
        }
        let member = self
            .local
            .members
            .iter()
            .find(|member| member.id == source.node)
            .ok_or_else(|| bad("the plan does not know the sender"))?;
        check_sender(request, &member.name)
    }

    /// The instance that is meant, if it runs.
    fn target<G: Group>(&self, seat: &Seat<G>, header: &Header) -> Result<Running<G>, Status> {
        let running = seat
            .running()
            .ok_or_else(|| wrong(format!("the {} group does not run here", G::NAME)))?;
        if header.generation != running.generation {
            return Err(wrong(format!(
                "generation {} runs here",
                running.generation
            )));
        }
        if header.target != running.id.to_u64() {
            return Err(wrong("this is another member, or another life of it"));
        }
        Ok(running)
    }

    async fn call_group<G: Group>(
        &self,
        seat: &Seat<G>,
        message: &Message,
        source: MemberId,
    ) -> Result<Reply, Status> {
        let header = message.header.as_ref().ok_or_else(|| bad("no header"))?;
        let payload = &message.payload;
        if message.kind() == Kind::Join {
            return self.join(seat, header, source).await;
        }
        let running = self.target(seat, header)?;
        let raft = &running.raft;
        match message.kind() {
            Kind::Append => {
                let answer = raft.append_entries(question(payload)?).await;
                let answer = answer.map_err(ended)?;
                seat.heard_leader(self.local.clock.now());
                reply(&answer)
            }
            Kind::Vote => reply(&raft.vote(question(payload)?).await.map_err(ended)?),
            Kind::PreVote => reply(&raft.pre_vote(question(payload)?).await.map_err(ended)?),
            Kind::TransferLeader if self.local.is_witness() => Err(wrong("a witness never leads")),
            Kind::TransferLeader => {
                let answer = raft.handle_transfer_leader(question(payload)?).await;
                reply(&answer.map_err(ended)?)
            }
            Kind::Propose => {
                let command: Vec<u8> = question(payload)?;
                let command =
                    G::Command::decode(&command).map_err(|error| bad(error.to_string()))?;
                reply(&propose_here(&running, command).await)
            }
            Kind::Join | Kind::Unspecified => Err(bad("no such question")),
        }
    }

    async fn join<G: Group>(
        &self,
        seat: &Seat<G>,
        header: &Header,
        source: MemberId,
    ) -> Result<Reply, Status> {
        let Some(running) = seat
            .running()
            .filter(|running| running.generation == header.generation)
        else {
            return Err(wrong("another generation runs here"));
        };
        reply(&membership::admit(seat, &running, source).await)
    }

    /// Feeds a stream of entries to the group's instance.
    fn append_group<G: Group>(
        &self,
        seat: &Arc<Seat<G>>,
        running: &Running<G>,
        first: Message,
        rest: Streaming<Message>,
    ) -> BoxStream<'static, Result<Reply, Status>> {
        // Why the stream of requests ended early; told after the answers to what came before.
        let failure = Arc::new(Mutex::new(None));
        let (server, seat_of_input) = (self.clone(), Arc::clone(seat));
        let failed = Arc::clone(&failure);
        let input = futures::stream::iter([Ok(first)])
            .chain(rest)
            .map(move |message| server.entries_of(&seat_of_input, &message?))
            .scan((), move |(), entries| {
                // A request that is not understood ends the stream.
                futures::future::ready(entries.map_err(|status| *failed.lock() = Some(status)).ok())
            });
        let output = running
            .raft
            .stream_append(Box::pin(input))
            .map(|result| reply(&result.map_err(ended)?));
        let end = futures::stream::once(async move { failure.lock().take() })
            .filter_map(|failure| async { failure.map(Err) });
        output.chain(end).boxed()
    }

    fn entries_of<G: Group>(
        &self,
        seat: &Seat<G>,
        message: &Message,
    ) -> Result<AppendEntriesRequest<Types<G>>, Status> {
        let (_group, source) = self.group(message.header.as_ref())?;
        let header = message.header.as_ref().ok_or_else(|| bad("no header"))?;
        self.target(seat, header)?;
        self.local.heard(source.node);
        seat.heard_leader(self.local.clock.now());
        question(&message.payload)
    }

    async fn install<G: Group>(
        &self,
        seat: &Seat<G>,
        header: &Header,
        first: SnapshotChunk,
        mut rest: Streaming<SnapshotChunk>,
    ) -> Result<Reply, Status> {
        let running = self.target(seat, header)?;
        let (vote, snapshot) = snapshot::collect::<G>(first, &mut rest).await?;
        let answer = running.raft.install_full_snapshot(vote, snapshot).await;
        seat.heard_leader(self.local.clock.now());
        reply(&answer.map_err(ended)?)
    }
}

/// Proposes on this member, which may or may not lead.
pub(crate) async fn propose_here<G: Group>(
    running: &Running<G>,
    command: G::Command,
) -> ProposeReply<G::Outcome> {
    match running.raft.client_write(command).await {
        Ok(response) => ProposeReply::Done(response.data),
        Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
            ProposeReply::NotLeader(forward.leader_id)
        }
        Err(RaftError::APIError(
            ClientWriteError::LogEntryDiscarded(_)
            | ClientWriteError::ChangeMembershipError(_)
            | ClientWriteError::PreconditionFailed(_),
        )) => ProposeReply::Unknown,
        Err(RaftError::Fatal(_)) => ProposeReply::Unknown,
    }
}

#[tonic::async_trait]
impl Peering for Server {
    type AppendStream = BoxStream<'static, Result<Reply, Status>>;

    async fn call(&self, request: Request<Message>) -> Result<Response<Reply>, Status> {
        let (group, source) = self.group(request.get_ref().header.as_ref())?;
        self.check_sender(&request, source)?;
        self.local.heard(source.node);
        let message = request.into_inner();
        let reply = match group {
            GroupName::Control => self.call_group(&*self.control, &message, source).await,
            GroupName::State => self.call_group(&*self.state, &message, source).await,
        };
        reply.map(Response::new)
    }

    async fn append(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        let server = self.clone();
        // Headers go back at once; what is wrong with the first request is told as the first reply.
        let opened = futures::stream::once(async move { server.open_append(request).await });
        let replies = opened.flat_map(|opened| match opened {
            Ok(replies) => replies,
            Err(status) => futures::stream::iter([Err(status)]).boxed(),
        });
        Ok(Response::new(replies.boxed()))
    }

    async fn snapshot(
        &self,
        mut request: Request<Streaming<SnapshotChunk>>,
    ) -> Result<Response<Reply>, Status> {
        let first = request
            .get_mut()
            .message()
            .await?
            .ok_or_else(|| bad("no snapshot"))?;
        let header = first.header.clone().ok_or_else(|| bad("no header"))?;
        let (group, source) = self.group(Some(&header))?;
        self.check_sender(&request, source)?;
        self.local.heard(source.node);
        let rest = request.into_inner();
        let reply = match group {
            GroupName::Control => self.install(&*self.control, &header, first, rest).await,
            GroupName::State => self.install(&*self.state, &header, first, rest).await,
        };
        reply.map(Response::new)
    }

    async fn hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let question = request.get_ref();
        if question.cluster_id != self.local.cluster_id {
            return Err(wrong("this is another cluster"));
        }
        if question.node != u32::from(self.local.me.id.0) {
            return Err(wrong(format!("this is node {}", self.local.me.id)));
        }
        let patience = self.local.timing.state.election_max * 2;
        Ok(Response::new(HelloReply {
            cluster_id: self.local.cluster_id.clone(),
            node: u32::from(self.local.me.id.0),
            control_formed: self
                .control
                .running()
                .is_some_and(|running| running.is_formed()),
            generation: self.state.running().map_or(0, |running| running.generation),
            state_healthy: self.state.health(self.local.clock.now(), patience) == Health::Ok,
            state_voter: self
                .state
                .running()
                .is_some_and(|running| running.is_voter()),
        }))
    }
}

impl Server {
    async fn open_append(
        &self,
        mut request: Request<Streaming<Message>>,
    ) -> Result<BoxStream<'static, Result<Reply, Status>>, Status> {
        let first = request
            .get_mut()
            .message()
            .await?
            .ok_or_else(|| bad("no entries"))?;
        let header = first.header.clone().ok_or_else(|| bad("no header"))?;
        let (group, source) = self.group(Some(&header))?;
        self.check_sender(&request, source)?;
        let rest = request.into_inner();
        Ok(match group {
            GroupName::Control => {
                let running = self.target(&*self.control, &header)?;
                self.append_group(&self.control, &running, first, rest)
            }
            GroupName::State => {
                let running = self.target(&*self.state, &header)?;
                self.append_group(&self.state, &running, first, rest)
            }
        })
    }
}
