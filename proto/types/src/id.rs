//! Identities and counters that mean something, each a type of its own.

use core::fmt;
use core::num::NonZeroU8;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A member of the cluster as `node.toml` numbers it: nodes and witness, 1 to 255.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct NodeId(pub u8);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A name of the configuration tree (tenant, service, node …); cheap to clone.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Name(Arc<str>);

impl Name {
    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(Arc::from(text))
    }
}

/// Lets maps keyed by `Name` be asked with a `&str`.
impl core::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Global interface id: the same number for both halves of a shared interface (ssr-model "GIID").
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Giid(pub u16);

impl fmt::Display for Giid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session, the same on every node; shown as a UUID. Never used again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct SessionId(pub u128);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:032x}", self.0);
        let (a, rest) = text.split_at(8);
        let (b, rest) = rest.split_at(4);
        let (c, rest) = rest.split_at(4);
        let (d, e) = rest.split_at(4);
        write!(f, "{a}-{b}-{c}-{d}-{e}")
    }
}

/// A generation of a redundancy group's ownership. The higher one always wins.
///
/// The low byte is the node that claimed it, so that two nodes never claim the same epoch.
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

impl Epoch {
    /// Before anybody was active.
    pub const NONE: Self = Self(0);

    /// The next epoch that `node` may claim after having seen `self`.
    #[must_use]
    pub const fn next_for(self, node: NodeId) -> Self {
        Self((((self.0 >> 8) + 1) << 8) | node.0 as u64)
    }

    /// The node that claimed this epoch; `None` for [`Epoch::NONE`].
    pub fn owner(self) -> Option<NodeId> {
        u8::try_from(self.0 & 0xff)
            .ok()
            .filter(|id| *id != 0)
            .map(NodeId)
    }

    /// How many times ownership was claimed up to this epoch.
    pub const fn count(self) -> u64 {
        self.0 >> 8
    }
}

/// Shown as `count.node`, such as `7.2`.
impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 >> 8, self.0 & 0xff)
    }
}

/// Number of a committed configuration; 0 is "none yet".
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Virtual router identifier, 1 to 255 (RFC 9568 §5.2.3).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// `None` for 0.
    pub const fn new(value: u8) -> Option<Self> {
        match NonZeroU8::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number on the wire.
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nodes_that_saw_the_same_epoch_never_claim_the_same_next_one() {
        let seen = Epoch::NONE.next_for(NodeId(1));
        let (a, b) = (seen.next_for(NodeId(1)), seen.next_for(NodeId(2)));
        assert_ne!(a, b);
        assert!(a > seen && b > seen);
        assert_eq!((b.owner(), b.count()), (Some(NodeId(2)), 2));
    }

    #[test]
    fn session_ids_read_as_uuids() {
        let id = SessionId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(id.to_string(), "01234567-89ab-cdef-0123-456789abcdef");
    }
}
