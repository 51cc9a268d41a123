//! What all shards of a node share.
//!
//! Three things, and only one of them has a lock: NAT's mappings, because endpoint-independent mapping
//! (RFC 4787 REQ-1) gives one inside endpoint the same outside one for peers of every shard. Its lock
//! is taken when a session begins or ends, never for a packet of a known session. Steering and the
//! neighbour map are read by swapping in whole values.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use ::nat::Nat;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use types::{Coverage, Epoch, Instant, SessionRecord};

use crate::neighbors::NeighborMap;
use crate::pool::BufferPool;
use crate::steering::Steering;

/// Shared by workers, handle and neighbour actor.
pub struct Shared {
    /// Port mappings.
    pub nat: Mutex<Nat>,
    /// Which shard owns a flow.
    pub steering: Steering,
    /// Known neighbours, as the actor last published them.
    pub neighbors: ArcSwap<NeighborMap>,
    /// Buffers for frames between workers.
    pub pool: BufferPool,
    /// The highest epoch whose first packet has been reported.
    first_packet: AtomicU64,
    /// [`Coverage`], as [`code`] numbers it.
    coverage: AtomicU8,
}

impl Shared {
    /// Nothing known yet.
    pub fn new(nat: Nat, seed: u64, shards: usize) -> Self {
        let steering = Steering::new(seed, shards, nat.directory());
        Self {
            nat: Mutex::new(nat),
            steering,
            neighbors: ArcSwap::default(),
            pool: BufferPool::default(),
            first_packet: AtomicU64::new(0),
            coverage: AtomicU8::new(code(Coverage::default())),
        }
    }

    /// Whether the caller is the one to report the first packet of `epoch`.
    pub fn claim_first_packet(&self, epoch: Epoch) -> bool {
        self.first_packet.fetch_max(epoch.0, Ordering::Relaxed) < epoch.0
    }

    /// From now on the tables hold this much of what the cluster knows.
    pub fn cover(&self, coverage: Coverage) {
        self.coverage.store(code(coverage), Ordering::Relaxed);
    }

    /// How much of what the cluster knows the tables hold.
    pub fn coverage(&self) -> Coverage {
        match self.coverage.load(Ordering::Relaxed) {
            0 => Coverage::Complete,
            1 => Coverage::CatchingUp,
            _ => Coverage::Severed,
        }
    }

    /// Gives the mappings of ended sessions back and empties `gone`.
    pub fn release(&self, gone: &mut Vec<SessionRecord>, now: Instant) {
        if gone.iter().any(|record| record.source_nat().is_some()) {
            let mut nat = self.nat.lock();
            for record in gone.iter() {
                if let Some(outside) = record.source_nat() {
                    let protocol = record.forward.protocol;
                    nat.release(protocol, record.forward.src, outside, now);
                }
            }
        }
        gone.clear();
    }
}

const fn code(coverage: Coverage) -> u8 {
    match coverage {
        Coverage::Complete => 0,
        Coverage::CatchingUp => 1,
        Coverage::Severed => 2,
    }
}
