//! At one place of a log everybody applies the same, and has the same state afterwards.

use std::collections::BTreeMap;

use raft::seam::{Content, Place};
use raft::{GroupName, MemberKind};
use raft_state::Checksum;

use super::{Applied, Invariant, Observation};

/// What is known of one place.
#[derive(Debug)]
struct Known {
    term: u64,
    /// A number for what was applied; a witness has less than the others, a snapshot hides it.
    content: Option<u64>,
    /// Of a node's state.
    checksum: Option<Checksum>,
}

/// Everything that anybody has applied.
#[derive(Debug, Default)]
pub(super) struct LogMatching {
    known: BTreeMap<(GroupName, u64, u64), Known>,
}

fn number(content: &Content, kind: MemberKind) -> Option<u64> {
    match (content, kind) {
        (Content::Consensus, MemberKind::Node | MemberKind::Witness) => Some(0),
        (Content::Command(bytes), MemberKind::Node) => {
            let fold =
                |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            Some(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
        }
        (Content::Command(_), MemberKind::Witness)
        | (Content::Snapshot, MemberKind::Node | MemberKind::Witness) => None,
    }
}

impl LogMatching {
    fn compare(&mut self, place: Place, new: Known) -> Result<(), String> {
        let key = (place.group, place.generation, place.index);
        let Some(known) = self.known.get_mut(&key) else {
            self.known.insert(key, new);
            return Ok(());
        };
        let differ = |what: &str| Err(format!("{what} differs at {place:?}"));
        if known.term != new.term {
            return differ("the term");
        }
        if known.content.is_some() && new.content.is_some() && known.content != new.content {
            return differ("the entry");
        }
        if known.checksum.is_some() && new.checksum.is_some() && known.checksum != new.checksum {
            return differ("the state");
        }
        known.content = known.content.or(new.content);
        known.checksum = known.checksum.or(new.checksum);
        Ok(())
    }
}

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log_matching"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        match observation {
            Observation::Applied {
                kind,
                place,
                content,
                state,
                ..
            } => {
                let checksum = match (kind, state) {
                    (MemberKind::Node, Applied::Control(state)) => Some(state.checksum()),
                    (MemberKind::Node, Applied::State(state)) => Some(state.checksum()),
                    (MemberKind::Witness, Applied::Control(_) | Applied::State(_)) => None,
                };
                let new = Known {
                    term: place.term,
                    content: number(content, *kind),
                    checksum,
                };
                self.compare(*place, new)
            }
            Observation::Asked(_)
            | Observation::Told { .. }
            | Observation::Carried { .. }
            | Observation::Aged(_)
            | Observation::Stopped { .. }
            | Observation::Ended(_) => Ok(()),
        }
    }
}
