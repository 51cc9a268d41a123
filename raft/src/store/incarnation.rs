//! Which life of this node begins: a number that grows with every start and is never used again.
//!
//! Each start notes its number twice: in the store's folder, and then in the data directory. Peers hear it
//! after that. So the store that was used last has a number that is never below the other two, and one that
//! is below was used before, put away, and brought back: see `recovery`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use raft_state::Incarnation;

use super::files;

const FILE: &str = "incarnation";

/// Neither clocks nor other members are believed beyond this number: there must be some left to begin. Seconds
/// of Unix time get there in the year 2105.
const LAST: u32 = u32::MAX - (1 << 24);

/// So many seconds may lives be ahead of a clock that is right: several begin within one second where somebody
/// starts a node again and again.
const OUTRUN: u64 = 3_600;

/// The life that begins after `last`, the last one that began here.
///
/// A node whose disk was replaced knows of none, and must not become one of its own earlier lives. So the
/// count is never behind `unix_seconds`, and, since clocks of new machines are sometimes behind, above the
/// newest life that the other members know of. Where the clock is of no use, `skip` lives are left out: what
/// begins twice from one disk, brought back in between, must not become the same life twice. The count never
/// goes back: a disk that has seen the last number is refused.
pub(crate) fn next_incarnation(
    last: Option<Incarnation>,
    unix_seconds: u64,
    known: Option<Incarnation>,
    skip: u8,
) -> io::Result<Incarnation> {
    let by_time = u32::try_from(unix_seconds).ok();
    let newest = u64::from(last.max(known).map_or(0, |newest| newest.0));
    let skip = if newest > unix_seconds.saturating_add(OUTRUN) {
        u32::from(skip)
    } else {
        0
    };
    let known = known.and_then(|known| known.0.checked_add(1)?.checked_add(skip));
    let told = [by_time, known].into_iter().flatten();
    let told = told.filter(|life| *life <= LAST).max();
    let counted = last
        .map_or(0, |last| last.0)
        .checked_add(1)
        .ok_or_else(|| io::Error::other("its lives are used up: remove this member and join anew"))?
        .saturating_add(skip);
    Ok(Incarnation(told.map_or(counted, |told| told.max(counted))))
}

/// Notes in `folder` that the life `begins` uses it, and returns when that is on the disk.
pub(crate) fn note_incarnation(folder: &Path, begins: Incarnation) -> io::Result<()> {
    files::create_folder(folder)?;
    let fresh = folder.join("incarnation.new");
    let mut file = File::create(&fresh)?;
    writeln!(file, "{}", begins.0)?;
    files::sync_file(&file, &fresh)?;
    fs::rename(&fresh, folder.join(FILE))?;
    files::sync_folder(folder)
}

/// The life that used `folder` last. What cannot be read as a number says nothing, and is told of; the
/// others and time say enough.
pub(crate) fn last_incarnation(folder: &Path) -> io::Result<Option<Incarnation>> {
    let path = folder.join(FILE);
    let text = match identity::files::read(&path) {
        Ok(text) => text,
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.source.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(error) => return Err(error.source),
    };
    // A torn number is another number; its end shows that it is whole.
    let life = text.strip_suffix('\n').and_then(|life| life.parse().ok());
    let life = life.map(Incarnation);
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

    /// Starts once, as a machine whose clock says `seconds` and to whom the others say `known`.
    fn start(folder: &Path, seconds: u64, known: Option<u32>) -> io::Result<Incarnation> {
        let last = last_incarnation(folder)?;
        let begins = next_incarnation(last, seconds, known.map(Incarnation), 0)?;
        note_incarnation(folder, begins)?;
        Ok(begins)
    }

    #[test]
    fn every_start_has_a_higher_number_even_without_a_file_or_with_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let next = |seconds| start(folder.path(), seconds, None).unwrap();
        assert_eq!((next(100), next(100)), (Incarnation(100), Incarnation(101)));

        fs::write(folder.path().join(FILE), [0xff, 0xfe]).unwrap();
        assert_eq!(next(102), Incarnation(102));
        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert_eq!(next(103), Incarnation(103));
        fs::write(folder.path().join(FILE), "10").unwrap();
        assert_eq!(last_incarnation(folder.path()).unwrap(), None, "it was cut");
    }

    #[test]
    fn a_new_disk_under_a_slow_clock_begins_after_the_life_that_the_others_know() {
        let folder = tempfile::tempdir().unwrap();
        let next = |known| start(folder.path(), 7, known).unwrap();
        assert_eq!(next(Some(5_000)), Incarnation(5_001));
        assert_eq!(next(None), Incarnation(5_002), "the file remembers");
        assert_eq!(next(Some(5_000)), Incarnation(5_003), "it is ahead of them");
    }

    #[test]
    fn neither_a_clock_nor_a_member_uses_the_lives_up() {
        let folder = tempfile::tempdir().unwrap();
        let next = |seconds, known| start(folder.path(), seconds, Some(known)).unwrap();
        assert_eq!(next(9, u32::MAX), Incarnation(9));
        assert_eq!(next(u64::from(LAST) + 1, LAST), Incarnation(10));
        assert_eq!(next(u64::MAX, 5), Incarnation(11));
    }

    #[test]
    fn lives_are_left_out_where_the_clock_is_of_no_use() {
        let next = |seconds, known: Option<u32>| {
            let known = known.map(Incarnation);
            next_incarnation(Some(Incarnation(10_000)), seconds, known, 7).unwrap()
        };
        assert_eq!(next(20_000, None), Incarnation(20_000));
        assert_eq!(next(9_999, None), Incarnation(10_001), "it was outrun");
        assert_eq!(next(9, None), Incarnation(10_008));
        assert_eq!(next(9, Some(20_000)), Incarnation(20_008));
        assert_eq!(next(9, Some(u32::MAX - 1)), Incarnation(10_008));
        let nearly = next_incarnation(Some(Incarnation(u32::MAX - 1)), 9, None, 7);
        assert_eq!(nearly.unwrap(), Incarnation(u32::MAX));
    }

    #[test]
    fn no_count_goes_back_and_the_last_one_is_refused() {
        let after = |last| next_incarnation(Some(Incarnation(last)), 9, None, 0);
        for last in [LAST - 1, LAST, LAST + 1, u32::MAX - 1] {
            assert_eq!(after(last).unwrap(), Incarnation(last + 1));
        }
        let refused = after(u32::MAX).unwrap_err().to_string();
        assert!(refused.contains("join anew"), "{refused}");
    }
}
