//! What members ask each other beside the consensus: to propose, to take part, how they are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::raft::{HelloReply, HelloRequest, Kind};
use raft_state::yielding::{Answer, Question};
use raft_state::{Incarnation, Versioned};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use types::{Instant, NodeId};

use super::client::Clients;
use super::server::Server;
use super::transport::{Failure, Lane, Peers};
use crate::group::{ControlGroup, Group, MemberId};
use crate::local::{Local, Past};
use crate::notice::Notice;
use crate::plan::MemberKind;
use crate::seat::Running;
use crate::version;

/// Between two signs of life, and for an answer to one.
pub(super) const TOUCH: Duration = Duration::from_millis(300);
/// The same, where a witness is one of the two and has nothing new to say. An operator who waits to see
/// it silent waits for three seconds.
const SELDOM: Duration = Duration::from_millis(1_200);

/// What the leader says to a proposal that another member passed on.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum ProposeReply<O> {
    /// It is part of the state.
    Done(O),
    /// Another one leads, perhaps this one; nothing was proposed.
    NotLeader(Option<u64>),
    /// It was proposed and may or may not be agreed on.
    Unknown,
    /// Nothing may be proposed at the moment; nothing was.
    Frozen,
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
    /// A later life of the number was here before; asking again is in vain.
    LaterLife,
}

/// What became of a question that another member was asked.
#[derive(Debug)]
pub(crate) enum Asked<T> {
    /// It answered.
    Answer(T),
    /// It certainly did nothing.
    Refused,
    /// It may have done it or not.
    Unknown,
}

impl<T> Asked<T> {
    fn from_result(result: Result<T, Failure>) -> Self {
        match result {
            Ok(answer) => Self::Answer(answer),
            // Not connected, or not the member that was meant.
            Err(Failure::Unsent(_) | Failure::Refused(_)) => Self::Refused,
            Err(
                Failure::Invalid(_) | Failure::Untrusted(_) | Failure::Late(_) | Failure::Broken(_),
            ) => Self::Unknown,
        }
    }
}

/// Asks the leader to propose `command`.
pub(crate) async fn propose_to<G: Group>(
    clients: &Clients,
    leader: MemberId,
    command: &G::Command,
    patience: Duration,
) -> Asked<ProposeReply<G::Outcome>> {
    let client = clients.client::<G>(leader.to_u64(), Lane::Bulk);
    let Ok(command) = command.encode() else {
        return Asked::Refused;
    };
    Asked::from_result(
        client
            .call(Kind::Propose, Lane::Bulk, &command, patience)
            .await,
    )
}

/// Asks every other member to take `running` in; the one that leads does it.
pub(crate) async fn join<G: Group>(
    clients: &Clients,
    running: &Running<G>,
    patience: Duration,
) -> bool {
    let mut questions = Vec::new();
    for node in clients.local.others() {
        // The peer's member id is not known yet: zero in its place asks whoever it is now.
        let mut client = clients.client::<G>(0, Lane::Urgent);
        client.to = Some(node);
        questions.push(async move {
            let reply: Result<JoinReply, Failure> = client
                .call(
                    Kind::Join,
                    Lane::Urgent,
                    &(running.id.to_u64(), node.0),
                    patience,
                )
                .await;
            if matches!(reply, Ok(JoinReply::LaterLife)) {
                // The control group's member may be an earlier life's, the state group's never is.
                let of_now = running.id.incarnation == clients.local.incarnation;
                clients
                    .local
                    .outlived(if of_now { Past::Life } else { Past::Store });
            }
            matches!(reply, Ok(JoinReply::Member))
        });
    }
    let answers = futures::future::join_all(questions).await;
    answers.contains(&true)
}

/// Asks every other member how it is; those that do not answer within `patience` are not in the list.
pub(crate) async fn hello(local: &Local, peers: &Peers, patience: Duration) -> Vec<HelloReply> {
    hello_to(local.others(), local, peers, patience).await
}

/// What others know of the lives of a member's number.
pub(crate) struct KnownLives {
    /// The newest.
    pub(crate) newest: Option<Incarnation>,
    /// The newest in force, by those who hold what this member would have forgotten.
    pub(crate) in_force: Option<Incarnation>,
    /// None of those has answered.
    pub(crate) silence: bool,
}

/// What the others know of the lives of this member's number, as far as they answer within `patience`.
/// Asked before this one's begins, so that none of them can be it.
pub(crate) async fn known_lives(local: &Local, peers: &Peers, patience: Duration) -> KnownLives {
    let answers = hello(local, peers, patience).await;
    let is_node = |answer: &&HelloReply| {
        let node = u8::try_from(answer.node).map(NodeId);
        node.is_ok_and(|node| local.kind_of(node) == MemberKind::Node)
    };
    let newest = |lives: Option<u32>| lives.filter(|life| *life > 0).map(Incarnation);
    let by_nodes = answers.iter().filter(is_node);
    // Who has nothing of the group cannot tell what was agreed on in it.
    let mut knowing = by_nodes.clone().filter(|answer| answer.control_formed);
    KnownLives {
        silence: knowing.next().is_none(),
        in_force: newest(by_nodes.map(|answer| answer.life_in_force).max()),
        newest: newest(answers.iter().map(|answer| answer.life).max()),
    }
}

async fn hello_to(
    members: impl Iterator<Item = NodeId>,
    local: &Local,
    peers: &Peers,
    patience: Duration,
) -> Vec<HelloReply> {
    let questions = members.map(|node| async move {
        let question = HelloRequest {
            cluster_id: local.cluster_id.clone(),
            node: u32::from(node.0),
            notice_seen: between_nodes(local, node).then(|| local.notices.seen(node)),
            source: u32::from(local.me.id.0),
            protocol: version::PROTOCOL,
        };
        let answer = match peers.hello(node, question, patience).await {
            // Nobody speaks for another, nor for another cluster.
            Ok(answer)
                if answer.node != u32::from(node.0) || answer.cluster_id != local.cluster_id =>
            {
                return None;
            }
            Ok(answer) => answer,
            // Certificate, cluster or version: an operator has to do something about it.
            Err(Failure::Untrusted(reason) | Failure::Refused(reason)) => {
                local.at_odds(node, &reason);
                return None;
            }
            Err(
                Failure::Unsent(_) | Failure::Invalid(_) | Failure::Late(_) | Failure::Broken(_),
            ) => return None,
        };
        if let Err(old) = version::check(answer.protocol) {
            local.at_odds(node, &old.to_string());
            return None;
        }
        if let Some(how) = answer.dismissal {
            local.dismiss(how.into());
            return None;
        }
        local.heard(node);
        if answer.notice_number != 0 {
            let notice = Notice {
                number: answer.notice_number,
                content: answer.notice.clone(),
            };
            local.notices.heard(node, notice, local.clock.now());
        }
        local.runs(node, &answer.software);
        Some(answer)
    });
    let answers = futures::future::join_all(questions).await;
    answers.into_iter().flatten().collect()
}

/// Whether this member and `other` both forward: only they have something to tell each other.
fn between_nodes(local: &Local, other: NodeId) -> bool {
    [local.me.kind, local.kind_of(other)] == [MemberKind::Node; 2]
}

/// Asks `rival` whether this member may give way to it.
pub(crate) async fn may_yield(
    clients: &Clients,
    rival: NodeId,
    question: &Question,
) -> Option<Answer> {
    let mut client = clients.client::<ControlGroup>(0, Lane::Urgent);
    client.to = Some(rival);
    client
        .call(Kind::Yield, Lane::Urgent, question, TOUCH)
        .await
        .ok()
}

/// Keeps hearing of the others, also of those who have nothing to say to this member: so a connection
/// is there when a vote is needed, and an operator sees who is silent. What they say is for whoever keeps
/// the lineage. On the way, what nobody goes on with is thrown away. Runs until it is dropped.
pub(crate) async fn keep_in_touch(
    server: Server,
    peers: Peers,
    answers: watch::Sender<Vec<HelloReply>>,
) {
    let local = &server.local;
    let mut known = BTreeMap::<NodeId, Known>::new();
    loop {
        let now = local.clock.now();
        server.partials.sweep(now);
        let due = |node: &NodeId| known.get(node).is_none_or(|known| known.is_due(now));
        let due: BTreeSet<_> = local.others().filter(due).collect();
        let heard = hello_to(due.iter().copied(), local, &peers, TOUCH).await;
        let before = std::mem::take(&mut known);
        for node in local.others() {
            let answer = heard.iter().find(|answer| answer.node == u32::from(node.0));
            match (before.get(&node), answer) {
                (earlier, Some(answer)) => {
                    let next = Known::new(local, node, answer, earlier);
                    known.insert(node, next);
                }
                (Some(earlier), None) if !due.contains(&node) => {
                    known.insert(node, earlier.clone());
                }
                (Some(_) | None, None) => {}
            }
        }
        answers.send_replace(known.values().map(|known| known.answer.clone()).collect());
        tokio::time::sleep(TOUCH).await;
    }
}

/// What a member said last.
#[derive(Clone)]
struct Known {
    answer: HelloReply,
    /// When it has to be asked again.
    due: Instant,
}

impl Known {
    fn new(local: &Local, node: NodeId, answer: &HelloReply, earlier: Option<&Self>) -> Self {
        let without_figures = |answer: &HelloReply| HelloReply {
            control_committed: None,
            ..answer.clone()
        };
        let same = earlier
            .is_some_and(|earlier| without_figures(&earlier.answer) == without_figures(answer));
        let settled = same && answer.control_formed && answer.generation != 0;
        let now = local.clock.now();
        let rest = if settled && !between_nodes(local, node) {
            SELDOM
        } else {
            Duration::ZERO
        };
        Self {
            answer: answer.clone(),
            due: now + rest,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }
}
