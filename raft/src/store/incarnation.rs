//! Which life of this node begins: a number that grows with every start and is never used again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use raft_state::Incarnation;

use super::files;

const FILE: &str = "incarnation";

/// Lives beyond this number are not believed: there must be some left to begin. Seconds of Unix time get
/// there in the year 2105.
const LAST: u32 = u32::MAX - (1 << 24);

/// Counts this start and returns when the count is on the disk.
///
/// A node whose disk was replaced has no file, and must not become one of its own earlier lives. So the
/// count is never behind `unix_seconds`, and, since clocks of new machines are sometimes behind, above the
/// newest life that the other members know of.
pub(crate) fn next_incarnation(
    data_dir: &Path,
    unix_seconds: u64,
    known: Option<Incarnation>,
) -> io::Result<Incarnation> {
    files::create_folder(data_dir)?;
    let last = last_incarnation(data_dir)?.map_or(0, |last| last.0);
    let by_time = u32::try_from(unix_seconds).unwrap_or(u32::MAX);
    let known = known.map_or(0, |known| known.0);
    let last = [last, known].into_iter().filter(|life| *life <= LAST).max();
    let next = last.unwrap_or_default().saturating_add(1).max(by_time);
    let path = data_dir.join(FILE);
    let fresh = data_dir.join("incarnation.new");
    let mut file = File::create(&fresh)?;
    writeln!(file, "{next}")?;
    files::sync_file(&file, &fresh)?;
    fs::rename(&fresh, &path)?;
    files::sync_folder(data_dir)?;
    Ok(Incarnation(next))
}

/// The life that began last on this disk. What cannot be read as a number says nothing, and is told of; the
/// others and time say enough.
pub(crate) fn last_incarnation(data_dir: &Path) -> io::Result<Option<Incarnation>> {
    let path = data_dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(error) => return Err(error),
    };
    let life = text.trim().parse().ok().map(Incarnation);
    if life.is_none() {
        tracing::warn!(
            path = %path.display(),
            "damaged: which lives this number has had is asked of the other members and of the clock"
        );
    }
    Ok(life)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_has_a_higher_number_even_without_a_file_or_with_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let next = |seconds| next_incarnation(folder.path(), seconds, None).unwrap();
        assert_eq!((next(100), next(100)), (Incarnation(100), Incarnation(101)));

        fs::write(folder.path().join(FILE), [0xff, 0xfe]).unwrap();
        assert_eq!(next(102), Incarnation(102));
        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert_eq!(next(103), Incarnation(103));
    }

    #[test]
    fn a_new_disk_under_a_slow_clock_begins_after_the_life_that_the_others_know() {
        let folder = tempfile::tempdir().unwrap();
        let known = Some(Incarnation(5_000));
        let next = |known| next_incarnation(folder.path(), 7, known).unwrap();
        assert_eq!(next(known), Incarnation(5_001));
        assert_eq!(next(None), Incarnation(5_002), "the file remembers");
        assert_eq!(next(known), Incarnation(5_003), "the file is ahead of them");
    }

    #[test]
    fn lives_that_leave_no_room_for_another_are_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), u32::MAX.to_string()).unwrap();
        let known = Some(Incarnation(u32::MAX - 1));
        assert_eq!(
            next_incarnation(folder.path(), 9, known).unwrap(),
            Incarnation(9)
        );
    }
}
