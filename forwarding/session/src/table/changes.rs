//! What the cluster has not been told yet. A session that changes a hundred times between two calls is
//! told once, and one that came and went in between is not told at all.

use std::collections::VecDeque;

use types::{Epoch, SessionChange, SessionId, SessionRecord};

use super::{Stamp, Table};
use crate::slab::Chunked;

/// Places with changes, and removals. Bounded by the table's limit, both of them.
#[derive(Debug)]
pub(super) struct Changes {
    queue: VecDeque<u32>,
    /// Per place: queued and how. Belongs to the place and not to the session, so that a place that
    /// is used again is not queued twice.
    marks: Chunked<Mark>,
    removals: VecDeque<Removal>,
    limit: usize,
    /// Removals that nobody took in time.
    lost: u64,
    pending: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    queued: bool,
    changed: bool,
}

#[derive(Debug)]
struct Removal {
    id: SessionId,
    epoch: Epoch,
    version: u32,
}

impl Changes {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            marks: Chunked::new(),
            removals: VecDeque::new(),
            limit,
            lost: 0,
            pending: 0,
        }
    }

    /// The session at this place has something to tell.
    #[inline]
    pub(super) fn mark(&mut self, place: u32) {
        while self.marks.len() <= place {
            self.marks.push(Mark::default());
        }
        let Some(mark) = self.marks.get_mut(place) else {
            return;
        };
        self.pending += usize::from(!mark.changed);
        mark.changed = true;
        if !mark.queued {
            mark.queued = true;
            self.queue.push_back(place);
        }
    }

    /// Whatever the session at this place had to tell is void.
    pub(super) fn forget(&mut self, place: u32) {
        if let Some(mark) = self.marks.get_mut(place) {
            self.pending -= usize::from(mark.changed);
            mark.changed = false;
        }
    }

    /// A session ended that the cluster may know.
    pub(super) fn removed(&mut self, record: &SessionRecord) {
        if record.epoch == Epoch::NONE {
            return;
        }
        // Nobody takes changes while replication is down for long. Forwarding goes on: the oldest
        // removals are given up, and their sessions age out on the other node after a takeover.
        if self.removals.len() >= self.limit && self.removals.pop_front().is_some() {
            self.lost += 1;
        }
        self.removals.push_back(Removal {
            id: record.id,
            epoch: record.epoch,
            version: record.version,
        });
    }

    /// Whether the session at this place has something to tell.
    pub(super) fn is_marked(&self, place: u32) -> bool {
        self.marks.get(place).is_some_and(|mark| mark.changed)
    }

    /// The next changed place.
    fn next(&mut self) -> Option<u32> {
        while let Some(place) = self.queue.pop_front() {
            let Some(mark) = self.marks.get_mut(place) else {
                continue;
            };
            let Mark { changed, .. } = core::mem::take(mark);
            if changed {
                self.pending -= 1;
                return Some(place);
            }
        }
        None
    }
}

impl Table {
    /// Appends up to `max` changes since the last call, stamped as written by `stamp`; returns how many.
    /// The epoch is that of this node's open gate, or of the last one when it has just closed.
    ///
    /// Removals come first: a new session may have the keys and the port of one that has just ended.
    pub fn take_changes(
        &mut self,
        stamp: Stamp,
        max: usize,
        out: &mut Vec<SessionChange>,
    ) -> usize {
        let before = out.len();
        self.epoch = self.active.then_some(stamp.epoch);
        while out.len() - before < max {
            let Some(removal) = self.changes.removals.pop_front() else {
                break;
            };
            // The other node was active in between and kept the session alive.
            if self.find(removal.id).is_none() {
                out.extend(removal.change(stamp));
            }
        }
        while out.len() - before < max {
            let Some(place) = self.changes.next() else {
                break;
            };
            if let Some(session) = self.sessions.get_mut(place) {
                let old = session.fingerprint();
                if session.stamp(stamp) {
                    self.digest.remove(session.id(), old);
                    self.digest.add(session.id(), session.fingerprint());
                    out.push(SessionChange::Put(session.record()));
                }
            }
        }
        out.len() - before
    }

    /// How many changes wait to be taken.
    pub fn pending_changes(&self) -> usize {
        self.changes.pending + self.changes.removals.len()
    }

    /// How many removals were given up because nobody took them.
    pub const fn lost_removals(&self) -> u64 {
        self.changes.lost
    }
}

impl Removal {
    /// `None` when a higher epoch owns the session: it is not ours to end.
    fn change(self, stamp: Stamp) -> Option<SessionChange> {
        let version = match self.epoch.cmp(&stamp.epoch) {
            core::cmp::Ordering::Greater => return None,
            core::cmp::Ordering::Equal => self.version.saturating_add(1),
            core::cmp::Ordering::Less => 1,
        };
        Some(SessionChange::Remove {
            id: self.id,
            epoch: stamp.epoch,
            version,
        })
    }
}
