//! Roles: the word that says whether this node forwards, and the one that it tells its peer.
//!
//! The redundancy group's thread writes the gate, packet workers read it once a batch. A takeover is
//! one store: everything else (sessions, neighbours, FIB) stands in the workers already.

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::id::Epoch;

/// Open under an epoch: active. Closed: standby.
#[derive(Clone, Debug, Default)]
pub struct EpochGate(Arc<AtomicU64>);

impl EpochGate {
    /// A closed gate.
    pub fn closed() -> Self {
        Self::default()
    }

    /// From now on this node forwards under `epoch`. The release pairs with [`EpochGate::epoch`].
    pub fn open(&self, epoch: Epoch) {
        self.0.store(epoch.0, Ordering::Release);
    }

    /// From now on this node neither forwards nor answers.
    pub fn close(&self) {
        self.0.store(0, Ordering::Release);
    }

    /// The epoch under which this node is active; `None` on standby.
    pub fn epoch(&self) -> Option<Epoch> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            epoch => Some(Epoch(epoch)),
        }
    }
}

/// A node's role as it tells its peer over the HA links.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
pub enum PeerState {
    /// Starting or stopping.
    Initialize,
    /// Ready to take over.
    Backup,
    /// Forwarding.
    Active,
    /// A link of it is down.
    Fault,
    /// It has handed its role over and does not want it back for a while.
    Released,
}

impl PeerState {
    /// The text that operators read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Backup => "backup",
            Self::Active => "active",
            Self::Fault => "fault",
            Self::Released => "released",
        }
    }
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much of what the cluster knows stands in this node's session tables: what a packet without a
/// session means depends on it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize, Deserialize)]
pub enum Coverage {
    /// All of it: a packet without a session is a stranger's.
    Complete,
    /// Records are on their way: its session may come at any moment.
    #[default]
    CatchingUp,
    /// Neither the peer nor the group can be asked: its session may stand where nobody can look.
    Severed,
}

impl Coverage {
    /// The text that operators read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::CatchingUp => "catching up",
            Self::Severed => "severed",
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
