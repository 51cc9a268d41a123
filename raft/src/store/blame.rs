//! Who is to blame when a store does not do what it should: its content, the system, or another process.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::engine::EngineError;
use super::keyspace::StoreError;

/// Engines meet some kinds of damage, and of a disk's failures, with a panic. Nothing of an engine is
/// used after one.
pub(super) fn guarded<T>(
    path: &Path,
    call: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(EngineError::Damaged(reason))) => Err(damaged(path, reason)),
        Ok(Err(EngineError::InUse)) => Err(StoreError::InUse {
            path: path.to_owned(),
        }),
        Ok(Err(EngineError::Io(source))) => Err(io_error(path, source)),
        Err(panic) => Err(damaged(
            path,
            format!("its files contradict each other: {}", words(panic.as_ref())),
        )),
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason was given")
}

/// What is said of an engine that was closed.
pub(super) fn gone() -> EngineError {
    EngineError::Io(io::Error::other("it was closed to be built anew"))
}

pub(super) fn damaged(path: &Path, reason: String) -> StoreError {
    StoreError::Damaged {
        path: path.to_owned(),
        reason,
    }
}

pub(super) fn io_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}
