//! The service that other members call: it checks certificates and leaves the rest to the [`Server`].

use futures::StreamExt;
use futures::stream::BoxStream;
use proto::raft::peering_server::Peering;
use proto::raft::{Header, HelloReply, HelloRequest, Reply, Request as Message, SnapshotChunk};
use tonic::{Request, Response, Status, Streaming};

use super::status::{heard, told};
use super::tls::check_sender;
use crate::network::server::Server;

/// A [`Server`] behind gRPC.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) server: Server,
    /// The transport has certificates, and they count.
    pub(crate) secure: bool,
}

impl Service {
    /// Refuses a sender whose certificate is another member's.
    fn check<T>(&self, request: &Request<T>, header: Option<&Header>) -> Result<(), Status> {
        let sender = self.server.sender(header).map_err(told)?;
        if self.secure {
            check_sender(request, &sender.name)
        } else {
            Ok(())
        }
    }

    async fn open_append(
        &self,
        mut request: Request<Streaming<Message>>,
    ) -> Result<BoxStream<'static, Result<Reply, Status>>, Status> {
        let first = first(&mut request).await?;
        self.check(&request, first.header.as_ref())?;
        let rest = request
            .into_inner()
            .map(|message| message.map_err(|e| heard(&e)));
        let replies = self.server.append(first, rest.boxed()).map_err(told)?;
        Ok(replies.map(|reply| reply.map_err(told)).boxed())
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
        let reply = self.server.hello(request.get_ref());
        reply.map(Response::new).map_err(told)
    }
}
