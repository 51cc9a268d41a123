//! The API server: a thin layer from gRPC calls to the port, with a deadline and a header on each.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proto::Stamped;
use proto::ops::members_server::MembersServer;
use proto::ops::operator_server::{Operator, OperatorServer};
use proto::ops::{
    ClusterReply, CommitConfigReply, CommitConfigRequest, ConfigReply, DropCandidateReply,
    DropCandidateRequest, DropsReply, FibReply, HaDriftReply, HaLinksReply, HaReply,
    InterfacesReply, LineageReply, NeighborsReply, ProcessorsReply, SessionsReply,
    ShowClusterRequest, ShowConfigRequest, ShowDropsRequest, ShowFibRequest, ShowHaDriftRequest,
    ShowHaLinksRequest, ShowHaRequest, ShowInterfacesRequest, ShowNeighborsRequest,
    ShowProcessorsRequest, ShowSessionsRequest, ShowVersionRequest, ShowVrrpRequest,
    SurviveClusterRequest, ThawClusterRequest, VersionReply, VrrpReply,
};
use runtime::Subsystem;
use tonic::transport::server::UdsConnectInfo;
use tonic::{Request, Response, Status};
use types::{MAX_CONFIGURATION_BYTES, Revision};

use crate::door;
use crate::members::MembersApi;
use crate::ports::{Answer, Commit, GoOn, Node, Unanswered};
use crate::socket::{self, ServeError};
use crate::view::SessionFilter;

/// Longest that a question may stay open: a person is waiting, and a stuck actor must not pile up
/// questions behind it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest that a commit may take: the control group tries for five seconds to agree on it, and then
/// the node puts it in force.
const COMMIT_PATIENCE: Duration = Duration::from_secs(12);

/// Largest request: a configuration, and room for what surrounds it.
const LARGEST_REQUEST: usize = MAX_CONFIGURATION_BYTES + 64 * 1024;

/// Questions of one connection that are worked on at once; more wait in the connection.
const CALLS_PER_CONNECTION: usize = 8;

/// For open connections to end when the node stops; who says nothing, or asks for longer, is cut off.
const FAREWELL: Duration = Duration::from_secs(1);

/// Answers operators at the Unix socket `path` until `subsystem` stops.
///
/// The socket exists, with its permissions, when this returns. It is removed at the end.
pub async fn serve(
    path: &Path,
    node: Arc<dyn Node>,
    subsystem: &mut Subsystem,
) -> Result<(), ServeError> {
    let listener = socket::bind(path).await?;
    let path = path.to_owned();
    let mut shutdown = subsystem.shutdown();
    let server = tonic::transport::Server::builder()
        .concurrency_limit_per_connection(CALLS_PER_CONNECTION)
        .add_service(MembersServer::new(MembersApi {
            node: Arc::clone(&node),
        }))
        .add_service(OperatorServer::new(Api { node }).max_decoding_message_size(LARGEST_REQUEST));
    subsystem.spawn("ops", async move {
        let incoming = door::watch(listener, door::PLACES);
        let mut late = shutdown.clone();
        let late = async move {
            late.requested().await;
            tokio::time::sleep(FAREWELL).await;
        };
        let stop = async move { shutdown.requested().await };
        let serving = server.serve_with_incoming_shutdown(incoming, stop);
        // Cancel safe: who has not taken leave by then is cut off.
        tokio::select! {
            end = serving => {
                if let Err(error) = end {
                    tracing::error!(%error, "the operators' API ended");
                }
            }
            () = late => {}
        }
        socket::give_back(&path).await;
    });
    Ok(())
}

struct Api {
    node: Arc<dyn Node>,
}

impl Api {
    async fn answer<T: Stamped>(&self, asked: Answer<'_, T>) -> Result<Response<T>, Status> {
        let late = |_| Unanswered::Late {
            part: "node",
            waited: PATIENCE,
        };
        let answered = tokio::time::timeout(PATIENCE, asked)
            .await
            .map_err(late)
            .flatten();
        self.reply(answered)
    }

    fn reply<T: Stamped>(&self, answered: Result<T, Unanswered>) -> Result<Response<T>, Status> {
        let mut reply = answered.map_err(|error| status(&error))?;
        reply.set_stamp(self.node.header().stamp());
        Ok(Response::new(reply))
    }
}

#[tonic::async_trait]
impl Operator for Api {
    async fn show_ha(&self, _: Request<ShowHaRequest>) -> Result<Response<HaReply>, Status> {
        self.answer(self.node.ha()).await
    }

    async fn show_ha_drift(
        &self,
        _: Request<ShowHaDriftRequest>,
    ) -> Result<Response<HaDriftReply>, Status> {
        self.answer(self.node.ha_drift()).await
    }

    async fn show_ha_links(
        &self,
        _: Request<ShowHaLinksRequest>,
    ) -> Result<Response<HaLinksReply>, Status> {
        self.answer(self.node.ha_links()).await
    }

    async fn show_vrrp(&self, _: Request<ShowVrrpRequest>) -> Result<Response<VrrpReply>, Status> {
        self.answer(self.node.vrrp()).await
    }

    async fn show_interfaces(
        &self,
        _: Request<ShowInterfacesRequest>,
    ) -> Result<Response<InterfacesReply>, Status> {
        self.answer(self.node.interfaces()).await
    }

    async fn show_sessions(
        &self,
        request: Request<ShowSessionsRequest>,
    ) -> Result<Response<SessionsReply>, Status> {
        let filter = SessionFilter::try_from(request.into_inner())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        self.answer(self.node.sessions(filter)).await
    }

    async fn show_cluster(
        &self,
        _: Request<ShowClusterRequest>,
    ) -> Result<Response<ClusterReply>, Status> {
        self.answer(self.node.cluster()).await
    }

    async fn show_fib(&self, _: Request<ShowFibRequest>) -> Result<Response<FibReply>, Status> {
        self.answer(self.node.fib()).await
    }

    async fn show_drops(
        &self,
        _: Request<ShowDropsRequest>,
    ) -> Result<Response<DropsReply>, Status> {
        self.answer(self.node.drops()).await
    }

    async fn show_config(
        &self,
        request: Request<ShowConfigRequest>,
    ) -> Result<Response<ConfigReply>, Status> {
        let candidate = request.into_inner().candidate;
        self.answer(self.node.config(candidate)).await
    }

    async fn show_neighbors(
        &self,
        _: Request<ShowNeighborsRequest>,
    ) -> Result<Response<NeighborsReply>, Status> {
        self.answer(self.node.neighbors()).await
    }

    async fn show_processors(
        &self,
        _: Request<ShowProcessorsRequest>,
    ) -> Result<Response<ProcessorsReply>, Status> {
        self.answer(self.node.processors()).await
    }

    async fn show_version(
        &self,
        _: Request<ShowVersionRequest>,
    ) -> Result<Response<VersionReply>, Status> {
        self.answer(self.node.version()).await
    }

    async fn survive_cluster(
        &self,
        request: Request<SurviveClusterRequest>,
    ) -> Result<Response<LineageReply>, Status> {
        let order = if request.get_ref().force {
            GoOn::SurviveForced
        } else {
            GoOn::Survive
        };
        self.answer(self.node.go_on(order, caller(&request))).await
    }

    async fn thaw_cluster(
        &self,
        request: Request<ThawClusterRequest>,
    ) -> Result<Response<LineageReply>, Status> {
        let by = caller(&request);
        self.answer(self.node.go_on(GoOn::Thaw, by)).await
    }

    async fn drop_candidate(
        &self,
        request: Request<DropCandidateRequest>,
    ) -> Result<Response<DropCandidateReply>, Status> {
        let name = request.into_inner().name;
        self.answer(self.node.drop_candidate(name)).await
    }

    async fn commit_config(
        &self,
        request: Request<CommitConfigRequest>,
    ) -> Result<Response<CommitConfigReply>, Status> {
        let by = caller(&request);
        let CommitConfigRequest { text, base } = request.into_inner();
        let base = base.map(Revision);
        let asked = self.node.commit(Commit { text, base }, by);
        // Too late is not too little: what was proposed may be agreed on after all.
        let late = |_| Unanswered::OutcomeUnknown {
            reason: format!("the node did not say within {COMMIT_PATIENCE:?} what became of it"),
        };
        let answered = tokio::time::timeout(COMMIT_PATIENCE, asked).await;
        self.reply(answered.map_err(late).flatten())
    }
}

/// Who is at the other end of the socket, as the kernel knows it: nobody can claim to be another.
pub(crate) fn caller<T>(request: &Request<T>) -> String {
    let connection = request.extensions().get::<UdsConnectInfo>();
    connection
        .and_then(|connection| connection.peer_cred)
        .map_or_else(
            || "unknown".to_owned(),
            |credentials| format!("uid {}", credentials.uid()),
        )
}

/// Each kind has a code of its own: clients tell a refusal from a node that could not answer.
pub(crate) fn status(error: &Unanswered) -> Status {
    let text = error.to_string();
    match error {
        Unanswered::NotRunning { .. } => Status::unavailable(text),
        Unanswered::Late { .. } => Status::deadline_exceeded(text),
        Unanswered::NotYet { .. } => Status::not_found(text),
        Unanswered::Refused { .. } => Status::failed_precondition(text),
        // The one code by which a caller learns that it may be done.
        Unanswered::OutcomeUnknown { .. } => Status::unknown(text),
        // A code of its own, because the client's exit status says so, too.
        Unanswered::NeedsForce { .. } => Status::aborted(text),
    }
}
