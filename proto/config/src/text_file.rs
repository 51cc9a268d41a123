//! Text of a bounded length out of anything that can be read: a device or a wrong file must not fill
//! the memory of who only wanted to have it checked.

use std::io::{self, Read};
use std::string::FromUtf8Error;

/// Longest `node.toml`, in bytes; the longest that can mean anything is a tenth of it.
pub const MAX_BOOTSTRAP_BYTES: usize = 64 << 10;

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// More follows than anybody would take.
    #[error("it has more than {limit} bytes, and no more are taken: is it the right file?")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// Something else has the name of a file.
    #[error(
        "it is {0}, not a file: name the file that holds the text, or save the text to one first"
    )]
    NotAFile(&'static str),
    /// Not what people type.
    #[error("it is not text in UTF-8")]
    NotText(#[source] FromUtf8Error),
    /// What the kernel said.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// Reads to the end, or to one byte beyond `limit`.
pub fn read_text(from: impl Read, limit: usize) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    let reading = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    from.take(reading).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(ReadError::TooLong { limit });
    }
    String::from_utf8(bytes).map_err(ReadError::NotText)
}
