//! The published view of the neighbour table: read by workers for each packet, replaced as a whole by
//! the neighbour actor.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use ahash::HashMap;
use types::{MacAddr, NeighborRecord};

use crate::pending::NeighborKey;

/// A neighbour's MAC address, and whether packets went to it lately.
#[derive(Debug)]
pub struct Neighbor {
    mac: MacAddr,
    used: AtomicBool,
}

impl Neighbor {
    fn new(mac: MacAddr) -> Self {
        Self {
            mac,
            used: AtomicBool::new(false),
        }
    }

    /// The address, for a packet that goes there now.
    pub fn use_mac(&self) -> MacAddr {
        // A load first: the line stays shared among workers until the actor clears the mark.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        self.mac
    }

    /// Whether packets went there since the last call.
    pub fn take_used(&self) -> bool {
        self.used.load(Ordering::Relaxed) && self.used.swap(false, Ordering::Relaxed)
    }
}

/// All neighbours whose MAC address is known.
#[derive(Debug, Default)]
pub struct NeighborMap(HashMap<NeighborKey, Arc<Neighbor>>);

impl NeighborMap {
    /// The neighbours of `records`; marks of those that `old` knows with the same address stay.
    pub fn new(records: impl Iterator<Item = NeighborRecord>, old: &Self) -> Self {
        let entries = records.map(|record| {
            let key = NeighborKey {
                interface: record.interface,
                ip: record.ip,
            };
            let kept = old.0.get(&key).filter(|entry| entry.mac == record.mac);
            let entry = kept
                .cloned()
                .unwrap_or_else(|| Arc::new(Neighbor::new(record.mac)));
            (key, entry)
        });
        Self(entries.collect())
    }

    /// The neighbour, if its address is known.
    pub fn get(&self, key: &NeighborKey) -> Option<&Neighbor> {
        self.0.get(key).map(Arc::as_ref)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (NeighborKey, &Neighbor)> {
        self.0.iter().map(|(key, entry)| (*key, entry.as_ref()))
    }

    /// All of them as records, in no order.
    pub fn records(&self) -> impl Iterator<Item = NeighborRecord> + '_ {
        self.0.iter().map(|(key, entry)| NeighborRecord {
            interface: key.interface,
            ip: key.ip,
            mac: entry.mac,
        })
    }
}

#[cfg(test)]
mod tests {
    use types::Giid;

    use super::*;

    #[test]
    fn a_mark_survives_a_new_map_and_is_taken_once() {
        let record = |mac| NeighborRecord {
            interface: Giid(1),
            ip: [192, 0, 2, 9].into(),
            mac: MacAddr([2, 0, 0, 0, 0, mac]),
        };
        let key = NeighborKey {
            interface: Giid(1),
            ip: [192, 0, 2, 9].into(),
        };
        let first = NeighborMap::new([record(1)].into_iter(), &NeighborMap::default());
        assert_eq!(first.get(&key).unwrap().use_mac(), record(1).mac);

        let same = NeighborMap::new([record(1)].into_iter(), &first);
        assert!(same.get(&key).unwrap().take_used());
        assert!(!same.get(&key).unwrap().take_used());

        let moved = NeighborMap::new([record(2)].into_iter(), &same);
        assert_eq!(moved.get(&key).unwrap().use_mac(), record(2).mac);
    }
}
