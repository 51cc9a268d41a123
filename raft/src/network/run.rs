//! Entries for a witness in few bytes: without content they differ in their index alone.

use std::io;

use openraft::EntryPayload;
use openraft::entry::RaftEntry;
use openraft::raft::AppendEntriesRequest;

use crate::group::{Entry, Group, LogId, Types, Vote};
use crate::store::{decode, encode};

/// How the entries of a request are written.
pub(super) const WHOLE: u32 = 0;
/// As the last one and how many there are.
pub(super) const RUN: u32 = 1;
/// Entries of one run; a leader sends far fewer in one message.
const MOST: u32 = 1_024;

/// Vote, what comes before, the last entry, how many entries, what is agreed on.
type Run<G> = (Vote<G>, Option<LogId<G>>, LogId<G>, u32, Option<LogId<G>>);

/// `request` as a run, if its entries are one.
pub(super) fn pack<G: Group>(request: &AppendEntriesRequest<Types<G>>) -> Option<Vec<u8>> {
    let last = request.entries.last()?.log_id();
    let alike = |entry: &Entry<G>| {
        let stripped = match &entry.payload {
            EntryPayload::Normal(command) => G::is_stripped(command),
            EntryPayload::Blank | EntryPayload::Membership(_) => false,
        };
        stripped && entry.log_id.leader_id == last.leader_id
    };
    if !request.entries.iter().all(alike) {
        return None;
    }
    let count = u32::try_from(request.entries.len()).ok()?;
    let run: Run<G> = (
        request.vote,
        request.prev_log_id,
        last,
        count,
        request.leader_commit,
    );
    encode(&run).ok().filter(|_| count <= MOST)
}

/// The request that a run was made of.
pub(super) fn unpack<G: Group>(bytes: &[u8]) -> io::Result<AppendEntriesRequest<Types<G>>> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let (vote, prev_log_id, last, count, leader_commit): Run<G> = decode(bytes)?;
    if count > MOST {
        return Err(wrong("a run of too many entries"));
    }
    let next = last.index.checked_add(1);
    let first = next.and_then(|next| next.checked_sub(count.into()));
    let first = first.ok_or_else(|| wrong("a run that begins before the first entry"))?;
    let entries = (first..first + u64::from(count)).map(|index| Entry::<G> {
        log_id: LogId::<G>::new(last.leader_id, index),
        payload: EntryPayload::Normal(G::stripped()),
    });
    Ok(AppendEntriesRequest {
        vote,
        prev_log_id,
        entries: entries.collect(),
        leader_commit,
    })
}

#[cfg(test)]
mod tests {
    use openraft::impls::leader_id_adv::LeaderId;

    use super::*;
    use crate::group::{ControlGroup, MemoryGroup};

    fn request<G: Group>(indexes: std::ops::Range<u64>) -> AppendEntriesRequest<Types<G>> {
        let leader_id = LeaderId {
            term: 7,
            node_id: 1 << 32 | 9,
        };
        let at = |index| LogId::<G>::new(leader_id, index);
        AppendEntriesRequest {
            vote: openraft::impls::Vote {
                leader_id,
                committed: true,
            },
            prev_log_id: indexes.start.checked_sub(1).map(at),
            entries: indexes
                .map(|index| Entry::<G> {
                    log_id: at(index),
                    payload: EntryPayload::Normal(G::stripped()),
                })
                .collect(),
            leader_commit: Some(at(3)),
        }
    }

    fn comes_back<G: Group>(indexes: std::ops::Range<u64>) {
        let request = request::<G>(indexes);
        let bytes = pack::<G>(&request).unwrap();
        let whole = encode(&request).unwrap();
        assert_eq!(encode(&unpack::<G>(&bytes).unwrap()).unwrap(), whole);
        assert!(
            bytes.len() < 60,
            "{} instead of {}",
            bytes.len(),
            whole.len()
        );
    }

    #[test]
    fn a_run_is_the_request_that_it_was_made_of() {
        for indexes in [0..1, 0..64, 1_000_000..1_000_064] {
            comes_back::<MemoryGroup>(indexes.clone());
            comes_back::<ControlGroup>(indexes);
        }
    }

    #[test]
    fn what_is_no_run_is_sent_whole() {
        let mut request = request::<MemoryGroup>(4..9);
        request.entries[2].payload = EntryPayload::Blank;
        assert!(pack::<MemoryGroup>(&request).is_none());
        request.entries.clear();
        assert!(pack::<MemoryGroup>(&request).is_none());
    }

    #[test]
    fn absurd_runs_are_refused_before_any_entry_is_made() {
        let honest = request::<MemoryGroup>(4..9);
        let last = honest.entries[4].log_id;
        let run = |last: LogId<MemoryGroup>, count: u32| {
            let run: Run<MemoryGroup> = (honest.vote, None, last, count, None);
            unpack::<MemoryGroup>(&encode(&run).unwrap())
        };
        let at = |index| LogId::<MemoryGroup>::new(last.leader_id, index);
        assert!(run(at(8), 5).is_ok());
        assert!(run(at(8), u32::MAX).is_err());
        assert!(run(at(1 << 20), MOST).is_ok());
        assert!(run(at(1 << 20), MOST + 1).is_err());
        assert!(run(at(8), 10).is_err());
        assert!(run(at(u64::MAX), 1).is_err());
    }
}
