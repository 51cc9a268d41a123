//! One connection to one node.

use std::future::Future;
use std::io;
use std::path::Path;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use proto::ops::operator_client::OperatorClient;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

use crate::failure::Failure;

/// Longest wait for an answer; the server gives up on its own parts before that.
const PATIENCE: Duration = Duration::from_secs(10);

/// Largest reply: a hundred thousand sessions, and room to spare.
const LARGEST_REPLY: usize = 128 << 20;

/// A node that listens.
pub(crate) struct Client<'a> {
    socket: &'a Path,
    operator: OperatorClient<Channel>,
    channel: Channel,
}

impl<'a> Client<'a> {
    /// Connects to the node at `socket`.
    pub(crate) async fn connect(socket: &'a Path) -> Result<Self, Failure> {
        let connecting = |cause| Failure::connecting(socket, cause);
        let stream = within(socket, UnixStream::connect(socket))
            .await?
            .map_err(connecting)?;
        // The stream is made out here, where the kernel's reason for refusing is still to be seen;
        // the channel may use it once and has no second.
        let mut once = Some(TokioIo::new(stream));
        let connector = tower::service_fn(move |_| {
            let stream = once.take().ok_or(io::ErrorKind::NotConnected);
            async move { stream.map_err(io::Error::from) }
        });
        let endpoint = Endpoint::from_static("http://tandem");
        let channel = within(socket, endpoint.connect_with_connector(connector)).await?;
        let channel = channel.map_err(|error| Failure::lost(socket, &error))?;
        let operator =
            OperatorClient::new(channel.clone()).max_decoding_message_size(LARGEST_REPLY);
        Ok(Self {
            socket,
            operator,
            channel,
        })
    }

    /// Makes one call and waits for its reply.
    pub(crate) async fn ask<T, F>(
        self,
        call: impl FnOnce(OperatorClient<Channel>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        answer(self.socket, PATIENCE, call(self.operator)).await
    }

    /// Makes one call that changes something and waits for its reply, longer than for a view.
    pub(crate) async fn change<T, F>(
        self,
        call: impl FnOnce(OperatorClient<Channel>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let Self {
            socket, operator, ..
        } = self;
        answer(socket, AGREEMENT, call(operator)).await
    }

    /// Makes one call of another service and waits for its reply, longer than for a view.
    pub(crate) async fn ask_on<T, F>(self, call: impl FnOnce(Channel) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        answer(self.socket, AGREEMENT, call(self.channel)).await
    }
}

async fn answer<T>(
    socket: &Path,
    patience: Duration,
    asked: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    let answered = tokio::time::timeout(patience, asked).await;
    let answered = answered.map_err(|_| Failure::Silent {
        path: socket.to_owned(),
        waited: patience,
    })?;
    answered
        .map(Response::into_inner)
        .map_err(|status| Failure::calling(socket, &status))
}

/// Longest wait for a change that members have to agree on several times.
const AGREEMENT: Duration = Duration::from_secs(30);

async fn within<T>(socket: &Path, waiting: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .map_err(|_| Failure::Silent {
            path: socket.to_owned(),
            waited: PATIENCE,
        })
}
