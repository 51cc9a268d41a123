//! Text out of a file that is one. Whoever opens a pipe waits for its other end, and a device has none: that a
//! name is wrong is no reason to hang, neither for a node that starts nor for an operator's command.

use std::fs::{self, File, FileType};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use config::text_file::{ReadError, read_text};

/// All of the file's text, if it is a file of at most `limit` bytes.
pub fn text_of(file: &Path, limit: usize) -> Result<String, ReadError> {
    let kind = fs::metadata(file)?.file_type();
    if !kind.is_file() {
        return Err(ReadError::NotAFile(what(kind)));
    }
    read_text(File::open(file)?, limit)
}

fn what(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
