//! From the hash of a key to a place, without storing the key again.
//!
//! Open addressing with linear probing, sized once for the table's limit: it never rehashes, so no
//! packet waits for that. An entry is 8 bytes: 32 bits of the hash, which spare nearly all wrong
//! comparisons, and the place.

/// A hash index of fixed size. The caller keeps the keys and compares them.
#[derive(Debug)]
pub(crate) struct Index {
    /// `tag << 32 | place + 1`; zero is empty. Fresh zeroed pages cost nothing until they are used.
    entries: Vec<u64>,
    mask: u32,
}

impl Index {
    /// For up to `limit` entries, at a load of two thirds at most.
    pub(crate) fn new(limit: usize) -> Self {
        let size = (limit.saturating_mul(3) / 2)
            .clamp(16, 1 << 31)
            .next_power_of_two();
        Self {
            entries: vec![0; size],
            mask: u32::try_from(size - 1).unwrap_or(u32::MAX),
        }
    }

    /// The place that was inserted under `hash` and that `matches`.
    #[inline]
    pub(crate) fn find(&self, hash: u64, matches: impl Fn(u32) -> bool) -> Option<u32> {
        self.position(hash, matches).map(|(_, place)| place)
    }

    /// Adds an entry; the caller has made sure that its key is not there and that the limit holds.
    pub(crate) fn insert(&mut self, hash: u64, place: u32) {
        let tag = tag(hash);
        let mut at = tag & self.mask;
        // The load factor leaves holes, so this ends.
        while self.at(at) != 0 {
            at = (at + 1) & self.mask;
        }
        self.set(at, entry(tag, place));
    }

    /// Removes the entry of this place.
    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        let Some((mut hole, _)) = self.position(hash, |found| found == place) else {
            return;
        };
        // Entries behind the hole move up as long as that brings them no further than their home:
        // probing needs no tombstones, and lookups stay as short as on the first day.
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            let moved = self.at(at);
            if moved == 0 {
                break;
            }
            let displaced_by = at.wrapping_sub(home(moved)) & self.mask;
            if displaced_by >= at.wrapping_sub(hole) & self.mask {
                self.set(hole, moved);
                hole = at;
            }
        }
        self.set(hole, 0);
    }

    #[inline]
    fn position(&self, hash: u64, matches: impl Fn(u32) -> bool) -> Option<(u32, u32)> {
        let tag = tag(hash);
        let mut at = tag & self.mask;
        loop {
            let entry = self.at(at);
            if entry == 0 {
                return None;
            }
            if home(entry) == tag
                && let Some(place) = place(entry)
                && matches(place)
            {
                return Some((at, place));
            }
            at = (at + 1) & self.mask;
        }
    }

    #[inline]
    fn at(&self, at: u32) -> u64 {
        self.entries.get(at as usize).copied().unwrap_or(0)
    }

    fn set(&mut self, at: u32, entry: u64) {
        if let Some(slot) = self.entries.get_mut(at as usize) {
            *slot = entry;
        }
    }
}

const fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

const fn home(entry: u64) -> u32 {
    (entry >> 32) as u32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "an entry's lower half, on purpose"
)]
const fn place(entry: u64) -> Option<u32> {
    (entry as u32).checked_sub(1)
}

fn entry(tag: u32, place: u32) -> u64 {
    u64::from(tag) << 32 | u64::from(place.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Few distinct hashes, so that probes run long, wrap around and meet equal tags.
    fn hash_of(key: u8) -> u64 {
        let clustered = u32::from(key % 5).wrapping_sub(2);
        u64::from(clustered) << 32 | u64::from(key)
    }

    proptest! {
        #[test]
        fn it_finds_what_a_hash_map_finds(steps: Vec<(bool, u8)>) {
            let mut index = Index::new(256);
            let mut model = HashMap::new();
            for (insert, key) in steps {
                let place = u32::from(key);
                if insert {
                    if model.insert(key, place).is_none() {
                        index.insert(hash_of(key), place);
                    }
                } else {
                    model.remove(&key);
                    index.remove(hash_of(key), place);
                }
                for key in 0..=u8::MAX {
                    let found = index.find(hash_of(key), |place| place == u32::from(key));
                    prop_assert_eq!(found, model.get(&key).copied());
                }
            }
        }
    }

    #[test]
    fn it_holds_its_limit() {
        let mut index = Index::new(100);
        for place in 0..100 {
            index.insert(u64::from(place) << 32, place);
        }
        assert!((0..100).all(|place| {
            index.find(u64::from(place) << 32, |found| found == place) == Some(place)
        }));
        assert_eq!(index.find(5 << 32, |_| false), None);
    }
}
