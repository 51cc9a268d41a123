//! One session: its record and what only this node knows about it.

use core::time::Duration;

use types::{
    Direction, Endpoint, Epoch, FlowKey, Giid, Hop, IdleTimeouts, Instant, Name, NodeId, SessionId,
    SessionRecord, TcpState,
};

use super::Stamp;
use super::flows::{Flows, Wide};
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

/// One session in a table: its record, taken apart to save memory, and what only this node knows.
#[derive(Debug)]
pub struct Session {
    flows: Flows,
    /// In two halves: a number of 128 bits would ask for an alignment that costs more than it is worth.
    id: (u64, u64),
    epoch: Epoch,
    opened_unix_ms: u64,
    service: Name,
    tenant: Option<Name>,
    last_seen: Instant,
    forward: Counters,
    reverse: Counters,
    version: u32,
    timeouts: IdleTimeouts,
    ingress: Giid,
    forward_interface: Giid,
    reverse_interface: Giid,
    owner: NodeId,
    tcp: Option<TcpState>,
    established: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    packets: u64,
    bytes: u64,
}

impl Session {
    pub(super) fn open(new: NewSession, now: Instant) -> Self {
        let record = SessionRecord {
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
        };
        Self::replicated(record, now)
    }

    pub(super) fn replicated(record: SessionRecord, now: Instant) -> Self {
        Self {
            flows: Flows::from(Wide {
                forward: record.forward,
                reverse: record.reverse,
                forward_neighbor: record.forward_hop.neighbor,
                reverse_neighbor: record.reverse_hop.neighbor,
            }),
            timeouts: record.timeouts(),
            id: halves(record.id),
            epoch: record.epoch,
            opened_unix_ms: record.opened_unix_ms,
            service: record.service,
            tenant: record.tenant,
            last_seen: now,
            forward: Counters::default(),
            reverse: Counters::default(),
            version: record.version,
            ingress: record.ingress,
            forward_interface: record.forward_hop.interface,
            reverse_interface: record.reverse_hop.interface,
            owner: record.owner,
            tcp: record.tcp,
            established: record.established,
        }
    }

    /// What is replicated of it. Owner, epoch and version are those of the last replication.
    pub fn record(&self) -> SessionRecord {
        SessionRecord {
            id: self.id(),
            owner: self.owner,
            epoch: self.epoch,
            version: self.version,
            forward: self.key(Direction::Forward),
            reverse: self.key(Direction::Reverse),
            ingress: self.ingress,
            forward_hop: self.hop(Direction::Forward),
            reverse_hop: self.hop(Direction::Reverse),
            service: self.service.clone(),
            tenant: self.tenant.clone(),
            tcp: self.tcp,
            established: self.established,
            initial_timeout_ms: self.timeouts.initial_ms,
            timeout_ms: self.timeouts.established_ms,
            opened_unix_ms: self.opened_unix_ms,
        }
    }

    /// Its id.
    #[inline]
    pub fn id(&self) -> SessionId {
        let (high, low) = self.id;
        SessionId(u128::from(high) << 64 | u128::from(low))
    }

    /// Rank of its last replication.
    pub const fn rank(&self) -> (Epoch, u32) {
        (self.epoch, self.version)
    }

    /// Where packets of this direction arrive.
    #[inline]
    pub const fn arrives_at(&self, direction: Direction) -> Giid {
        match direction {
            Direction::Forward => self.ingress,
            Direction::Reverse => self.forward_interface,
        }
    }

    /// What packets change of the record.
    pub(super) const fn progress(&self) -> (Option<TcpState>, bool) {
        (self.tcp, self.established)
    }

    /// The key with which packets of this direction arrive.
    #[inline]
    pub fn key(&self, direction: Direction) -> FlowKey {
        self.flows.key(direction)
    }

    /// Whether packets with `key` are of this direction.
    #[inline]
    pub(super) fn matches(&self, direction: Direction, key: &FlowKey) -> bool {
        self.flows.matches(direction, key)
    }

    /// The key with which packets of this direction leave: what the other direction arrives with,
    /// turned round.
    #[inline]
    pub fn outgoing(&self, direction: Direction) -> FlowKey {
        let other = match direction {
            Direction::Forward => Direction::Reverse,
            Direction::Reverse => Direction::Forward,
        };
        self.key(other).reversed()
    }

    /// Where packets of this direction leave.
    #[inline]
    pub const fn hop(&self, direction: Direction) -> Hop {
        Hop {
            interface: match direction {
                Direction::Forward => self.forward_interface,
                Direction::Reverse => self.reverse_interface,
            },
            neighbor: self.flows.neighbor(direction),
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
        self.timeouts.of(self.tcp, self.established)
    }

    /// The inside endpoint and its translation, when the session has source NAT.
    pub fn mapping(&self) -> Option<(Endpoint, Endpoint)> {
        let inside = self.key(Direction::Forward).src;
        let outside = self.key(Direction::Reverse).dst;
        (inside != outside).then_some((inside, outside))
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
        match (self.tcp, segment) {
            (Some(state), Some(segment)) => {
                let next = tcp_state::next(state, direction, segment);
                self.tcp = Some(next);
                self.established = match next {
                    TcpState::SynSent | TcpState::SynReceived => false,
                    TcpState::Reset => self.established,
                    TcpState::Established
                    | TcpState::FinWait(_)
                    | TcpState::Closing
                    | TcpState::TimeWait => {
                        let shook_hands = matches!(state, TcpState::SynReceived);
                        self.established || shook_hands || back
                    }
                };
            }
            (None, _) => self.established |= back,
            // A TCP packet without readable flags (a later fragment) says nothing about its state.
            (Some(_), None) => {}
        }
    }

    /// Whether that changed anything.
    pub(super) fn set_hop(&mut self, direction: Direction, hop: Hop) -> bool {
        if self.hop(direction) == hop {
            return false;
        }
        match direction {
            Direction::Forward => self.forward_interface = hop.interface,
            Direction::Reverse => self.reverse_interface = hop.interface,
        }
        self.flows = self.flows.with_neighbor(direction, hop.neighbor);
        true
    }

    /// Gives the record the rank after the last one; `false` when a higher epoch has written it
    /// already, against which nothing of ours counts.
    pub(super) fn stamp(&mut self, stamp: Stamp) -> bool {
        if self.epoch > stamp.epoch {
            return false;
        }
        self.version = if self.epoch == stamp.epoch {
            self.version.saturating_add(1)
        } else {
            1
        };
        self.epoch = stamp.epoch;
        self.owner = stamp.owner;
        true
    }

    /// Takes a newer record with the same keys.
    pub(super) fn update(&mut self, record: SessionRecord, now: Instant) {
        let (forward, reverse) = (self.forward, self.reverse);
        *self = Self {
            forward,
            reverse,
            ..Self::replicated(record, now)
        };
    }

    /// The session's part of the digest; zero until it has been replicated.
    pub(super) fn fingerprint(&self) -> u64 {
        self.id().fingerprint(self.rank())
    }

    const fn counters(&self, direction: Direction) -> &Counters {
        match direction {
            Direction::Forward => &self.forward,
            Direction::Reverse => &self.reverse,
        }
    }
}

fn halves(id: SessionId) -> (u64, u64) {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    (half(id.0 >> 64), half(id.0))
}
