//! Sessions that ended here a short while ago. Around a takeover, words of the node that was active before
//! may arrive after that; they must not raise the session from the dead.

use std::collections::{HashMap, VecDeque};

use types::{Epoch, SessionId, SessionRecord};

/// How many ends are remembered. At ten thousand ends a second that is more than a second, some thirty
/// times what the cluster's log lags behind. What is raised all the same ages out once more.
const MOST: usize = 16_384;

/// The last sessions that ended, each with the epoch of its last record.
#[derive(Debug)]
pub(super) struct Graves {
    epochs: HashMap<SessionId, Epoch, ahash::RandomState>,
    order: VecDeque<SessionId>,
}

impl Graves {
    pub(super) fn new(hasher: ahash::RandomState) -> Self {
        Self {
            epochs: HashMap::with_hasher(hasher),
            order: VecDeque::new(),
        }
    }

    pub(super) fn bury(&mut self, record: &SessionRecord) {
        if record.epoch == Epoch::NONE {
            return;
        }
        if self.epochs.insert(record.id, record.epoch).is_none() {
            self.order.push_back(record.id);
        }
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.epochs.remove(&oldest);
        }
    }

    /// Whether this record was written before its session ended here. One of a later epoch was not: the
    /// other node was active in between and kept the session alive.
    pub(super) fn outlived(&self, record: &SessionRecord) -> bool {
        self.epochs
            .get(&record.id)
            .is_some_and(|ended| record.epoch <= *ended)
    }
}
