//! Encoding of everything that outlives a process or leaves it: a version byte, then postcard.
//!
//! A newer version adds its number and the conversion from the older one here; an older process
//! refuses what it does not know instead of guessing.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes are not a snapshot or a command that this version understands.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SnapshotError {
    /// There is not even a version.
    #[error("there are no bytes")]
    Empty,
    /// Written by another version of the software.
    #[error("version {found} is not known here, version {known} is")]
    Version {
        /// What the bytes say.
        found: u8,
        /// What this process writes.
        known: u8,
    },
    /// The bytes are damaged.
    #[error("the content cannot be decoded")]
    Damaged(#[source] postcard::Error),
    /// The bytes decode to something that never was a state.
    #[error("the content contradicts itself: {0}")]
    Inconsistent(&'static str),
}

/// A value with a version in front of its encoding.
pub trait Versioned: Serialize + DeserializeOwned {
    /// The version that [`Versioned::encode`] writes.
    const VERSION: u8;

    /// Checks and completes a decoded value: what is derived is not stored.
    fn completed(self) -> Result<Self, SnapshotError> {
        Ok(self)
    }

    /// Reads the `content` of an older version and makes a value of this one of it; `None` for a
    /// version that nobody remembers.
    fn convert(_version: u8, _content: &[u8]) -> Option<Result<Self, SnapshotError>> {
        None
    }

    /// The version, then the value.
    fn encode(&self) -> Result<Vec<u8>, SnapshotError> {
        postcard::to_extend(self, vec![Self::VERSION]).map_err(SnapshotError::Damaged)
    }

    /// Reads what [`Versioned::encode`] wrote, now or in an older version.
    fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let Some((version, content)) = bytes.split_first() else {
            return Err(SnapshotError::Empty);
        };
        if *version != Self::VERSION {
            if let Some(converted) = Self::convert(*version, content) {
                return converted?.completed();
            }
            return Err(SnapshotError::Version {
                found: *version,
                known: Self::VERSION,
            });
        }
        postcard::from_bytes::<Self>(content)
            .map_err(SnapshotError::Damaged)?
            .completed()
    }
}
