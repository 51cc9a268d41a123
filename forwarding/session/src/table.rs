//! (signatures; bodies follow)
#![expect(
    unused_variables,
    clippy::unused_self,
    clippy::needless_pass_by_ref_mut,
    clippy::needless_pass_by_value,
    reason = "signatures first"
)]
use types::{
    Direction, DropReason, Endpoint, Epoch, FlowKey, Giid, Hop, Instant, Name, NodeId,
    SessionChange, SessionId, SessionRecord,
};

use crate::policy::Timeouts;
use crate::tcp_state::Segment;

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
    /// It became established with this packet.
    pub established: bool,
    /// The connection is over since this packet (the session stays for its idle time).
    pub closed: bool,
}

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// From [`crate::SessionIds`].
    pub id: SessionId,
    /// Key of packets from the opener, as they arrive.
    pub forward: FlowKey,
    /// Key of packets back to the opener, as they arrive (its `dst` is the translated source).
    pub reverse: FlowKey,
    /// Where forward packets arrive.
    pub ingress: Giid,
    /// Where forward packets leave.
    pub forward_hop: Hop,
    /// Where reverse packets leave.
    pub reverse_hop: Hop,
    /// The service.
    pub service: Name,
    /// Who asked.
    pub tenant: Option<Name>,
    /// The first segment of a TCP session; `None` for other protocols. The packet itself is counted by
    /// a [`Table::touch`] afterwards.
    pub segment: Option<Segment>,
    /// Idle timeouts.
    pub timeouts: Timeouts,
    /// When, in milliseconds of Unix time: for people only.
    pub opened_unix_ms: u64,
}

/// Who writes records, and under which epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// This node.
    pub owner: NodeId,
    /// The epoch of the open gate.
    pub epoch: Epoch,
}

/// What a replicated change did. Every session that left the table on the way is in `gone`, whose NAT
/// mappings must be released before the one of `Added` is reserved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Installed {
    /// A new session: reserve its mapping.
    Added(Slot),
    /// A known session with the same keys.
    Updated(Slot),
    /// The session ended; its record is in `gone`.
    Removed,
    /// Not newer than what is known: nothing changed.
    Stale,
    /// The table has reached its limit.
    Full,
}

/// One session.
#[derive(Debug)]
pub struct Session {
    record: SessionRecord,
}

impl Session {
    /// What is replicated of it (rank as of the last `take_changes` or `install`).
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }
    /// Source and destination that a packet of this direction leaves with.
    pub fn outgoing(&self, direction: Direction) -> (Endpoint, Endpoint) {
        match direction {
            Direction::Forward => (self.record.reverse.dst, self.record.reverse.src),
            Direction::Reverse => (self.record.forward.dst, self.record.forward.src),
        }
    }
    /// Where packets of this direction leave.
    pub fn hop(&self, direction: Direction) -> Hop {
        match direction {
            Direction::Forward => self.record.forward_hop,
            Direction::Reverse => self.record.reverse_hop,
        }
    }
    /// Packets seen here.
    pub fn packets(&self, direction: Direction) -> u64 {
        0
    }
    /// Bytes seen here.
    pub fn bytes(&self, direction: Direction) -> u64 {
        0
    }
    /// The last packet seen here (or when the session was installed).
    pub fn last_seen(&self) -> Instant {
        Instant::START
    }
}

/// The sessions of one processor.
#[derive(Debug)]
pub struct Table;

impl Table {
    /// A standby table of at most `max_sessions`.
    pub fn new(max_sessions: usize, hasher: ahash::RandomState, now: Instant) -> Self {
        Self
    }
    /// Which session a packet belongs to, by its key on the wire.
    pub fn lookup(&self, key: &FlowKey) -> Option<Hit> {
        None
    }
    /// The session in a slot.
    pub fn get(&self, slot: Slot) -> Option<&Session> {
        None
    }
    /// Opens a session.
    pub fn open(&mut self, new: NewSession, now: Instant) -> Result<Slot, DropReason> {
        Err(DropReason::SessionTableFull)
    }
    /// A packet of a known session went by.
    pub fn touch(
        &mut self,
        hit: Hit,
        segment: Option<Segment>,
        bytes: usize,
        now: Instant,
    ) -> Touched {
        Touched::default()
    }
    /// Changes where a direction leaves (after a FIB change).
    pub fn set_hop(&mut self, hit: Hit, hop: Hop) {}
    /// Applies a replicated change.
    pub fn install(
        &mut self,
        change: &SessionChange,
        now: Instant,
        gone: &mut Vec<SessionRecord>,
    ) -> Installed {
        Installed::Stale
    }
    /// Ends a session at once; its record is for NAT's release.
    pub fn remove(&mut self, slot: Slot) -> Option<SessionRecord> {
        None
    }
    /// This node became active: no session has been idle before `now`. O(1).
    pub fn adopt(&mut self, now: Instant) {}
    /// Ends sessions that have been idle too long, looking at `limit` timers at most; their records go
    /// to `gone`. Only while active. Returns whether timers are left that are due already.
    pub fn expire(&mut self, now: Instant, limit: usize, gone: &mut Vec<SessionRecord>) -> bool {
        false
    }
    /// Appends up to `max` changes since the last call, stamped; returns how many.
    pub fn take_changes(
        &mut self,
        stamp: Stamp,
        max: usize,
        out: &mut Vec<SessionChange>,
    ) -> usize {
        0
    }
    /// How many sessions have changes to be taken.
    pub fn pending_changes(&self) -> usize {
        0
    }
    /// All sessions.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Session)> {
        core::iter::empty()
    }
    /// How many sessions there are.
    pub fn len(&self) -> usize {
        0
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        true
    }
    /// Equal on two nodes that hold the same sessions in the same versions.
    pub fn digest(&self) -> u64 {
        0
    }
}
