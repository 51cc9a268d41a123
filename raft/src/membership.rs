//! Who takes part: founding, joining, and taking in whoever joins.
//!
//! A life of a node that has lost its log is a new member. The leader makes it a learner, waits until
//! it has acknowledged what was there when it came, and then in one change makes it a voter and removes the
//! node's earlier life: so a vote that was forgotten is never cast twice, the number of voters does not grow,
//! and nobody votes who cannot be reached, such as a copy of a machine that runs beside it.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver;
use raft_state::Incarnation;
use types::NodeId;

use crate::group::{ControlGroup, Group, LogId, MemberId};
use crate::local::Local;
use crate::network::{JoinReply, hello, join};
use crate::propose::Proposer;
use crate::seat::{Running, Seat, voters_for_good};

/// Between two tries to take part.
pub(crate) const RETRY: Duration = Duration::from_millis(50);
/// For a learner to catch up before the newcomer is told to ask again.
const CATCH_UP: Duration = Duration::from_secs(2);
/// For the leader to take a newcomer in: twice the above, and some time for the way.
pub(crate) const ADMISSION: Duration = Duration::from_secs(6);
/// For a question that takes no work.
pub(crate) const QUESTION: Duration = Duration::from_millis(300);

/// Takes `newcomer` in, if this member leads.
pub(crate) async fn admit<G: Group>(
    local: &Local,
    seat: &Seat<G>,
    running: &Running<G>,
    newcomer: MemberId,
) -> JoinReply {
    let raft = &running.raft;
    if !raft.is_leader() {
        return JoinReply::NotLeader;
    }
    if !local.roster.now().welcomes(newcomer.node) {
        tracing::debug!(group = %G::NAME, node = %newcomer.node, "not taken in: it is no member");
        return JoinReply::NotYet;
    }
    let (Ok(_turn), Some(_entered)) = (seat.admission.try_lock(), running.gate.enter()) else {
        return JoinReply::NotYet;
    };
    if let Some(later) = running.lives(newcomer.node).into_iter().max()
        && later > newcomer.incarnation
    {
        local.at_odds(newcomer.node, &later_life(later, newcomer));
        return JoinReply::LaterLife;
    }
    let id = newcomer.to_u64();
    if voters_for_good::<G>(&running.committed_membership()).contains(&id) {
        return JoinReply::Member;
    }
    // The newest members, agreed on or not: with older ones this change would undo another. Of two
    // sets the last, if an earlier change stopped half way: then this one completes it.
    let membership = running.newest_membership();
    let configs = membership.membership().get_joint_config();
    let voters = configs.last().cloned().unwrap_or_default();
    if !voters.contains(&running.id.to_u64()) {
        // A leader that is being removed takes nobody in.
        return JoinReply::NotYet;
    }
    let learned = tokio::time::timeout(CATCH_UP, teach(running, newcomer)).await;
    if !matches!(learned, Ok(true)) {
        return JoinReply::NotYet;
    }
    let voters = with_newcomer(voters.into_iter(), newcomer);
    match tokio::time::timeout(CATCH_UP, raft.change_membership(voters, false)).await {
        Ok(Ok(_)) => {
            tracing::info!(group = %G::NAME, node = %newcomer.node, "a member was taken in");
            JoinReply::Member
        }
        Ok(Err(_)) | Err(_) => JoinReply::NotYet,
    }
}

/// Makes `newcomer` a learner, and returns when it has acknowledged all that was applied here when it asked;
/// false if that cannot be.
///
/// The consensus library could wait as well, but takes a learner for ready that is only a few thousand entries
/// behind, even one that was never reached.
async fn teach<G: Group>(running: &Running<G>, newcomer: MemberId) -> bool {
    let Some(due) = make_learner(running, newcomer).await else {
        return false;
    };
    if newcomer == running.id {
        return true;
    }
    let mut metrics = running.raft.metrics();
    loop {
        match &metrics.borrow_watched().replication {
            // It leads no more.
            None => return false,
            Some(replication) => {
                let acknowledged = replication.get(&newcomer.to_u64());
                let acknowledged = acknowledged.and_then(Option::as_ref);
                if acknowledged.is_some_and(|entry| entry.index() >= due) {
                    return true;
                }
            }
        }
        if metrics.changed().await.is_err() {
            return false;
        }
    }
}

/// Returns up to which index a learner has to know the log. Those that its node's earlier lives have left
/// behind are dropped.
async fn make_learner<G: Group>(running: &Running<G>, newcomer: MemberId) -> Option<u64> {
    let id = newcomer.to_u64();
    let newest = running.newest_membership();
    let members = newest.membership();
    let of_its_node = |id: &u64| MemberId::from_u64(*id).is_some_and(|it| it.node == newcomer.node);
    let others = members.learner_ids().filter(|other| *other != id);
    let left_behind: BTreeSet<u64> = others.filter(of_its_node).collect();
    if members.get_node(&id).is_some() && left_behind.is_empty() {
        let metrics = running.raft.metrics();
        let applied = metrics
            .borrow_watched()
            .last_applied
            .as_ref()
            .map(LogId::<G>::index);
        return applied;
    }
    let change = ChangeMembers::Batch(vec![
        ChangeMembers::RemoveNodes(left_behind),
        ChangeMembers::AddNodes([(id, ())].into_iter().collect()),
    ]);
    let changed = running.raft.change_membership(change, true).await.ok()?;
    Some(changed.log_id.index())
}

/// Of a machine that lost its disk, whose clock is behind, and whom nobody told when it started.
fn later_life(later: Incarnation, newcomer: MemberId) -> String {
    format!(
        "it started as life {} of its number, and life {later} was here before: start it again, with the \
         way to this member open, and it asks for its number",
        newcomer.incarnation
    )
}

/// Asks for `running`'s member to be taken in, or does it here: one that leads without being a voter for
/// good was voted in by a leader that is gone and could not end what it had begun.
pub(crate) async fn ask_in<G: Group>(proposer: &Proposer<G>, running: &Running<G>) {
    if running.raft.is_leader() {
        admit(&proposer.local, &proposer.seat, running, running.id).await;
    } else {
        join(&proposer.clients(running), running, ADMISSION).await;
    }
}

/// The voters with `newcomer` in the place of its node's earlier life.
fn with_newcomer(voters: impl Iterator<Item = u64>, newcomer: MemberId) -> BTreeSet<u64> {
    voters
        .filter(|voter| MemberId::from_u64(*voter).is_some_and(|id| id.node != newcomer.node))
        .chain([newcomer.to_u64()])
        .collect()
}

/// Begins a group with this member alone.
pub(crate) async fn found<G: Group>(running: &Running<G>) -> bool {
    let alone = BTreeSet::from([running.id.to_u64()]);
    running.raft.initialize(alone).await.is_ok()
}

/// Returns when this member's vote counts in the control group. `founding`: it is the one to begin it.
pub(crate) async fn take_part(
    control: &Proposer<ControlGroup>,
    running: Running<ControlGroup>,
    founding: bool,
) {
    let local = &control.local;
    let mut said = false;
    while !running.is_voter() && running.fatal().is_none() {
        let answers = hello(local, &control.peers, QUESTION).await;
        if answers.iter().any(|answer| answer.control_formed) {
            // Cancel safe: a question that nobody waits for any more may be answered all the same.
            tokio::select! {
                biased;
                () = running.becomes_voter() => {}
                () = ask_in(control, &running) => {}
            }
        } else if founding && !running.is_formed() && may_found(local, answers.len()) {
            let founded = found(&running).await;
            tracing::info!(founded, "founding the control group");
        } else if !running.is_formed() && !said {
            said = true;
            tracing::info!("{}", awaited(local.me.id, local.founder()));
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Only one member founds, and only when most of the members have said that there is nothing to join:
/// a node with an empty disk must not found a second cluster beside the one that it has forgotten.
pub(crate) fn may_found(local: &Local, answers: usize) -> bool {
    let view = local.roster.now();
    let majority = view.members().len() / 2 + 1;
    view.founder() == Some(local.me.id) && answers + 1 >= majority
}

/// What is missing before there is a cluster, in the words of an operator's log.
fn awaited(me: NodeId, founder: Option<NodeId>) -> String {
    match founder {
        Some(founder) if founder == me => {
            "there is no cluster yet: this member founds it as soon as most members answer"
                .to_owned()
        }
        Some(founder) => format!(
            "there is no cluster yet: waiting for member {founder}, which founds it; the others cannot"
        ),
        None => "there is no cluster yet, and no member is a node that could found it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_cluster_says_for_whom() {
        let [a, b] = [NodeId(1), NodeId(2)];
        assert!(awaited(b, Some(a)).contains("waiting for member 1, which founds it"));
        assert!(awaited(a, Some(a)).contains("this member founds it"));
        assert!(awaited(a, None).contains("no member is a node"));
    }

    #[test]
    fn a_newcomer_takes_the_place_of_its_earlier_life() {
        let id = |node, incarnation| MemberId {
            node: NodeId(node),
            incarnation: Incarnation(incarnation),
        };
        let voters = [id(1, 5), id(2, 7), id(3, 1)].map(MemberId::to_u64);
        assert_eq!(
            with_newcomer(voters.into_iter(), id(1, 6)),
            BTreeSet::from([id(1, 6), id(2, 7), id(3, 1)].map(MemberId::to_u64))
        );
    }
}
