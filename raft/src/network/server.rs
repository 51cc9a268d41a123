//! The members' end of all questions: who is meant is checked here, before anything else.

use std::sync::Arc;

use futures::stream::BoxStream;
use openraft::errors::{ClientWriteError, RaftError};
use proto::raft::{
    Header, HelloReply, HelloRequest, Kind, Reply, Request as Message, SnapshotChunk,
};
use raft_state::yielding::{Answer, Question};
use raft_state::{ControlLineage, Incarnation, Lineage};
use tokio::sync::{mpsc, oneshot, watch};
use types::NodeId;

use super::answer;
use super::handover::Turns;
use super::questions::{ProposeReply, TOUCH};
use super::seal;
use super::sieve::Ears;
use super::snapshot::Partials;
use super::transport::{Failure, Replies};
use crate::changes::Hub;
use crate::dismissed::Dismissed;
use crate::group::{ControlGroup, Group, GroupName, LogId, MemberId, MemoryGroup};
use crate::lineage::{Asked, LineageView};
use crate::local::Local;
use crate::plan::Member;
use crate::seat::{Running, Seat};
use crate::status::Health;
use crate::version;

/// Answers other members, whatever carries their questions. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    pub(crate) local: Arc<Local>,
    pub(crate) control: Arc<Seat<ControlGroup>>,
    pub(crate) state: Arc<Seat<MemoryGroup>>,
    /// How this member stands.
    pub(crate) lineage: watch::Receiver<LineageView>,
    /// To the keeper of the lineage.
    pub(crate) questions: mpsc::Sender<Asked>,
    /// What has arrived of snapshots.
    pub(crate) partials: Arc<Partials>,
    /// Who is heard next.
    pub(crate) turns: Arc<Turns>,
    /// What the state group has agreed on.
    pub(crate) hub: Arc<Hub>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server of node {}", self.local.me.id)
    }
}

pub(super) fn bad(reason: impl Into<String>) -> Failure {
    Failure::Invalid(reason.into())
}

pub(super) fn wrong(reason: impl Into<String>) -> Failure {
    Failure::Refused(reason.into())
}

impl Server {
    /// Who says that it has sent a message with this header; that it has is the transport's to check.
    pub fn sender(&self, header: Option<&Header>) -> Result<Member, Failure> {
        let (_group, source) = self.group(header)?;
        self.member(source.node)
    }

    fn member(&self, node: NodeId) -> Result<Member, Failure> {
        let known = self.local.roster.now().get(node).cloned();
        known.ok_or_else(|| {
            Failure::Untrusted(format!("node {node} is not a member of this cluster"))
        })
    }

    /// How what `sender` says is listened to.
    pub(super) fn ears(&self, sender: MemberId) -> Ears {
        Ears {
            sender,
            sender_is: self.local.kind_of(sender.node),
            listener_is: self.local.me.kind,
        }
    }

    /// Answers one question.
    pub async fn call(&self, message: Message) -> Result<Reply, Failure> {
        let (group, source) = self.group(message.header.as_ref())?;
        seal::check_question(&message)?;
        self.local.heard(source.node);
        match group {
            GroupName::Control if message.kind() == Kind::Yield => {
                self.settle(&message, source).await
            }
            GroupName::Control => self.call_group(&*self.control, &message, source).await,
            GroupName::State => self.call_group(&*self.state, &message, source).await,
        }
    }

    /// Passes on that another survivor would give way; the lineages' keeper alone may answer.
    async fn settle(&self, message: &Message, source: MemberId) -> Result<Reply, Failure> {
        let question: Question = answer::question(&message.payload)?;
        let view = self.local.roster.now();
        let sender = view.get(source.node);
        let generation = message.header.as_ref().map(|header| header.generation);
        if sender.is_none_or(|sender| sender.name != question.standing.name)
            || generation != Some(question.standing.lineage.wire())
        {
            return Err(bad("a member speaks for itself alone"));
        }
        let (answer, answered) = oneshot::channel();
        let asked = Asked { question, answer };
        let busy = |_| wrong("another question is being settled");
        self.questions.try_send(asked).map_err(busy)?;
        answer::reply(&settled(answered).await?)
    }

    /// Takes a stream of entries; each has its answer on the stream that goes back.
    pub fn append(
        &self,
        first: Message,
        rest: BoxStream<'static, Result<Message, Failure>>,
    ) -> Result<Replies, Failure> {
        let (group, _source) = self.group(first.header.as_ref())?;
        let header = first.header.clone().ok_or_else(|| bad("no header"))?;
        Ok(match group {
            GroupName::Control => {
                Self::target(&*self.control, &header)?;
                self.append_group(&self.control, first, rest)
            }
            GroupName::State => {
                Self::target(&*self.state, &header)?;
                self.append_group(&self.state, first, rest)
            }
        })
    }

    /// Takes a snapshot over; `first` carries its description.
    pub async fn snapshot(
        &self,
        first: SnapshotChunk,
        rest: BoxStream<'_, Result<SnapshotChunk, Failure>>,
    ) -> Result<Reply, Failure> {
        let (group, source) = self.group(first.header.as_ref())?;
        self.local.heard(source.node);
        match group {
            GroupName::Control => self.install(&*self.control, (first, source), rest).await,
            GroupName::State => self.install(&*self.state, (first, source), rest).await,
        }
    }

    /// How this member is.
    pub fn hello(&self, question: &HelloRequest) -> Result<HelloReply, Failure> {
        if question.cluster_id != self.local.cluster_id {
            return Err(wrong("this is another cluster"));
        }
        if question.node != u32::from(self.local.me.id.0) {
            return Err(wrong(format!("this is node {}", self.local.me.id)));
        }
        version::check(question.protocol).map_err(|old| wrong(old.to_string()))?;
        let asker = self.member(NodeId(u8::try_from(question.source).unwrap_or_default()))?;
        let patience = self.local.timing.state.election_max * 2;
        let (control, state) = (self.control.running(), self.state.running());
        let seen = question.notice_seen;
        let notice = seen.and_then(|seen| self.local.notices.unseen(seen));
        let notice = notice.unwrap_or_default();
        let lineage = self.lineage.borrow();
        let standing = lineage.standing.as_ref();
        let state_voter = state.as_ref().is_some_and(Running::is_voter);
        let health = self.state.health(self.local.clock.now(), patience);
        let membership = control.as_ref().map(Running::committed_membership);
        let membership = membership
            .as_ref()
            .and_then(|membership| membership.log_id().as_ref());
        Ok(HelloReply {
            control_membership: membership.map(LogId::<ControlGroup>::index),
            cluster_id: self.local.cluster_id.clone(),
            node: u32::from(self.local.me.id.0),
            control_formed: control.as_ref().is_some_and(Running::is_formed),
            generation: state.map_or(0, |running| Lineage::generation_of(running.generation)),
            // Who has no vote hears a leader even when that one lacks a quorum, perhaps because the
            // vote that is missing is that of this node's earlier life.
            state_healthy: state_voter && health == Health::Ok,
            state_voter,
            notice_number: notice.number,
            notice: notice.content,
            control_lineage: lineage.lineage.map_or(0, ControlLineage::wire),
            control_committed: standing.map(|standing| standing.committed),
            control_frozen: lineage.frozen,
            name: self.local.me.name.to_string(),
            protocol: version::PROTOCOL,
            software: version::SOFTWARE.to_owned(),
            life: newest(self.lives(asker.id)),
            life_in_force: newest(self.lives_in_force(asker.id)),
            control_life: newest(
                control
                    .and_then(|group| group.voting_life(asker.id))
                    .into_iter(),
            ),
            dismissal: None,
        })
    }

    /// The lives of `node` that are known here: members of both groups, voting or not, and those in force.
    fn lives(&self, node: NodeId) -> impl Iterator<Item = Incarnation> {
        let control = self.control.running().map(|group| group.lives(node));
        let state = self.state.running().map(|group| group.lives(node));
        let members = control.into_iter().chain(state).flatten();
        members.chain(self.lives_in_force(node))
    }

    /// The lives of `node` that vote, and the one that told of sessions last, which are there when their member
    /// has gone.
    fn lives_in_force(&self, node: NodeId) -> impl Iterator<Item = Incarnation> {
        let control = self
            .control
            .running()
            .and_then(|group| group.voting_life(node));
        let state = self
            .state
            .running()
            .and_then(|group| group.voting_life(node));
        let spoken = self.hub.agreed().ask(|state| state.last_batch(node));
        let spoken = spoken.map(|(life, _)| life);
        [control, state, spoken].into_iter().flatten()
    }

    /// What is said to a machine that is a member no more, and nothing else.
    pub(crate) fn farewell(&self, how: Dismissed) -> HelloReply {
        HelloReply {
            cluster_id: self.local.cluster_id.clone(),
            node: u32::from(self.local.me.id.0),
            name: self.local.me.name.to_string(),
            protocol: version::PROTOCOL,
            software: version::SOFTWARE.to_owned(),
            dismissal: Some(how.into()),
            ..HelloReply::default()
        }
    }

    /// The group that is meant, if the cluster is right and the sender somebody else in it.
    pub(super) fn group(&self, header: Option<&Header>) -> Result<(GroupName, MemberId), Failure> {
        let header = header.ok_or_else(|| bad("no header"))?;
        if header.cluster_id != self.local.cluster_id {
            return Err(wrong("this is another cluster"));
        }
        version::check(header.protocol).map_err(|old| wrong(old.to_string()))?;
        let group = GroupName::from_wire(header.group).ok_or_else(|| bad("no such group"))?;
        let source = MemberId::from_u64(header.source).ok_or_else(|| bad("no such member"))?;
        if source.node == self.local.me.id {
            let reason = "the sender says that it is this member";
            return Err(Failure::Untrusted(reason.to_owned()));
        }
        self.member(source.node)?;
        Ok((group, source))
    }

    /// The instance that is meant, if it runs.
    pub(super) fn target<G: Group>(seat: &Seat<G>, header: &Header) -> Result<Running<G>, Failure> {
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

fn newest(lives: impl Iterator<Item = Incarnation>) -> u32 {
    lives.max().map_or(0, |life| life.0)
}

/// What the keeper says, while whoever asked waits for it: between two lineages the keeper waits for its disk,
/// and a disk may hang.
async fn settled(answered: oneshot::Receiver<Answer>) -> Result<Answer, Failure> {
    match tokio::time::timeout(TOUCH, answered).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_dropped)) => Err(wrong("this member has nothing to say to that")),
        Err(_late) => Err(wrong("this member is between two lineages")),
    }
}

/// Proposes on this member, which may or may not lead.
pub(crate) async fn propose_here<G: Group>(
    running: &Running<G>,
    command: G::Command,
) -> ProposeReply<G::Outcome> {
    let Some(_entered) = running.gate.enter() else {
        return ProposeReply::Frozen;
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_keeper_that_sits_on_a_question_is_not_waited_for() {
        let (kept, answered) = oneshot::channel::<Answer>();
        let refused = settled(answered).await.unwrap_err();
        assert!(matches!(refused, Failure::Refused(_)), "{refused}");
        assert!(kept.is_closed());

        let (dropped, answered) = oneshot::channel::<Answer>();
        drop(dropped);
        let refused = settled(answered).await.unwrap_err();
        assert!(matches!(refused, Failure::Refused(_)), "{refused}");
    }
}
