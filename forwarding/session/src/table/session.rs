//! One session: its record and what only this node knows about it.

use core::time::Duration;

use types::{
    Direction, Endpoint, Epoch, FlowKey, Giid, Hop, Instant, Name, NodeId, SessionId,
    SessionRecord, TcpState,
};

use super::Stamp;
use crate::policy::Timeouts;
use crate::tcp_state::{self, Segment};

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// From [`crate::SessionIds`].
    pub id: SessionId,
    /// Key of packets from the opener, as they arrive.
    pub forward: FlowKey,
    /// Key of packets back to the opener, as they arrive; its `dst` is the translated source.
    pub reverse: FlowKey,
    /// Where forward packets arrive.
    pub ingress: Giid,
    /// Where forward packets leave.
    pub forward_hop: Hop,
    /// Where reverse packets leave.
    pub reverse_hop: Hop,
    /// The service that was asked for.
    pub service: Name,
    /// Who asked; `None` is the global tenant.
    pub tenant: Option<Name>,
    /// The first segment of a TCP session; `None` for other protocols.
    pub segment: Option<Segment>,
    /// How long it lives without a packet.
    pub timeouts: Timeouts,
    /// When it is opened, in milliseconds of Unix time: for people only.
    pub opened_unix_ms: u64,
}

/// One session in a table.
#[derive(Debug)]
pub struct Session {
    record: SessionRecord,
    last_seen: Instant,
    forward: Counters,
    reverse: Counters,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    packets: u64,
    bytes: u64,
}

impl Session {
    pub(super) fn open(new: NewSession, now: Instant) -> Self {
        Self {
            record: SessionRecord {
                id: new.id,
                // Nobody's until it is taken for replication, which stamps it.
                owner: NodeId(0),
                epoch: Epoch::NONE,
                version: 0,
                forward: new.forward,
                reverse: new.reverse,
                ingress: new.ingress,
                forward_hop: new.forward_hop,
                reverse_hop: new.reverse_hop,
                service: new.service,
                tenant: new.tenant,
                tcp: new.segment.map(tcp_state::opening),
                established: false,
                initial_timeout_ms: new.timeouts.initial_ms,
                timeout_ms: new.timeouts.established_ms,
                opened_unix_ms: new.opened_unix_ms,
            },
            last_seen: now,
            forward: Counters::default(),
            reverse: Counters::default(),
        }
    }

    pub(super) fn replicated(record: SessionRecord, now: Instant) -> Self {
        Self {
            record,
            last_seen: now,
            forward: Counters::default(),
            reverse: Counters::default(),
        }
    }

    /// What is replicated of it. Owner, epoch and version are those of the last replication.
    pub const fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// The key with which packets of this direction arrive.
    #[inline]
    pub const fn key(&self, direction: Direction) -> &FlowKey {
        match direction {
            Direction::Forward => &self.record.forward,
            Direction::Reverse => &self.record.reverse,
        }
    }

    /// The key with which packets of this direction leave: what the other direction arrives with,
    /// turned round.
    #[inline]
    pub const fn outgoing(&self, direction: Direction) -> FlowKey {
        match direction {
            Direction::Forward => self.record.reverse.reversed(),
            Direction::Reverse => self.record.forward.reversed(),
        }
    }

    /// Where packets of this direction leave.
    #[inline]
    pub const fn hop(&self, direction: Direction) -> Hop {
        match direction {
            Direction::Forward => self.record.forward_hop,
            Direction::Reverse => self.record.reverse_hop,
        }
    }

    /// Packets of a direction that this node has seen.
    pub const fn packets(&self, direction: Direction) -> u64 {
        self.counters(direction).packets
    }

    /// Bytes of a direction that this node has seen.
    pub const fn bytes(&self, direction: Direction) -> u64 {
        self.counters(direction).bytes
    }

    /// The last packet that this node has seen, or when it learned the session.
    pub const fn last_seen(&self) -> Instant {
        self.last_seen
    }

    /// How long it may be idle in its present state.
    pub fn idle_timeout(&self) -> Duration {
        self.record.idle_timeout()
    }

    /// The inside endpoint and its translation, when the session has source NAT.
    pub fn mapping(&self) -> Option<(Endpoint, Endpoint)> {
        let outside = self.record.source_nat()?;
        Some((self.record.forward.src, outside))
    }

    #[inline]
    pub(super) fn count(&mut self, direction: Direction, bytes: usize, now: Instant) {
        self.last_seen = now;
        let counters = match direction {
            Direction::Forward => &mut self.forward,
            Direction::Reverse => &mut self.reverse,
        };
        counters.packets += 1;
        counters.bytes += bytes as u64;
    }

    /// Follows the connection. Without TCP the first packet back establishes a session (ssr-model
    /// §6.3); with it the handshake does, or, for a connection older than its session, the first segment
    /// back.
    #[inline]
    pub(super) fn follow(&mut self, direction: Direction, segment: Option<Segment>) {
        let back = matches!(direction, Direction::Reverse);
        match (self.record.tcp, segment) {
            (Some(state), Some(segment)) => {
                let next = tcp_state::next(state, direction, segment);
                self.record.tcp = Some(next);
                self.record.established = match next {
                    TcpState::SynSent | TcpState::SynReceived => false,
                    TcpState::Reset => self.record.established,
                    TcpState::Established
                    | TcpState::FinWait(_)
                    | TcpState::Closing
                    | TcpState::TimeWait => {
                        let shook_hands = matches!(state, TcpState::SynReceived);
                        self.record.established || shook_hands || back
                    }
                };
            }
            (None, _) => self.record.established |= back,
            // A TCP packet without readable flags (a later fragment) says nothing about its state.
            (Some(_), None) => {}
        }
    }

    /// Whether that changed anything.
    pub(super) fn set_hop(&mut self, direction: Direction, hop: Hop) -> bool {
        let place = match direction {
            Direction::Forward => &mut self.record.forward_hop,
            Direction::Reverse => &mut self.record.reverse_hop,
        };
        core::mem::replace(place, hop) != hop
    }

    /// Gives the record the rank after the last one; `false` when a higher epoch has written it
    /// already, against which nothing of ours counts.
    pub(super) fn stamp(&mut self, stamp: Stamp) -> bool {
        let record = &mut self.record;
        if record.epoch > stamp.epoch {
            return false;
        }
        record.version = if record.epoch == stamp.epoch {
            record.version.saturating_add(1)
        } else {
            1
        };
        record.epoch = stamp.epoch;
        record.owner = stamp.owner;
        true
    }

    /// Takes a newer record with the same keys.
    pub(super) fn update(&mut self, record: SessionRecord, now: Instant) {
        self.record = record;
        self.last_seen = now;
    }

    /// The session's part of the digest; zero until it has been replicated.
    pub(super) fn fingerprint(&self) -> u64 {
        self.record.fingerprint()
    }

    pub(super) fn into_record(self) -> SessionRecord {
        self.record
    }

    const fn counters(&self, direction: Direction) -> &Counters {
        match direction {
            Direction::Forward => &self.forward,
            Direction::Reverse => &self.reverse,
        }
    }
}
