//! The record of a session: what one node tells the others, and what it programs from them.

use core::time::Duration;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::flow_key::{Endpoint, FlowKey};
use crate::id::{Epoch, Giid, Name, NodeId, SessionId};

/// Direction of a packet within its session.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Direction {
    /// From the side that opened the session.
    Forward,
    /// Back to the side that opened it.
    Reverse,
}

/// Where a direction leaves: interface and, unless the destination is on link, its gateway.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Hop {
    /// Egress network-interface.
    pub interface: Giid,
    /// The neighbour that gets the packet: the gateway, or the destination itself when on link.
    pub neighbor: IpAddr,
}

/// A TCP connection as a middle box follows it: RFC 9293 §3.3.2's states, merged where both sides
/// together are what matters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum TcpState {
    /// A SYN went forward.
    SynSent,
    /// A SYN-ACK came back.
    SynReceived,
    /// The handshake is complete.
    Established,
    /// One side has sent FIN.
    FinWait(Direction),
    /// Both sides have sent FIN.
    Closing,
    /// Both FINs are acknowledged.
    TimeWait,
    /// A reset ended it.
    Reset,
}

/// One session as it is replicated: enough for another node to forward its next packet.
///
/// Source NAT needs no field of its own: `reverse.dst` is what the outside knows, `forward.src` what
/// the inside sent. Of two records of one session the higher (`epoch`, `version`) is true; applying
/// one twice changes nothing.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The session.
    pub id: SessionId,
    /// The node that wrote this record.
    pub owner: NodeId,
    /// The epoch under which it was written.
    pub epoch: Epoch,
    /// Counts the writes under one epoch.
    pub version: u32,
    /// Key of packets from the opener, as they arrive.
    pub forward: FlowKey,
    /// Key of packets back to the opener, as they arrive.
    pub reverse: FlowKey,
    /// Where forward packets arrive; reverse packets leave there.
    pub ingress: Giid,
    /// Where forward packets leave.
    pub forward_hop: Hop,
    /// Where reverse packets leave.
    pub reverse_hop: Hop,
    /// The service that was asked for.
    pub service: Name,
    /// Who asked; `None` is the global tenant.
    pub tenant: Option<Name>,
    /// State of a TCP session; `None` for other protocols.
    pub tcp: Option<TcpState>,
    /// A reverse packet has been seen (UDP, ICMP) or the handshake is complete (TCP).
    pub established: bool,
    /// Idle timeout until established, in milliseconds.
    pub initial_timeout_ms: u32,
    /// Idle timeout once established, in milliseconds.
    pub timeout_ms: u32,
    /// When it was opened, in milliseconds of Unix time: for people only.
    pub opened_unix_ms: u64,
}

impl SessionRecord {
    /// The translated source, when the session has source NAT.
    pub fn source_nat(&self) -> Option<Endpoint> {
        (self.reverse.dst != self.forward.src).then_some(self.reverse.dst)
    }

    /// How long it may be idle in its present state.
    pub fn idle_timeout(&self) -> Duration {
        self.timeouts().of(self.tcp, self.established)
    }

    /// How long it may be idle in any state.
    pub const fn timeouts(&self) -> IdleTimeouts {
        IdleTimeouts {
            initial_ms: self.initial_timeout_ms,
            established_ms: self.timeout_ms,
        }
    }

    /// A number for this version of the session: two tables whose fingerprints sum up alike hold the
    /// same. Zero for a session that was never offered to the cluster.
    pub fn fingerprint(&self) -> u64 {
        self.id.fingerprint(self.rank())
    }

    /// Rank among the words about this session; the higher one is true.
    pub const fn rank(&self) -> (Epoch, u32) {
        (self.epoch, self.version)
    }

    /// Whether this record replaces `other`, a record of the same session.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (self.epoch, self.version) > (other.epoch, other.version)
    }
}

/// How long a session may be idle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IdleTimeouts {
    /// Until established, in milliseconds.
    pub initial_ms: u32,
    /// Once established, in milliseconds.
    pub established_ms: u32,
}

impl IdleTimeouts {
    /// RFC 5382 REQ-5: a connection that opens, closes or was reset is forgotten after four idle minutes
    /// at the earliest. After a reset too (RFC 7857 §2.2): nobody has checked its sequence number, so a
    /// forged one must not tear a hole into a connection that goes on.
    pub const TRANSITORY_IDLE: Duration = Duration::from_mins(4);

    /// How long a session in this state may be idle. What opens or closes has the shorter of the
    /// protocol's time and the operator's.
    pub fn of(self, tcp: Option<TcpState>, is_established: bool) -> Duration {
        let initial = Duration::from_millis(u64::from(self.initial_ms));
        if !is_established {
            return initial;
        }
        let established = Duration::from_millis(u64::from(self.established_ms));
        match tcp {
            None | Some(TcpState::Established) => established,
            Some(TcpState::SynSent | TcpState::SynReceived) => initial,
            Some(
                TcpState::FinWait(_) | TcpState::Closing | TcpState::TimeWait | TcpState::Reset,
            ) => established.min(Self::TRANSITORY_IDLE),
        }
    }
}

/// What a session's owner tells the cluster.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum SessionChange {
    /// The session exists in this form.
    Put(SessionRecord),
    /// The session ended under this epoch and version.
    Remove {
        /// The session.
        id: SessionId,
        /// Epoch of the node that ended it.
        epoch: Epoch,
        /// Version after the last record.
        version: u32,
    },
}

impl SessionChange {
    /// The session that changes.
    pub const fn id(&self) -> SessionId {
        match self {
            Self::Put(record) => record.id,
            Self::Remove { id, .. } => *id,
        }
    }

    /// Rank of this change among those of the same session; the higher one is true.
    pub const fn rank(&self) -> (Epoch, u32) {
        match self {
            Self::Put(record) => (record.epoch, record.version),
            Self::Remove { epoch, version, .. } => (*epoch, *version),
        }
    }
}
