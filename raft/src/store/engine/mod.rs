//! What a key-value library does for the store, and which libraries there are.
//!
//! An engine keeps bytes under keys and nothing more. Whether what it returns is what it was given is
//! judged above it, the same way for each.

mod redb_file;
mod sled_folder;

use std::fmt::{self, Debug};
use std::io;
use std::path::Path;

use redb_file::RedbEngine;
use sled_folder::SledEngine;

/// One change of the engine's content: a new value, or none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Raw {
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

/// A key and its value.
pub(super) type Record = (Vec<u8>, Vec<u8>);

/// Why an engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    /// Its files are not what it wrote.
    #[error("{0}")]
    Damaged(String),
    /// Somebody else has its files open.
    #[error("its files are open elsewhere")]
    InUse,
    /// The operating system refused.
    #[error("the operating system refused")]
    Io(#[source] io::Error),
}

/// Whether the content is to blame: it ends too early, makes no sense, or cannot be read from the disk
/// any more. All else (no room, no permission) says nothing about it.
impl From<io::Error> for EngineError {
    fn from(error: io::Error) -> Self {
        let unreadable = error.raw_os_error() == Some(nix::errno::Errno::EIO as i32);
        let senseless = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::InvalidData
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::NotFound
        );
        if unreadable || senseless {
            Self::Damaged(error.to_string())
        } else {
            Self::Io(error)
        }
    }
}

/// A key-value library with its files in a folder of its own.
pub(super) trait Engine: Debug + Send {
    /// Makes all changes or none. They need not be on the disk yet. No value is empty.
    fn apply(&mut self, changes: &[Raw]) -> Result<(), EngineError>;
    /// Returns when everything applied before is on the disk.
    fn sync(&mut self) -> Result<(), EngineError>;
    /// One value.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;
    /// Everything, by ascending key.
    fn scan(&self) -> Result<Vec<Record>, EngineError>;
}

/// Which library keeps the durable group's data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum StoreKind {
    /// sled: an append-only log of pages.
    #[default]
    Sled,
    /// redb: one file of copy-on-write pages.
    Redb,
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
        })
    }
}

impl StoreKind {
    const fn data_file(self) -> &'static str {
        match self {
            Self::Sled => sled_folder::DATA,
            Self::Redb => redb_file::DATA,
        }
    }

    /// The library that wrote into `folder`.
    pub(super) fn found_in(folder: &Path) -> Result<Self, EngineError> {
        let there = |kind: Self| folder.join(kind.data_file()).try_exists();
        match (there(Self::Sled)?, there(Self::Redb)?) {
            (true, false) => Ok(Self::Sled),
            (false, true) => Ok(Self::Redb),
            (false, false) => Err(EngineError::Damaged("its data file is missing".to_owned())),
            (true, true) => Err(EngineError::Damaged(
                "it holds the files of two stores".to_owned(),
            )),
        }
    }

    /// Opens the files in `folder`, or makes them.
    pub(super) fn open(self, folder: &Path) -> Result<Box<dyn Engine>, EngineError> {
        Ok(match self {
            Self::Sled => Box::new(SledEngine::open(folder)?),
            Self::Redb => Box::new(RedbEngine::open(folder)?),
        })
    }
}
