//! What workers count: one writer for each counter, any number of readers, no shared cache line.
//!
//! A counter's only writer adds by a load and a store, which is cheaper than an atomic addition and
//! as exact. Readers sum over the workers.

use core::sync::atomic::{AtomicU64, Ordering};

use types::DropCounters;

/// A number that one thread changes and others read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount`; only the counter's writer calls this.
    pub fn add(&self, amount: u64) {
        let value = self.0.load(Ordering::Relaxed);
        self.0.store(value.wrapping_add(amount), Ordering::Relaxed);
    }

    /// Sets a gauge; only its writer calls this.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One interface as one worker sees it; has cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct InterfaceCounters {
    /// Frames received.
    pub rx_packets: Counter,
    /// Their bytes.
    pub rx_bytes: Counter,
    /// Received frames that ended here for a [`types::DropReason`], or that nobody fetched in time.
    pub rx_drops: Counter,
    /// Frames sent.
    pub tx_packets: Counter,
    /// Their bytes.
    pub tx_bytes: Counter,
    /// Frames the device did not take.
    pub tx_drops: Counter,
}

/// One worker; has cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerCounters {
    /// Why packets ended.
    pub drops: DropCounters,
    /// Frames processed, those handed over by other workers included.
    pub packets: Counter,
    /// Packets of sessions that were sent on.
    pub forwarded: Counter,
    /// Frames handed over to other workers.
    pub handed_over: Counter,
    /// Sessions in the worker's shard.
    pub sessions: Counter,
    /// The shard's digest: summed over the shards, equal on two nodes that hold the same sessions.
    pub digest: Counter,
    /// Sessions opened by this worker's packets.
    pub opened: Counter,
    /// Session changes taken over from the cluster.
    pub installed: Counter,
    /// Frames waiting for a neighbour's MAC address.
    pub waiting: Counter,
    /// Times a batch of session changes was refused, and will be offered again.
    pub replication_refused: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_two_workers_share_no_cache_line() {
        assert_eq!(align_of::<InterfaceCounters>(), 128);
        assert_eq!(align_of::<WorkerCounters>(), 128);
    }

    #[test]
    fn a_counter_adds_and_a_gauge_sets() {
        let counter = Counter::default();
        counter.add(2);
        counter.add(3);
        assert_eq!(counter.get(), 5);
        counter.set(1);
        assert_eq!(counter.get(), 1);
    }
}
