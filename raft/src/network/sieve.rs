//! What is refused before the consensus hears of it: everything that no honest member can say.
//!
//! The consensus library trusts its peers and asserts what they must never get wrong, so a message that
//! breaks a rule would end the group here instead of being answered. Each rule has a name in [`Absurd`].
//! What is left to a true member is what Raft leaves to it: a higher vote, as long as the term does not
//! leap, and as its leader entries above what is agreed on.

use std::collections::BTreeSet;

use openraft::entry::RaftEntry;
use openraft::raft::{AppendEntriesRequest, TransferLeaderRequest, VoteRequest};
use openraft::{EntryPayload, Membership, RaftState};

use super::transport::Failure;
use crate::group::{Group, LogId, MemberId, SnapshotMeta, Types, Vote};
use crate::plan::MemberKind;

/// Terms that a member may be ahead of this one: twenty years of elections, one every 150 ms.
const LEAP: u64 = 1 << 32;
/// Beyond every log: a million entries a second for eight years.
const FAR: u64 = 1 << 48;
/// Voters and learners of one membership, earlier lives included.
const MEMBERS: usize = 64;

/// Why a message is not passed on to the consensus.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Absurd {
    #[error("the vote is not the sender's")]
    AnothersVote,
    #[error("a witness neither leads nor stands for election")]
    WitnessLeads,
    #[error("who speaks as the leader has not won its vote")]
    NotElected,
    #[error("who asks for votes has won already")]
    ElectedAlready,
    #[error("term {found} is out of reach from term {known}")]
    TermLeaps { found: u64, known: u64 },
    #[error("index {0} is beyond every log")]
    IndexLeaps(u64),
    #[error("something is said to be from a later leader than the one who sends it")]
    FromTheFuture,
    #[error("entries do not follow each other")]
    OutOfOrder,
    #[error("it contradicts what is agreed on at index {0}")]
    Contradicts(u64),
    #[error("a membership without a quorum")]
    NoQuorum,
    #[error("a membership of somebody who is no member's life")]
    NobodysLife,
    #[error("content that was taken out for witnesses, for a node")]
    Stripped,
    #[error("a member speaks for itself alone")]
    AnothersWords,
}

impl From<Absurd> for Failure {
    fn from(absurd: Absurd) -> Self {
        Self::Invalid(absurd.to_string())
    }
}

/// Who speaks, and to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ears {
    pub(super) sender: MemberId,
    pub(super) sender_is: MemberKind,
    pub(super) listener_is: MemberKind,
}

impl Ears {
    /// The vote of a leader or of a candidate.
    fn vote<G: Group>(&self, vote: &Vote<G>, known: &Vote<G>, won: bool) -> Result<(), Absurd> {
        if vote.leader_id.node_id != self.sender.to_u64() {
            return Err(Absurd::AnothersVote);
        }
        match self.sender_is {
            MemberKind::Witness => return Err(Absurd::WitnessLeads),
            MemberKind::Node => {}
        }
        match (vote.committed, won) {
            (false, true) => return Err(Absurd::NotElected),
            (true, false) => return Err(Absurd::ElectedAlready),
            (true, true) | (false, false) => {}
        }
        within_reach(vote.leader_id.term, known.leader_id.term)
    }

    /// A leader's entries. What it says to be agreed on is cut to what this very message reaches: the
    /// rest is said again with the entries.
    pub(super) fn entries<G: Group>(
        &self,
        state: &RaftState<Types<G>>,
        question: &mut AppendEntriesRequest<Types<G>>,
    ) -> Result<(), Absurd> {
        self.vote::<G>(&question.vote, state.vote_ref(), true)?;
        let log = Log::<G> {
            state,
            // A leader of the past is told so; what it sends may well contradict.
            current: question.vote >= *state.vote_ref(),
            leader: &question.vote,
        };
        let mut before = question.prev_log_id;
        if let Some(previous) = &before {
            log.check(previous)?;
        }
        for entry in &question.entries {
            let at = entry.log_id();
            log.check(&at)?;
            let next = before.map_or(0, |before| before.index + 1);
            if at.index != next || before.is_some_and(|before| at.leader_id < before.leader_id) {
                return Err(Absurd::OutOfOrder);
            }
            self.content::<G>(&entry.payload)?;
            before = Some(at);
        }
        if let Some(agreed) = &question.leader_commit {
            log.check(agreed)?;
            let there = question.entries.iter().map(RaftEntry::log_id);
            let mut there = there.chain(question.prev_log_id);
            if there.any(|at| at.index == agreed.index && at != *agreed) {
                return Err(Absurd::Contradicts(agreed.index));
            }
        }
        let reached = before.map(|last| last.index);
        if question.leader_commit.map(|agreed| agreed.index) > reached {
            question.leader_commit = before;
        }
        Ok(())
    }

    fn content<G: Group>(&self, payload: &EntryPayload<G::Command, u64, ()>) -> Result<(), Absurd> {
        match (payload, self.listener_is) {
            (EntryPayload::Blank, _) | (EntryPayload::Normal(_), MemberKind::Witness) => Ok(()),
            (EntryPayload::Normal(command), MemberKind::Node) => {
                if G::is_stripped(command) {
                    return Err(Absurd::Stripped);
                }
                Ok(())
            }
            (EntryPayload::Membership(membership), _) => whole(membership),
        }
    }

    /// A candidate's request, for a vote or for what the vote would be.
    pub(super) fn candidacy<G: Group>(
        &self,
        state: &RaftState<Types<G>>,
        question: &VoteRequest<Types<G>>,
    ) -> Result<(), Absurd> {
        self.vote::<G>(&question.vote, state.vote_ref(), false)?;
        match question.last_log_id {
            Some(last) if last.leader_id >= question.vote.leader_id => Err(Absurd::FromTheFuture),
            Some(last) => in_reach(last.index),
            None => Ok(()),
        }
    }

    /// What a leader says of the snapshot that it sends.
    pub(super) fn snapshot<G: Group>(
        &self,
        state: &RaftState<Types<G>>,
        vote: &Vote<G>,
        meta: &SnapshotMeta<G>,
    ) -> Result<(), Absurd> {
        self.vote::<G>(vote, state.vote_ref(), true)?;
        let Some(last) = &meta.last_log_id else {
            return Err(Absurd::OutOfOrder);
        };
        let log = Log::<G> {
            state,
            current: *vote >= *state.vote_ref(),
            leader: vote,
        };
        log.check(last)?;
        if let (Some(agreed), true) = (state.local_committed(), log.current)
            && last > agreed
            && last.index <= agreed.index
        {
            return Err(Absurd::Contradicts(last.index));
        }
        if meta.last_membership.log_id().as_ref() > Some(last) {
            return Err(Absurd::OutOfOrder);
        }
        whole(meta.last_membership.membership())
    }

    /// A leader's wish to hand over.
    pub(super) fn transfer<G: Group>(
        &self,
        state: &RaftState<Types<G>>,
        question: &TransferLeaderRequest<Types<G>>,
    ) -> Result<(), Absurd> {
        let vote = question.from_leader();
        self.vote::<G>(vote, state.vote_ref(), true)?;
        if MemberId::from_u64(*question.to_node_id()).is_none() {
            return Err(Absurd::NobodysLife);
        }
        match question.last_log_id() {
            Some(last) if last.leader_id > vote.leader_id => Err(Absurd::FromTheFuture),
            Some(last) => in_reach(last.index),
            None => Ok(()),
        }
    }

    /// What a member wants to be agreed on.
    pub(super) fn proposal<G: Group>(&self, command: &G::Command) -> Result<(), Absurd> {
        if G::is_stripped(command) {
            return Err(Absurd::Stripped);
        }
        match G::speaker(command) {
            Some(speaker) if speaker != self.sender => Err(Absurd::AnothersWords),
            Some(_) | None => Ok(()),
        }
    }
}

/// The log here, beside what a leader says of its own.
struct Log<'a, G: Group> {
    state: &'a RaftState<Types<G>>,
    leader: &'a Vote<G>,
    /// The leader is the one that this member follows, or a later one.
    current: bool,
}

impl<G: Group> Log<'_, G> {
    /// Whether `at` can be in that leader's log.
    fn check(&self, at: &LogId<G>) -> Result<(), Absurd> {
        in_reach(at.index)?;
        if at.leader_id > self.leader.leader_id {
            return Err(Absurd::FromTheFuture);
        }
        let agreed = self.state.local_committed();
        let Some(agreed) = agreed.filter(|agreed| self.current && at.index <= agreed.index) else {
            return Ok(());
        };
        let same = match self.state.log_ids.get(at.index) {
            Some(here) => here == *at,
            // Part of a snapshot here: nobody knows any more who proposed it.
            None => at.leader_id <= agreed.leader_id,
        };
        if same {
            return Ok(());
        }
        Err(Absurd::Contradicts(at.index))
    }
}

/// Whether a vote that came as an answer to one of term `asked` may be believed.
pub(super) fn within_reach(term: u64, known: u64) -> Result<(), Absurd> {
    if term > known.saturating_add(LEAP) {
        return Err(Absurd::TermLeaps { found: term, known });
    }
    Ok(())
}

const fn in_reach(index: u64) -> Result<(), Absurd> {
    if index > FAR {
        return Err(Absurd::IndexLeaps(index));
    }
    Ok(())
}

/// Whether there is a quorum, of lives that members can have.
fn whole(membership: &Membership<u64, ()>) -> Result<(), Absurd> {
    let configs = membership.get_joint_config();
    let known = |voter: &u64| membership.get_node(voter).is_some();
    // Two while one set of voters takes the place of another.
    if !(1..=2).contains(&configs.len())
        || configs.iter().any(BTreeSet::is_empty)
        || !configs.iter().flatten().all(known)
    {
        return Err(Absurd::NoQuorum);
    }
    let life = |(id, ()): (&u64, &())| MemberId::from_u64(*id).is_some();
    if membership.nodes().count() > MEMBERS || !membership.nodes().all(life) {
        return Err(Absurd::NobodysLife);
    }
    Ok(())
}
