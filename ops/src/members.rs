//! Operators and the cluster's members: the second service on the same socket.

use std::sync::Arc;
use std::time::Duration;

use proto::Stamped;
use proto::ops::members_server::Members;
use proto::ops::{
    InvitationReply, InviteRequest, MembersReply, RemoveRequest, RemovedReply, ReplaceRequest,
    RotateRequest, RotatedReply, ShowMembersRequest,
};
use tonic::{Request, Response, Status};

use crate::ports::{Answer, Node, Unanswered};
use crate::server::{caller, status};

/// Longest that a change of members may take: several agreements, one after the other.
const PATIENCE: Duration = Duration::from_secs(25);

/// What operators may do about members; the node fills it.
pub trait MembersPort: Send + Sync {
    /// A token for one more machine of that kind.
    fn invite(&self, kind: String, life: Duration) -> Answer<'_, InvitationReply>;
    /// A token for the machine that takes the place of that member.
    fn replace(&self, name: String, life: Duration) -> Answer<'_, InvitationReply>;
    /// Lets a member go, in the name of `by`.
    fn remove(&self, removal: Removal, by: String) -> Answer<'_, RemovedReply>;
    /// Renews this node's certificate.
    fn rotate(&self) -> Answer<'_, RotatedReply>;
    /// Everybody.
    fn members(&self) -> Answer<'_, MembersReply>;
}

/// Who is to be let go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Removal {
    /// Its name.
    pub name: String,
    /// Although it is the active router.
    pub force: bool,
}

/// The service.
pub(crate) struct MembersApi {
    pub(crate) node: Arc<dyn Node>,
}

impl MembersApi {
    fn port(&self) -> Result<&dyn MembersPort, Status> {
        self.node
            .members_port()
            .ok_or_else(|| Status::unimplemented("this process knows nothing of members"))
    }

    async fn answer<T: Stamped>(&self, asked: Answer<'_, T>) -> Result<Response<T>, Status> {
        let late = |_| Unanswered::Late {
            part: "cluster",
            waited: PATIENCE,
        };
        let answered = tokio::time::timeout(PATIENCE, asked).await;
        let answered = answered.map_err(late).flatten();
        let mut reply = answered.map_err(|error| refusal(&error))?;
        reply.set_stamp(self.node.header().stamp());
        Ok(Response::new(reply))
    }
}

#[tonic::async_trait]
impl Members for MembersApi {
    async fn invite(
        &self,
        request: Request<InviteRequest>,
    ) -> Result<Response<InvitationReply>, Status> {
        let InviteRequest { kind, life_s } = request.into_inner();
        let life = Duration::from_secs(life_s);
        self.answer(self.port()?.invite(kind, life)).await
    }

    async fn replace(
        &self,
        request: Request<ReplaceRequest>,
    ) -> Result<Response<InvitationReply>, Status> {
        let ReplaceRequest { name, life_s } = request.into_inner();
        let life = Duration::from_secs(life_s);
        self.answer(self.port()?.replace(name, life)).await
    }

    async fn remove(
        &self,
        request: Request<RemoveRequest>,
    ) -> Result<Response<RemovedReply>, Status> {
        let by = caller(&request);
        let RemoveRequest { name, force } = request.into_inner();
        self.answer(self.port()?.remove(Removal { name, force }, by))
            .await
    }

    async fn rotate(&self, _: Request<RotateRequest>) -> Result<Response<RotatedReply>, Status> {
        self.answer(self.port()?.rotate()).await
    }

    async fn show_members(
        &self,
        _: Request<ShowMembersRequest>,
    ) -> Result<Response<MembersReply>, Status> {
        self.answer(self.port()?.members()).await
    }
}

/// As for all other commands, but for what nobody knows: a change of members says itself how to find out.
fn refusal(error: &Unanswered) -> Status {
    match error {
        Unanswered::OutcomeUnknown { reason } => Status::unavailable(reason.clone()),
        Unanswered::NotRunning { .. }
        | Unanswered::Late { .. }
        | Unanswered::NotYet { .. }
        | Unanswered::Refused { .. }
        | Unanswered::NeedsForce { .. } => status(error),
    }
}
