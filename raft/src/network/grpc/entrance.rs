//! Behind the door, before anything of a request is read: who may ask what, how long, how many at a time.
//!
//! ```text
//!   connection ── request ──► Entrance ── to join: a few at a time, in little time ─► message ─► Service
//!                                     └── anything else: a known certificate ───────┘
//! ```

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use identity::fingerprint;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tower::{Layer, Service};

use super::whole::Whole;
use crate::local::Local;

/// The one question that needs no certificate.
const JOIN: &str = "/tandem.raft.Admission/Join";
/// Newcomers whose question is looked at, at a time. A cluster has three members.
const NEWCOMERS: usize = 16;
/// For a newcomer to say what it wants.
const PATIENCE: Duration = Duration::from_secs(3);
/// Largest question of somebody who is no member yet.
pub(super) const MAX_JOIN: usize = 16 << 10;

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

    /// Whether somebody whom the members know shows a certificate on this connection.
    fn knows<B>(&self, request: &Request<B>) -> bool {
        if !self.secured {
            return true;
        }
        let connection = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
        let shown = connection.and_then(TlsConnectInfo::peer_certs);
        let shown = shown.as_ref().and_then(|shown| shown.first());
        shown.is_some_and(|shown| self.local.roster.now().knows(fingerprint(shown)))
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
        let watchman = &self.watchman;
        if request.uri().path() == JOIN {
            let Ok(place) = Arc::clone(&watchman.newcomers).try_acquire_owned() else {
                return refused(&Status::resource_exhausted(
                    "too many ask to join at a time: ask again",
                ));
            };
            let answer = self.inner.call(request.map(|body| {
                let end = tokio::time::sleep(PATIENCE);
                Body::new(Whole::new(body, MAX_JOIN).until(end))
            }));
            return Box::pin(async move {
                let answer = answer.await;
                drop(place);
                answer
            });
        }
        if !watchman.knows(&request) {
            return refused(&Status::unauthenticated(
                "no certificate of a member of this cluster",
            ));
        }
        let most = watchman.most;
        Box::pin(
            self.inner
                .call(request.map(|body| Body::new(Whole::new(body, most)))),
        )
    }
}

fn refused<E: 'static>(status: &Status) -> BoxFuture<'static, Result<Response<Body>, E>> {
    let response = status.clone().into_http();
    Box::pin(async { Ok(response) })
}
