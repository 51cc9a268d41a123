//! The members' end of the service: who is meant is checked here, before anything else.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use openraft::errors::{ClientWriteError, RaftError};
use proto::raft::peering_server::Peering;
use proto::raft::{Header, HelloReply, HelloRequest, Reply, Request as Message, SnapshotChunk};
use tonic::{Request, Response, Status, Streaming};

use super::questions::ProposeReply;
use super::tls::check_sender;
use crate::group::{ControlGroup, Group, GroupName, MemberId, MemoryGroup};
use crate::local::Local;
use crate::seat::{Running, Seat};
use crate::status::Health;

/// Answers other members.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) local: Arc<Local>,
    pub(crate) control: Arc<Seat<ControlGroup>>,
    pub(crate) state: Arc<Seat<MemoryGroup>>,
    pub(crate) secure: bool,
}

pub(super) fn bad(reason: impl Into<String>) -> Status {
    Status::invalid_argument(reason)
}

pub(super) fn wrong(reason: impl Into<String>) -> Status {
    Status::failed_precondition(reason)
}

impl Server {
    /// The group that is meant, if cluster and sender are right.
    pub(super) fn group(&self, header: Option<&Header>) -> Result<(GroupName, MemberId), Status> {
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
    pub(super) fn target<G: Group>(seat: &Seat<G>, header: &Header) -> Result<Running<G>, Status> {
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
        Err(
            RaftError::APIError(
                ClientWriteError::LogEntryDiscarded(_)
                | ClientWriteError::ChangeMembershipError(_)
                | ClientWriteError::PreconditionFailed(_),
            )
            | RaftError::Fatal(_),
        ) => ProposeReply::Unknown,
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
        let seen = question.notice_seen;
        let notice = seen.and_then(|seen| self.local.notices.unseen(seen));
        let notice = notice.unwrap_or_default();
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
            notice_number: notice.number,
            notice: notice.content,
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
                let running = Self::target(&*self.control, &header)?;
                self.append_group(&self.control, &running, first, rest)
            }
            GroupName::State => {
                let running = Self::target(&*self.state, &header)?;
                self.append_group(&self.state, &running, first, rest)
            }
        })
    }
}
