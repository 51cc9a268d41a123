//! The sessions of one processor: found by the wire key of either direction, followed, aged,
//! replicated.
//!
//! One thread owns a table. On standby it only takes what is replicated ([`Table::install`]); becoming
//! active is [`Table::adopt`], which touches no session. Nothing here allocates for a packet of a known
//! session, and nothing moves or rehashes while the table grows.
//!
//! ```text
//!  key ──► keys: Index ──► place, direction ──► sessions: Slab<Session>
//!  id  ──► ids:  Index ──► place                wheel: timers by place
//!                                               changes: places to be replicated, removals
//! ```

mod audit;
mod changes;
mod flows;
mod graves;
mod install;
mod session;

use types::{
    Digest, Direction, DropReason, Epoch, FlowKey, Hop, Instant, NodeId, SessionId, SessionRecord,
};

use crate::expiry::Wheel;
use crate::index::Index;
use crate::slab::Slab;
use crate::tcp_state::{self, Segment};

pub use audit::{Held, Repair, Repaired};
pub use install::Installed;
pub use session::{NewSession, Session};

use changes::Changes;
use graves::Graves;

/// More sessions than this do not fit into the index of one table.
const MOST_SESSIONS: usize = 1 << 29;

/// Place of a session in its table; valid until that session is removed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Slot(pub(crate) u32);

/// What a wire key belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hit {
    /// The session.
    pub slot: Slot,
    /// The packet's direction in it.
    pub direction: Direction,
}

/// What a packet changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Touched {
    /// The session became established with this packet.
    pub established: bool,
    /// The connection is over since this packet; the session stays for its idle time.
    pub closed: bool,
}

/// Who writes records, and under which epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// This node.
    pub owner: NodeId,
    /// The epoch of the open gate.
    pub epoch: Epoch,
}

/// The sessions of one processor.
#[derive(Debug)]
pub struct Table {
    sessions: Slab<Session>,
    keys: Index,
    ids: Index,
    wheel: Wheel,
    changes: Changes,
    graves: Graves,
    hasher: ahash::RandomState,
    limit: usize,
    /// When this node became active: until then no session was idle in its eyes.
    adopted_at: Instant,
    active: bool,
    /// The epoch that changes have been stamped with since the takeover.
    epoch: Option<Epoch>,
    digest: Digest,
}

impl Table {
    /// A standby table of at most `max_sessions`. The hasher's seeds must be random: clients choose
    /// their ports, and must not be able to choose their bucket.
    pub fn new(max_sessions: usize, hasher: ahash::RandomState) -> Self {
        let limit = max_sessions.min(MOST_SESSIONS);
        Self {
            sessions: Slab::new(),
            keys: Index::new(limit * 2),
            ids: Index::new(limit),
            wheel: Wheel::new(),
            changes: Changes::new(limit),
            graves: Graves::new(hasher.clone()),
            hasher,
            limit,
            adopted_at: Instant::START,
            active: false,
            epoch: None,
            digest: Digest::default(),
        }
    }

    /// Which session a packet belongs to, by its key on the wire.
    #[inline]
    pub fn lookup(&self, key: &FlowKey) -> Option<Hit> {
        let entry = self.keys.find(self.hash_key(key), |entry| {
            let (place, direction) = unpack(entry);
            self.sessions
                .get(place)
                .is_some_and(|session| session.matches(direction, key))
        })?;
        let (place, direction) = unpack(entry);
        Some(Hit {
            slot: Slot(place),
            direction,
        })
    }

    /// The session in a slot.
    #[inline]
    pub fn get(&self, slot: Slot) -> Option<&Session> {
        self.sessions.get(slot.0)
    }

    /// Where a session is, by its id.
    pub fn find(&self, id: SessionId) -> Option<Slot> {
        let found = self.ids.find(self.hash_id(id), |place| {
            self.sessions
                .get(place)
                .is_some_and(|session| session.id() == id)
        });
        found.map(Slot)
    }

    /// Opens a session. The packet that opens it is counted by a [`Table::touch`] afterwards.
    pub fn open(&mut self, new: NewSession, now: Instant) -> Result<Slot, DropReason> {
        if self.sessions.len() >= self.limit {
            return Err(DropReason::SessionTableFull);
        }
        // With mappings from `nat` this cannot be. Whoever makes it happen asks for packets of a
        // session that is not his.
        if self.lookup(&new.forward).is_some() || self.lookup(&new.reverse).is_some() {
            return Err(DropReason::UnsolicitedInbound);
        }
        let slot = self.insert(Session::open(new, now), now);
        self.changes.mark(slot.0);
        Ok(slot)
    }

    /// A packet of a known session went by. `segment` is what its TCP flags say, `None` for other
    /// protocols.
    #[inline]
    pub fn touch(
        &mut self,
        hit: Hit,
        segment: Option<Segment>,
        bytes: usize,
        now: Instant,
    ) -> Touched {
        let Some(session) = self.sessions.get_mut(hit.slot.0) else {
            return Touched::default();
        };
        session.count(hit.direction, bytes, now);
        let before = session.progress();
        session.follow(hit.direction, segment);
        let after = session.progress();
        if before == after {
            return Touched::default();
        }
        let deadline = now + session.idle_timeout();
        self.changes.mark(hit.slot.0);
        // The new state's timeout may be the shorter one, which no timer of the old one would see.
        self.wheel.arm(hit.slot.0, deadline, now);
        let over = |tcp: Option<_>| tcp.is_some_and(tcp_state::is_over);
        Touched {
            established: after.1 && !before.1,
            closed: over(after.0) && !over(before.0),
        }
    }

    /// Changes where a direction leaves, after the FIB or the configuration has changed.
    pub fn set_hop(&mut self, hit: Hit, hop: Hop) {
        if let Some(session) = self.sessions.get_mut(hit.slot.0)
            && session.set_hop(hit.direction, hop)
        {
            self.changes.mark(hit.slot.0);
        }
    }

    /// Ends a session at once and tells the cluster. Its record is for NAT's release.
    pub fn remove(&mut self, slot: Slot) -> Option<SessionRecord> {
        let record = self.take_out(slot.0)?;
        self.changes.removed(&record);
        self.graves.bury(&record);
        Some(record)
    }

    /// This node became active: from now on timers run, and no session counts as idle before `now`.
    /// Touches no session, however many there are.
    pub fn adopt(&mut self, now: Instant) {
        self.adopted_at = now;
        self.active = true;
        self.epoch = None;
        self.wheel.resume(now);
    }

    /// This node became standby: the other one says from now on which sessions there are. What is still
    /// to be told may be taken under the old epoch.
    pub const fn pause(&mut self) {
        self.active = false;
        self.epoch = None;
        self.wheel.pause();
    }

    /// Ends sessions that have been idle too long and appends their records to `gone`, for NAT's
    /// release. Looks at `limit` timers at most; returns whether more are due, so that the caller goes
    /// on after its next batch of packets. Does nothing on standby.
    pub fn expire(&mut self, now: Instant, limit: usize, gone: &mut Vec<SessionRecord>) -> bool {
        for _ in 0..limit {
            let Some(place) = self.wheel.next_due(now) else {
                return false;
            };
            let Some(session) = self.sessions.get(place) else {
                continue;
            };
            let seen = session.last_seen().max(self.adopted_at);
            let deadline = seen + session.idle_timeout();
            if deadline > now {
                self.wheel.arm(place, deadline, now);
            } else {
                gone.extend(self.remove(Slot(place)));
            }
        }
        true
    }

    /// All sessions, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Session)> {
        self.sessions
            .iter()
            .map(|(place, session)| (Slot(place), session))
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many sessions fit.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Equal on two nodes that hold the same replicated sessions in the same versions. Sessions that were
    /// never replicated do not count. Kept up to date with every change.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    fn insert(&mut self, session: Session, now: Instant) -> Slot {
        let (forward, reverse) = (
            self.hash_key(&session.key(Direction::Forward)),
            self.hash_key(&session.key(Direction::Reverse)),
        );
        let id = self.hash_id(session.id());
        let deadline = now + session.idle_timeout();
        self.digest.add(session.id(), session.fingerprint());
        let place = self.sessions.insert(session);
        self.keys.insert(forward, pack(place, Direction::Forward));
        self.keys.insert(reverse, pack(place, Direction::Reverse));
        self.ids.insert(id, place);
        self.wheel.arm(place, deadline, now);
        Slot(place)
    }

    /// Takes a session out of everything, without telling the cluster.
    fn take_out(&mut self, place: u32) -> Option<SessionRecord> {
        let session = self.sessions.remove(place)?;
        self.digest.remove(session.id(), session.fingerprint());
        let record = session.record();
        let (forward, reverse) = (
            self.hash_key(&record.forward),
            self.hash_key(&record.reverse),
        );
        self.keys.remove(forward, pack(place, Direction::Forward));
        self.keys.remove(reverse, pack(place, Direction::Reverse));
        self.ids.remove(self.hash_id(record.id), place);
        self.wheel.disarm(place);
        self.changes.forget(place);
        Some(record)
    }

    #[inline]
    fn hash_key(&self, key: &FlowKey) -> u64 {
        use std::net::IpAddr::{V4, V6};
        // Few wide words hash faster than an address's many small ones.
        let ports = u64::from(key.src.port) << 32
            | u64::from(key.dst.port) << 8
            | u64::from(key.protocol.0);
        match (key.src.ip, key.dst.ip) {
            (V4(src), V4(dst)) => {
                let addresses = u64::from(src.to_bits()) << 32 | u64::from(dst.to_bits());
                self.hasher.hash_one((addresses, ports))
            }
            (V6(src), V6(dst)) => self.hasher.hash_one((src.to_bits(), dst.to_bits(), ports)),
            (V4(_), V6(_)) | (V6(_), V4(_)) => self.hasher.hash_one(key),
        }
    }

    fn hash_id(&self, id: SessionId) -> u64 {
        self.hasher.hash_one(id.0)
    }
}

const fn pack(place: u32, direction: Direction) -> u32 {
    match direction {
        Direction::Forward => place << 1,
        Direction::Reverse => place << 1 | 1,
    }
}

const fn unpack(entry: u32) -> (u32, Direction) {
    let direction = if entry & 1 == 0 {
        Direction::Forward
    } else {
        Direction::Reverse
    };
    (entry >> 1, direction)
}

#[cfg(test)]
mod tests;
