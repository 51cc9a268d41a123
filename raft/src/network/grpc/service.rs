//! The services that others call: certificates are checked here, the rest is left to the [`Server`] and
//! to the [`Issuer`].

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use identity::fingerprint;
use proto::raft::admission_server::Admission;
use proto::raft::peering_server::Peering;
use proto::raft::{
    Header, HelloReply, HelloRequest, JoinReply, JoinRequest, RenewReply, RenewRequest, Reply,
    Request as Message, SnapshotChunk,
};
use raft_state::CertificateRecord;
use tonic::{Request, Response, Status, Streaming};
use types::NodeId;

use super::status::{heard, told};
use super::tls::{Tls, judged, shown};
use crate::dismissed::Dismissed;
use crate::issuer::Issuer;
use crate::network::server::Server;
use crate::network::transport::Failure;
use crate::plan::Member;

/// A [`Server`] behind gRPC.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) server: Server,
    /// The transport's certificates, if it has any; then they count.
    pub(crate) tls: Option<Tls>,
    /// Makes members, on nodes that can.
    pub(crate) issuer: Option<Arc<Issuer>>,
}

/// A sender whose certificate was checked: it may go on as long as that is still true.
struct Checked {
    sender: Member,
    shown: Option<CertificateRecord>,
}

impl Service {
    /// Refuses a sender whose certificate is another's, or no member's (any more).
    fn check<T>(&self, request: &Request<T>, header: Option<&Header>) -> Result<Checked, Status> {
        let sender = self.server.sender(header).map_err(told)?;
        self.check_member(request, sender)
    }

    fn check_member<T>(&self, request: &Request<T>, sender: Member) -> Result<Checked, Status> {
        let Some(tls) = &self.tls else {
            return Ok(Checked {
                sender,
                shown: None,
            });
        };
        let view = self.server.local.roster.now();
        let shown = tls
            .check_member(&view, &sender, shown(request).as_ref())
            .map_err(told)?;
        Ok(Checked {
            sender,
            shown: Some(shown),
        })
    }

    /// Whether what was checked when a stream began is still true.
    fn still(&self, checked: &Checked) -> Result<(), Failure> {
        match checked.shown {
            Some(shown) => judged(&self.server.local.roster.now(), &checked.sender, shown),
            None => Ok(()),
        }
    }

    async fn open_append(
        &self,
        mut request: Request<Streaming<Message>>,
    ) -> Result<BoxStream<'static, Result<Reply, Status>>, Status> {
        let first = first(&mut request).await?;
        let checked = self.check(&request, first.header.as_ref())?;
        let service = self.clone();
        let rest = request.into_inner().map(move |message| {
            let message = message.map_err(|e| heard(&e))?;
            service.still(&checked).map(|()| message)
        });
        let replies = self.server.append(first, rest.boxed()).map_err(told)?;
        Ok(replies.map(|reply| reply.map_err(told)).boxed())
    }

    /// A question about how this member is comes from a member, too.
    fn check_hello(&self, request: &Request<HelloRequest>) -> Result<(), Status> {
        if self.tls.is_none() {
            return Ok(());
        }
        let source = u8::try_from(request.get_ref().source).unwrap_or_default();
        let member = self.member(NodeId(source))?;
        self.check_member(request, member).map(drop)
    }

    /// How whoever asks ceased to be a member: its certificate says who it was.
    fn dismissed(&self, request: &Request<HelloRequest>) -> Option<Dismissed> {
        self.tls.as_ref()?;
        let source = NodeId(u8::try_from(request.get_ref().source).ok()?);
        let print = fingerprint(&shown(request)?);
        self.server.local.roster.now().dismissed(source, print)
    }

    fn member(&self, node: NodeId) -> Result<Member, Status> {
        let known = self.server.local.roster.now().get(node).cloned();
        known.ok_or_else(|| {
            Status::unauthenticated(format!("node {node} is not a member of this cluster"))
        })
    }

    fn issuer(&self) -> Result<&Issuer, Status> {
        self.issuer.as_deref().ok_or_else(|| {
            let name = &self.server.local.me.name;
            Status::unimplemented(format!("{name} cannot make members: ask another node"))
        })
    }
}

async fn first<T>(request: &mut Request<Streaming<T>>) -> Result<T, Status> {
    let first = request.get_mut().message().await?;
    first.ok_or_else(|| Status::invalid_argument("the stream is empty"))
}

#[tonic::async_trait]
impl Peering for Service {
    type AppendStream = BoxStream<'static, Result<Reply, Status>>;

    async fn call(&self, request: Request<Message>) -> Result<Response<Reply>, Status> {
        self.check(&request, request.get_ref().header.as_ref())?;
        let reply = self.server.call(request.into_inner()).await;
        reply.map(Response::new).map_err(told)
    }

    async fn append(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        let service = self.clone();
        // Headers go back at once; what is wrong with the first request is told as the first reply.
        let opened = futures::stream::once(async move { service.open_append(request).await });
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
        let first = first(&mut request).await?;
        self.check(&request, first.header.as_ref())?;
        let rest = request
            .into_inner()
            .map(|chunk| chunk.map_err(|e| heard(&e)));
        let reply = self.server.snapshot(first, rest.boxed()).await;
        reply.map(Response::new).map_err(told)
    }

    async fn hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        if let Some(how) = self.dismissed(&request) {
            return Ok(Response::new(self.server.farewell(how)));
        }
        self.check_hello(&request)?;
        let reply = self.server.hello(request.get_ref());
        reply.map(Response::new).map_err(told)
    }
}

#[tonic::async_trait]
impl Admission for Service {
    /// The one question that needs no certificate: the token's secret is checked instead.
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinReply>, Status> {
        let reply = self.issuer()?.join(request.into_inner()).await;
        reply.map(Response::new).map_err(told)
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewReply>, Status> {
        let issuer = self.issuer()?;
        let source = u8::try_from(request.get_ref().source).unwrap_or_default();
        let member = self.member(NodeId(source))?;
        let sender = self.check_member(&request, member)?.sender;
        let reply = issuer.renew(sender.id, request.into_inner()).await;
        reply.map(Response::new).map_err(told)
    }
}
