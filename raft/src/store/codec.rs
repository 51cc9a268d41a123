//! Encoding of the consensus library's own values: a version byte, then postcard.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Version of what the consensus library's types look like; a newer library may need the next one.
const VERSION: u8 = 1;

/// The version, then the value.
pub(crate) fn encode<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    postcard::to_extend(value, vec![VERSION]).map_err(io::Error::other)
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    match bytes.split_first() {
        Some((&VERSION, content)) => postcard::from_bytes(content)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Some((version, _)) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("version {version} is not known here, version {VERSION} is"),
        )),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
