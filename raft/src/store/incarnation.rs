//! Which life of this node begins: a number that grows with every start and is never used again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use raft_state::Incarnation;

use super::files;

const FILE: &str = "incarnation";

/// Neither clocks nor other members are believed beyond this number: there must be some left to begin. Seconds
/// of Unix time get there in the year 2105.
const LAST: u32 = u32::MAX - (1 << 24);

/// Counts this start and returns when the count is on the disk.
///
/// A node whose disk was replaced has no file, and must not become one of its own earlier lives. So the
/// count is never behind `unix_seconds`, and, since clocks of new machines are sometimes behind, above the
/// newest life that the other members know of. It never goes back: a disk that has seen the last number is
/// refused.
pub(crate) fn next_incarnation(
    data_dir: &Path,
    unix_seconds: u64,
    known: Option<Incarnation>,
) -> io::Result<Incarnation> {
    files::create_folder(data_dir)?;
    let last = last_incarnation(data_dir)?.map_or(0, |last| last.0);
    let by_time = u32::try_from(unix_seconds).ok();
    let known = known.and_then(|known| known.0.checked_add(1));
    let told = [by_time, known].into_iter().flatten();
    let told = told.filter(|life| *life <= LAST).max();
    let counted = last.checked_add(1).ok_or_else(|| {
        io::Error::other("its lives are used up: remove this member and join anew")
    })?;
    let next = told.map_or(counted, |told| told.max(counted));
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
    fn neither_a_clock_nor_a_member_uses_the_lives_up() {
        let folder = tempfile::tempdir().unwrap();
        let next = |seconds, known: u32| {
            next_incarnation(folder.path(), seconds, Some(Incarnation(known)))
        };
        assert_eq!(next(9, u32::MAX).unwrap(), Incarnation(9));
        assert_eq!(next(u64::from(LAST) + 1, LAST).unwrap(), Incarnation(10));
        assert_eq!(next(u64::MAX, 5).unwrap(), Incarnation(11));
    }

    #[test]
    fn no_count_goes_back_and_the_last_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let next = |last: u32| {
            fs::write(folder.path().join(FILE), last.to_string()).unwrap();
            next_incarnation(folder.path(), 9, None)
        };
        for last in [LAST - 1, LAST, LAST + 1, u32::MAX - 1] {
            assert_eq!(next(last).unwrap(), Incarnation(last + 1));
        }
        let refused = next(u32::MAX).unwrap_err().to_string();
        assert!(refused.contains("join anew"), "{refused}");
        assert_eq!(
            last_incarnation(folder.path()).unwrap(),
            Some(Incarnation(u32::MAX))
        );
    }
}
