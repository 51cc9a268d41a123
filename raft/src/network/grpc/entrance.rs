//! Behind the door, before anything of a request is read: who may ask what, how long, how many at a time.
//!
//! ```text
//!   connection ── request ──► Entrance ─┬─ to join: a few at a time, in little time ─► message ─► Service
//!                                       ├─ of a known certificate ────────────────────┤
//!                                       └─ of the authority's, unknown: as to join ───┘
//! ```
//! A certificate that the cluster's authority has signed and nobody knows is that of a machine that was
//! removed, which is told so.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use identity::Certificate;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tower::{Layer, Service};

use super::whole::Whole;
use crate::enrolment::record_of;
use crate::local::Local;

/// The one question that needs no certificate.
const JOIN: &str = "/tandem.raft.Admission/Join";
/// Newcomers whose question is looked at, at a time. A cluster has three members.
const NEWCOMERS: usize = 16;
/// For a newcomer to say what it wants.
const PATIENCE: Duration = Duration::from_secs(3);
/// Largest question of somebody who is no member yet.
pub(super) const MAX_JOIN: usize = 16 << 10;

/// Who asks something.
enum Guest {
    /// Its certificate is known.
    Member,
    /// It may have something short to say.
    Newcomer,
    /// It shows nothing.
    Nobody,
}

/// Puts an [`Entrance`] before a service.
#[derive(Clone)]
pub(super) struct Watchman {
    pub(super) local: Arc<Local>,
    /// Members show certificates.
    pub(super) secured: bool,
    /// Largest message of a member.
    pub(super) most: usize,
    newcomers: Arc<Semaphore>,
}

impl Watchman {
    pub(super) fn new(local: &Arc<Local>, secured: bool, most: usize) -> Self {
        Self {
            local: Arc::clone(local),
            secured,
            most,
            newcomers: Arc::new(Semaphore::new(NEWCOMERS)),
        }
    }

    /// Who it is that asks.
    fn look<B>(&self, request: &Request<B>) -> Guest {
        if request.uri().path() == JOIN {
            return Guest::Newcomer;
        }
        if !self.secured {
            return Guest::Member;
        }
        let connection = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
        let shown = connection.and_then(TlsConnectInfo::peer_certs);
        let shown = shown.as_ref().and_then(|shown| shown.first());
        let read = shown.map(|shown| Certificate::from_der(shown.clone().into_owned()));
        match read {
            Some(Ok(shown)) if self.local.roster.now().knows(record_of(&shown)) => Guest::Member,
            Some(Ok(_)) => Guest::Newcomer,
            Some(Err(_)) | None => Guest::Nobody,
        }
    }
}

impl<S> Layer<S> for Watchman {
    type Service = Entrance<S>;

    fn layer(&self, inner: S) -> Entrance<S> {
        Entrance {
            watchman: self.clone(),
            inner,
        }
    }
}

/// A service behind a [`Watchman`].
#[derive(Clone)]
pub(super) struct Entrance<S> {
    watchman: Watchman,
    inner: S,
}

impl<S> Service<Request<Body>> for Entrance<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.watchman.look(&request) {
            Guest::Member => {
                let most = self.watchman.most;
                let request = request.map(|body| Body::new(Whole::new(body, most)));
                Box::pin(self.inner.call(request))
            }
            Guest::Newcomer => self.hear_newcomer(request),
            Guest::Nobody => refused(&Status::unauthenticated(
                "no certificate of a member of this cluster",
            )),
        }
    }
}

impl<S> Entrance<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    /// Hears something short, from a few at a time.
    fn hear_newcomer(
        &mut self,
        request: Request<Body>,
    ) -> BoxFuture<'static, Result<Response<Body>, S::Error>> {
        let Ok(place) = Arc::clone(&self.watchman.newcomers).try_acquire_owned() else {
            return refused(&Status::resource_exhausted(
                "too many ask to join at a time: ask again",
            ));
        };
        let answer = self.inner.call(request.map(|body| {
            let end = tokio::time::sleep(PATIENCE);
            Body::new(Whole::new(body, MAX_JOIN).until(end))
        }));
        Box::pin(async move {
            let answer = answer.await;
            drop(place);
            answer
        })
    }
}

fn refused<E: 'static>(status: &Status) -> BoxFuture<'static, Result<Response<Body>, E>> {
    let response = status.clone().into_http();
    Box::pin(async { Ok(response) })
}
