//! What the other node did, applied here: the newest rank of a session wins, and applying a change
//! twice changes nothing.

use types::{Direction, Epoch, FlowKey, Instant, SessionChange, SessionRecord};

use super::session::Session;
use super::{Slot, Table};

/// What a replicated change did.
///
/// Sessions that left the table on the way are in `gone`: release their NAT mappings before you
/// reserve the one of `Added`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Installed {
    /// A new session, or a known one whose keys changed: reserve its mapping.
    Added(Slot),
    /// A known session with the keys it had.
    Updated(Slot),
    /// The session ended.
    Removed,
    /// Not newer than what is known: nothing changed.
    Stale,
    /// The table has reached its limit: this session will not survive a takeover.
    Full,
}

impl Table {
    /// Applies a replicated change; records that leave the table on the way are appended to `gone`.
    ///
    /// Both roles call this: late words of the node that was active before count on the active one too.
    /// What this table has told itself comes back from the cluster and changes nothing.
    pub fn install(
        &mut self,
        change: &SessionChange,
        now: Instant,
        gone: &mut Vec<SessionRecord>,
    ) -> Installed {
        let (epoch, _) = change.rank();
        // An echo, of a session that is known in this form or a newer one, or that has ended here and must
        // not rise again. (On standby the log alone decides, also about this node's own old words.)
        if self.epoch == Some(epoch) {
            return Installed::Stale;
        }
        let known = self.find(change.id());
        let known_rank = known.and_then(|slot| self.get(slot)).map(Session::rank);
        if known_rank.is_some_and(|rank| rank >= change.rank()) {
            return Installed::Stale;
        }
        match (change, known) {
            (SessionChange::Put(record), None) => self.install_new(record, now, gone),
            (SessionChange::Put(record), Some(slot)) => self.install_known(slot, record, now, gone),
            (SessionChange::Remove { .. }, Some(slot)) => {
                gone.extend(self.take_out(slot.0));
                Installed::Removed
            }
            (SessionChange::Remove { .. }, None) => Installed::Stale,
        }
    }

    pub(super) fn install_new(
        &mut self,
        record: &SessionRecord,
        now: Instant,
        gone: &mut Vec<SessionRecord>,
    ) -> Installed {
        let holders = [self.lookup(&record.forward), self.lookup(&record.reverse)];
        // Two sessions claim the same keys: both nodes were active, or this node opened one before the
        // word of the older one arrived. The higher epoch is true; within one, the later word is.
        let outranked = holders
            .iter()
            .flatten()
            .filter_map(|hit| self.get(hit.slot))
            .any(|holder| self.epoch_of(holder) > record.epoch);
        if outranked || self.active && self.graves.outlived(record) {
            if self.active {
                // Nobody else would ever tell the cluster that this session is void.
                self.changes.removed(record);
            }
            return Installed::Stale;
        }
        for hit in holders.into_iter().flatten() {
            gone.extend(self.take_out(hit.slot.0));
        }
        if self.sessions.len() >= self.limit {
            return Installed::Full;
        }
        let slot = self.insert(Session::replicated(record.clone(), now), now);
        if self.active {
            // A late word, which the other node may have given up meanwhile for one of ours: as the
            // active one this node vouches for what it takes.
            self.changes.mark(slot.0);
        }
        Installed::Added(slot)
    }

    /// The epoch whose word a session is. One that has not been told yet is this node's, if it is active:
    /// under the epoch of its gate, which is the highest there is until changes have been stamped with it.
    fn epoch_of(&self, session: &Session) -> Epoch {
        let (epoch, _) = session.rank();
        match epoch {
            Epoch::NONE if self.active => self.epoch.unwrap_or(Epoch(u64::MAX)),
            told => told,
        }
    }

    pub(super) fn install_known(
        &mut self,
        slot: Slot,
        record: &SessionRecord,
        now: Instant,
        gone: &mut Vec<SessionRecord>,
    ) -> Installed {
        let Some(session) = self.sessions.get_mut(slot.0) else {
            return Installed::Stale;
        };
        if keys(session) != (record.forward, record.reverse) {
            gone.extend(self.take_out(slot.0));
            return self.install_new(record, now, gone);
        }
        let old = session.fingerprint();
        session.update(record.clone(), now);
        self.digest.remove(record.id, old);
        self.digest.add(record.id, session.fingerprint());
        let deadline = now + session.idle_timeout();
        self.wheel.arm(slot.0, deadline, now);
        if self.active {
            self.changes.mark(slot.0);
        } else {
            // Whatever this node wanted to tell about the session is outdated by the newer word.
            self.changes.forget(slot.0);
        }
        Installed::Updated(slot)
    }
}

fn keys(session: &Session) -> (FlowKey, FlowKey) {
    (
        session.key(Direction::Forward),
        session.key(Direction::Reverse),
    )
}
