//! Which answers are believed: the other half of `sieve`. An answer that no honest member gives is none.

use openraft::entry::RaftEntry;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, StreamAppendError, StreamAppendResult,
};

use types::Instant;

use super::sieve::within_reach;
use super::transport::Failure;
use crate::group::{Group, LogId, Types, Vote};

/// What one request with entries says, as far as its answer has to fit.
pub(super) struct Sent<G: Group> {
    pub(super) at: Instant,
    term: u64,
    previous: Option<LogId<G>>,
    pub(super) last: Option<LogId<G>>,
}

impl<G: Group> Sent<G> {
    pub(super) fn of(request: &AppendEntriesRequest<Types<G>>, at: Instant) -> Self {
        let last = request.entries.last().map(RaftEntry::log_id);
        Self {
            at,
            term: request.vote.leader_id.term,
            previous: request.prev_log_id,
            last: last.or(request.prev_log_id),
        }
    }

    /// An answer to it on a stream.
    pub(super) fn streamed(
        &self,
        answer: StreamAppendResult<Types<G>>,
    ) -> Result<StreamAppendResult<Types<G>>, Failure> {
        let fits = match &answer {
            Ok(matching) => *matching == self.last,
            Err(StreamAppendError::Conflict(at)) => Some(*at) == self.previous,
            Err(StreamAppendError::HigherVote(higher)) => {
                believe::<G>(higher, self.term)?;
                true
            }
        };
        fits.then_some(answer).ok_or_else(misfit)
    }

    /// An answer to it alone.
    pub(super) fn answered(
        &self,
        answer: AppendEntriesResponse<Types<G>>,
    ) -> Result<AppendEntriesResponse<Types<G>>, Failure> {
        let fits = match &answer {
            AppendEntriesResponse::Success => true,
            AppendEntriesResponse::Conflict => self.previous.is_some(),
            // Members take all of a request or nothing.
            AppendEntriesResponse::PartialSuccess(_) => false,
            AppendEntriesResponse::HigherVote(higher) => {
                believe::<G>(higher, self.term)?;
                true
            }
        };
        fits.then_some(answer).ok_or_else(misfit)
    }
}

/// Whether `vote` may be the answer to a question of term `asked`.
pub(super) fn believe<G: Group>(vote: &Vote<G>, asked: u64) -> Result<(), Failure> {
    within_reach(vote.leader_id.term, asked).map_err(|absurd| Failure::Broken(absurd.to_string()))
}

fn misfit() -> Failure {
    Failure::Broken("the answer does not fit the question".to_owned())
}

#[cfg(test)]
mod tests {
    use openraft::impls::{Vote, leader_id_adv::LeaderId};

    use super::*;
    use crate::group::MemoryGroup;

    fn at(index: u64) -> LogId<MemoryGroup> {
        LogId::<MemoryGroup>::new(
            LeaderId {
                term: 3,
                node_id: 7,
            },
            index,
        )
    }

    fn vote(term: u64) -> Vote<LeaderId<u64, u64>> {
        Vote {
            leader_id: LeaderId { term, node_id: 9 },
            committed: false,
        }
    }

    #[test]
    fn an_answer_has_to_fit_what_was_sent() {
        let sent = |previous| Sent::<MemoryGroup> {
            at: Instant::START,
            term: 3,
            previous,
            last: Some(at(8)),
        };
        let asked = sent(Some(at(5)));
        for honest in [
            Ok(Some(at(8))),
            Err(StreamAppendError::Conflict(at(5))),
            Err(StreamAppendError::HigherVote(vote(4))),
        ] {
            assert_eq!(asked.streamed(honest.clone()), Ok(honest));
        }
        for absurd in [
            Ok(Some(at(9))),
            Ok(None),
            Err(StreamAppendError::Conflict(at(4))),
            Err(StreamAppendError::HigherVote(vote(u64::MAX))),
        ] {
            assert!(asked.streamed(absurd).is_err());
        }
        // The library would look for the place of a conflict before the first entry, and find none.
        let conflict = AppendEntriesResponse::Conflict;
        assert!(asked.answered(conflict.clone()).is_ok());
        assert!(sent(None).answered(conflict).is_err());
        assert!(
            asked
                .answered(AppendEntriesResponse::PartialSuccess(Some(at(99))))
                .is_err()
        );
    }
}
