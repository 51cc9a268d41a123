//! Many changes of sessions, one after another in few bytes.
//!
//! A batch is packed once, by the node that proposes it. From then on it is copied as it is: into the
//! log, over the wire, into other logs, and each change of it into the table.

use core::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use types::{Epoch, SessionChange, SessionId};

use super::bytes::{Reader, put_number};
use super::names::Names;
use super::record;

/// Changes of sessions: of each its length, its id, and its content.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Packed {
    bytes: Vec<u8>,
    len: usize,
}

/// One change in a [`Packed`] or a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PackedChange<'a> {
    /// The session that changes.
    pub(super) id: SessionId,
    /// Everything else, as `record` has it.
    pub(super) body: &'a [u8],
}

impl PackedChange<'_> {
    /// The session that changes.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Rank of this change among those of the same session; the higher one is true.
    pub fn rank(&self) -> (Epoch, u32) {
        // What is in a `Packed` or a table was checked when it came.
        record::rank(&mut Reader::new(self.body)).unwrap_or_default()
    }

    /// Whether the session lives after it.
    pub(super) fn is_live(&self) -> bool {
        record::is_live(self.body)
    }

    /// [`SessionId::fingerprint`] of a session that lives after it, else zero.
    pub(super) fn fingerprint(&self) -> u64 {
        if self.is_live() {
            self.id.fingerprint(self.rank())
        } else {
            0
        }
    }

    /// The change as a value; `None` only for bytes that were never packed.
    pub fn unpack(&self, names: &mut Names) -> Option<SessionChange> {
        record::read(self.id, self.body, names)
    }
}

impl Packed {
    /// Appends a change.
    pub fn push(&mut self, change: &SessionChange) {
        let start = self.bytes.len();
        self.bytes.push(0);
        self.bytes.extend_from_slice(&change.id().0.to_be_bytes());
        let body = self.bytes.len();
        record::write(change, &mut self.bytes);
        let len = self.bytes.len() - body;
        if let (Ok(len @ 0..=0x7f), Some(place)) = (u8::try_from(len), self.bytes.get_mut(start)) {
            *place = len;
        } else {
            // Long names or IPv6: the length takes a second byte, which moves the rest.
            let mut long = Vec::new();
            put_number(&mut long, len as u64);
            self.bytes.splice(start..=start, long);
        }
        self.len += 1;
    }

    /// Appends a change that is packed already.
    pub(super) fn push_packed(&mut self, change: PackedChange<'_>) {
        put_number(&mut self.bytes, change.body.len() as u64);
        self.bytes.extend_from_slice(&change.id.0.to_be_bytes());
        self.bytes.extend_from_slice(change.body);
        self.len += 1;
    }

    /// How many changes there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All changes in order.
    pub fn iter(&self) -> impl Iterator<Item = PackedChange<'_>> {
        let mut reader = Reader::new(&self.bytes);
        std::iter::from_fn(move || next(&mut reader))
    }

    /// `bytes`, if they are changes from the first to the last one.
    fn checked(bytes: Vec<u8>) -> Option<Self> {
        let mut names = Names::default();
        let mut reader = Reader::new(&bytes);
        let mut len = 0;
        while !reader.is_empty() {
            next(&mut reader)?.unpack(&mut names)?;
            len += 1;
        }
        Some(Self { bytes, len })
    }
}

fn next<'a>(reader: &mut Reader<'a>) -> Option<PackedChange<'a>> {
    let len = usize::try_from(reader.number()?).ok()?;
    let id = SessionId(u128::from_be_bytes(reader.array()?));
    let body = reader.slice(len)?;
    Some(PackedChange { id, body })
}

impl<'a> FromIterator<&'a SessionChange> for Packed {
    fn from_iter<T: IntoIterator<Item = &'a SessionChange>>(changes: T) -> Self {
        let mut packed = Self::default();
        for change in changes {
            packed.push(change);
        }
        packed
    }
}

impl FromIterator<SessionChange> for Packed {
    fn from_iter<T: IntoIterator<Item = SessionChange>>(changes: T) -> Self {
        let mut packed = Self::default();
        for change in changes {
            packed.push(&change);
        }
        packed
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Names::default();
        let changes = self.iter().filter_map(|change| change.unpack(&mut names));
        f.debug_list().entries(changes).finish()
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.bytes)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Packed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("packed changes of sessions")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Packed, E> {
                Packed::checked(bytes.to_vec())
                    .ok_or_else(|| E::custom("a change of a session cannot be read"))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
