//! A part of the table: changes in few bytes, one after another, and an index over them by id.
//!
//! ```text
//!  places  [id, offset, len] [id, offset, len] …     sorted by id
//!  bytes   body | body | (garbage) | body | …        in the order in which they came
//! ```
//! A session costs its bytes and a place, and no allocation of its own; copying a shard, for a
//! snapshot, is copying two blocks of memory.

use std::collections::VecDeque;

use types::{SessionId, ShardDigest};

use super::packed::{Packed, PackedChange};

/// Tombstones of a shard; with all shards 65,536: two thirds of a second at 100,000 ended sessions a
/// second.
const TOMBSTONES: usize = 64;
/// Where both blocks grow by a quarter: doubling would waste more than it saves.
const GROWTH_DIVISOR: usize = 4;
/// Garbage below this is not worth a copy.
const LITTLE_GARBAGE: usize = 4096;

/// Sessions and tombstones.
#[derive(Clone, Debug, Default)]
pub(super) struct Shard {
    places: Vec<Place>,
    bytes: Vec<u8>,
    /// Bytes that no place names any more.
    garbage: usize,
    /// Ids of the tombstones, oldest first.
    ended: VecDeque<SessionId>,
    /// What the live sessions sum up to. Derived.
    pub(super) digest: ShardDigest,
}

/// Where the body of a session's last change stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Big-endian: in the order of the numbers, and without their alignment.
    id: [u8; 16],
    offset: u32,
    len: u16,
}

impl Place {
    const fn id(&self) -> SessionId {
        SessionId(u128::from_be_bytes(self.id))
    }
}

impl Shard {
    fn find(&self, id: SessionId) -> Result<usize, usize> {
        // Ids of one processor ascend, so a new session's place is nearly always the last one.
        match self.places.last() {
            Some(last) if last.id() < id => Err(self.places.len()),
            Some(_) | None => self
                .places
                .binary_search_by_key(&id.0, |place| place.id().0),
        }
    }

    fn body(&self, place: &Place) -> &[u8] {
        let start = place.offset as usize;
        self.bytes
            .get(start..start + usize::from(place.len))
            .unwrap_or_default()
    }

    /// What is known of a session.
    pub(super) fn get(&self, id: SessionId) -> Option<PackedChange<'_>> {
        let place = self.places.get(self.find(id).ok()?)?;
        Some(PackedChange {
            id,
            body: self.body(place),
        })
    }

    /// Everything that is known, in the order of the ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = PackedChange<'_>> {
        self.places.iter().map(|place| PackedChange {
            id: place.id(),
            body: self.body(place),
        })
    }

    /// Takes a change over, whatever was known; `false` if it does not fit.
    pub(super) fn put(&mut self, change: PackedChange<'_>) -> bool {
        let (Ok(len), Ok(offset)) = (
            u16::try_from(change.body.len()),
            u32::try_from(self.bytes.len()),
        ) else {
            return false;
        };
        let found = self.find(change.id);
        let known = found.ok().and_then(|at| self.places.get_mut(at));
        if let Some(place) = known
            && place.len == len
        {
            let start = place.offset as usize;
            if let Some(body) = self.bytes.get_mut(start..start + usize::from(len)) {
                body.copy_from_slice(change.body);
            }
            return true;
        }
        grow(&mut self.bytes, change.body.len());
        self.bytes.extend_from_slice(change.body);
        let place = Place {
            id: change.id.0.to_be_bytes(),
            offset,
            len,
        };
        match found {
            Ok(at) => {
                if let Some(old) = self.places.get_mut(at) {
                    self.garbage += usize::from(core::mem::replace(old, place).len);
                }
                self.sweep();
            }
            Err(at) => {
                grow(&mut self.places, 1);
                self.places.insert(at, place);
            }
        }
        true
    }

    /// A tombstone was put; the oldest one goes if there are too many.
    pub(super) fn bury(&mut self, id: SessionId) {
        self.ended.push_back(id);
        if self.ended.len() > TOMBSTONES
            && let Some(oldest) = self.ended.pop_front()
            && self.get(oldest).is_some_and(|known| !known.is_live())
        {
            self.remove(oldest);
        }
    }

    /// The session with this tombstone lives again.
    pub(super) fn unbury(&mut self, id: SessionId) {
        self.ended.retain(|ended| *ended != id);
    }

    fn remove(&mut self, id: SessionId) {
        if let Ok(at) = self.find(id) {
            self.garbage += usize::from(self.places.remove(at).len);
            self.sweep();
        }
    }

    /// Moves everything together once half of it is garbage.
    fn sweep(&mut self) {
        if self.garbage < LITTLE_GARBAGE || self.garbage < self.bytes.len() / 2 {
            return;
        }
        let mut swept = Vec::with_capacity(self.bytes.len() - self.garbage);
        for place in &mut self.places {
            let start = place.offset as usize;
            let body = self.bytes.get(start..start + usize::from(place.len));
            // Below the old offset, which fitted.
            place.offset = u32::try_from(swept.len()).unwrap_or(u32::MAX);
            swept.extend_from_slice(body.unwrap_or_default());
        }
        self.bytes = swept;
        self.garbage = 0;
    }

    /// The shard for a snapshot: all changes by id, and the order of the tombstones.
    pub(super) fn stored(&self) -> (Packed, &VecDeque<SessionId>) {
        let mut packed = Packed::default();
        for change in self.iter() {
            packed.push_packed(change);
        }
        (packed, &self.ended)
    }

    /// What [`Shard::stored`] made; `None` if it never did.
    pub(super) fn restored(stored: &Packed, ended: VecDeque<SessionId>) -> Option<Self> {
        let size = stored.iter().map(|change| change.body.len()).sum();
        let mut shard = Self {
            places: Vec::with_capacity(stored.len()),
            bytes: Vec::with_capacity(size),
            garbage: 0,
            ended,
            digest: ShardDigest::default(),
        };
        for change in stored.iter() {
            if !shard.put(change) {
                return None;
            }
            shard.digest.add(change.fingerprint());
        }
        Some(shard)
    }
}

/// Equal content, wherever it stands.
impl PartialEq for Shard {
    fn eq(&self, other: &Self) -> bool {
        self.ended == other.ended && self.iter().eq(other.iter())
    }
}

impl Eq for Shard {}

fn grow<T>(block: &mut Vec<T>, more: usize) {
    if block.capacity() - block.len() < more {
        block.reserve_exact(more.max(block.len() / GROWTH_DIVISOR).max(16));
    }
}
