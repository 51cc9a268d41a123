//! Which life of this node begins: a number that grows with every start and is never used again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use raft_state::Incarnation;

use super::files;

const FILE: &str = "incarnation";

/// Counts this start and returns when the count is on the disk.
///
/// The count is never behind `unix_seconds`: a node whose disk was replaced has no file, and must not
/// become one of its own earlier lives.
pub(crate) fn next_incarnation(data_dir: &Path, unix_seconds: u64) -> io::Result<Incarnation> {
    files::create_folder(data_dir)?;
    let path = data_dir.join(FILE);
    let last = match fs::read_to_string(&path) {
        // What cannot be read as a number says nothing; time alone is above every earlier life.
        Ok(text) => text.trim().parse::<u32>().unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => 0,
        Err(error) => return Err(error),
    };
    let by_time = u32::try_from(unix_seconds).unwrap_or(u32::MAX);
    let next = last.saturating_add(1).max(by_time);
    let fresh = data_dir.join("incarnation.new");
    let mut file = File::create(&fresh)?;
    writeln!(file, "{next}")?;
    files::sync_file(&file, &fresh)?;
    fs::rename(&fresh, &path)?;
    files::sync_folder(data_dir)?;
    Ok(Incarnation(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_has_a_higher_number_even_without_a_file_or_with_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let first = next_incarnation(folder.path(), 100).unwrap();
        let second = next_incarnation(folder.path(), 100).unwrap();
        assert_eq!((first, second), (Incarnation(100), Incarnation(101)));

        fs::write(folder.path().join(FILE), [0xff, 0xfe]).unwrap();
        assert_eq!(
            next_incarnation(folder.path(), 102).unwrap(),
            Incarnation(102)
        );
        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert_eq!(
            next_incarnation(folder.path(), 103).unwrap(),
            Incarnation(103)
        );
    }
}
