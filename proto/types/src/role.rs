//! The one word that says whether this node forwards for a redundancy group.
//!
//! The redundancy group's thread writes it, packet workers read it once a batch. A takeover is one
//! store: everything else (sessions, neighbours, FIB) stands in the workers already.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
