//! Comparing the table with what the cluster agreed on, and mending what differs.
//!
//! Digests say which shards differ. Their sessions are listed ([`Table::held`]) and compared outside; a
//! difference that stays is mended here, where it is looked at once more: time has passed, and a
//! session that has changed since is left alone.
//!
//! On standby the log alone decides. The active node knows better what it has opened and ended, so it
//! tells the cluster again, and takes what it should have inherited.

use types::{Epoch, Instant, SessionId, SessionRecord, ShardSet};

use super::install::Installed;
use super::session::Session;
use super::{Slot, Table};

/// What the table holds of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Held {
    /// The session.
    pub id: SessionId,
    /// Epoch and version of the last word about it.
    pub rank: (Epoch, u32),
}

/// A difference to be mended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repair {
    /// The session.
    pub id: SessionId,
    /// What this table held when it was compared; `None` for nothing.
    pub held: Option<(Epoch, u32)>,
    /// What the cluster agreed on; `None` for nothing.
    pub agreed: Option<SessionRecord>,
}

/// What became of a [`Repair`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Repaired {
    /// The table has changed since it was compared, or the difference is none: nothing was done.
    Outdated,
    /// The agreed record is in the table now; a new one, whose mapping is to be reserved.
    Added(Slot),
    /// The agreed record took the place of another one of the same session.
    Replaced(Slot),
    /// The session is gone: the cluster does not know it.
    Removed,
    /// The cluster will be told again what this table holds.
    ToldAgain,
    /// The cluster will be told again that the session has ended.
    EndedAgain,
    /// The table has reached its limit.
    Full,
}

impl Table {
    /// Appends what is held of some shards' sessions to `out`, looking at `limit` places from `from` on.
    /// Returns where to go on, or `None` at the end. What waits to be told anyway is left out.
    pub fn held(
        &self,
        shards: &ShardSet,
        from: u32,
        limit: u32,
        out: &mut Vec<Held>,
    ) -> Option<u32> {
        let places = self.sessions.places();
        let until = from.saturating_add(limit).min(places);
        for place in from..until {
            let Some(session) = self.sessions.get(place) else {
                continue;
            };
            let (id, rank) = (session.id(), session.rank());
            let told = rank.0 != Epoch::NONE && !self.changes.is_marked(place);
            if told && shards.has(id) {
                out.push(Held { id, rank });
            }
        }
        (until < places).then_some(until)
    }

    /// Mends one difference; records that leave the table on the way are appended to `gone`.
    pub fn repair(
        &mut self,
        repair: &Repair,
        now: Instant,
        gone: &mut Vec<SessionRecord>,
    ) -> Repaired {
        let place = self.find(repair.id);
        let session = place.and_then(|slot| self.get(slot));
        let held = session.map(Session::rank);
        let waits = place.is_some_and(|Slot(place)| self.changes.is_marked(place));
        let agreed = repair.agreed.as_ref();
        if held != repair.held || waits || held == agreed.map(SessionRecord::rank) {
            return Repaired::Outdated;
        }
        if self.active {
            self.repair_active(place, agreed, now, gone)
        } else {
            self.repair_standby(place, agreed, now, gone)
        }
    }

    fn repair_standby(
        &mut self,
        place: Option<Slot>,
        agreed: Option<&SessionRecord>,
        now: Instant,
        gone: &mut Vec<SessionRecord>,
    ) -> Repaired {
        // An older record may be the agreed one: this node's own last words were never agreed on.
        let removed = place.and_then(|Slot(place)| self.take_out(place));
        let was_held = removed.is_some();
        gone.extend(removed);
        let Some(record) = agreed else {
            return Repaired::Removed;
        };
        // As a session that comes new even if it was known: its mapping was given back above.
        match self.install_new(record, now, gone) {
            Installed::Added(slot) => Repaired::Added(slot),
            Installed::Full => Repaired::Full,
            // Its keys belong to a session of a higher epoch: the active node will end one of the two.
            Installed::Stale | Installed::Updated(_) | Installed::Removed => {
                if was_held {
                    Repaired::Removed
                } else {
                    Repaired::Outdated
                }
            }
        }
    }

    fn repair_active(
        &mut self,
        place: Option<Slot>,
        agreed: Option<&SessionRecord>,
        now: Instant,
        gone: &mut Vec<SessionRecord>,
    ) -> Repaired {
        match (place, agreed) {
            (None, None) => Repaired::Outdated,
            (Some(slot), Some(record))
                if self
                    .get(slot)
                    .is_some_and(|session| session.rank() < record.rank()) =>
            {
                taken(self.install_known(slot, record, now, gone))
            }
            (Some(Slot(place)), Some(_) | None) => {
                self.changes.mark(place);
                Repaired::ToldAgain
            }
            // Written under this node's present epoch, so it was here, and has ended.
            (None, Some(record)) if self.epoch == Some(record.epoch) => {
                self.changes.removed(record);
                Repaired::EndedAgain
            }
            (None, Some(record)) => taken(self.install_new(record, now, gone)),
        }
    }
}

const fn taken(installed: Installed) -> Repaired {
    match installed {
        Installed::Added(slot) => Repaired::Added(slot),
        Installed::Updated(slot) => Repaired::Replaced(slot),
        Installed::Full => Repaired::Full,
        // It ended here a moment ago, or its keys belong to another session: the cluster will be told.
        Installed::Removed | Installed::Stale => Repaired::EndedAgain,
    }
}

#[cfg(test)]
mod tests;
