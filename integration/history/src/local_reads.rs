//! What nodes say of themselves. A node answers from what it has applied, so such a read may be late; what
//! it may not be is ahead of everybody, of something that nobody proposed, or behind an earlier one of
//! the same node in the same life.

use std::collections::BTreeMap;

use crate::record::{Answer, History, Moment, Read, Source};
use crate::violation::Violation;

pub(crate) fn check(history: &History) -> Result<(), Violation> {
    nobody_is_ahead(history)?;
    let mut by_source: BTreeMap<Source, Vec<&Read>> = BTreeMap::new();
    for read in &history.reads {
        by_source.entry(read.source).or_default().push(read);
    }
    by_source.into_values().try_for_each(nobody_goes_back)
}

/// Each version was asked for before it was read.
fn nobody_is_ahead(history: &History) -> Result<(), Violation> {
    let mut proposed: BTreeMap<(u64, u64), Moment> = BTreeMap::new();
    for commit in &history.commits {
        let revision = match commit.answer {
            Answer::Committed(revision) => revision,
            Answer::Unknown => commit.base.saturating_add(1),
            Answer::Stale(_) => continue,
        };
        proposed.insert((revision, commit.digest), commit.asked);
    }
    for read in &history.reads {
        let version = read.version;
        if version == history.first {
            continue;
        }
        match proposed.get(&(version.revision, version.digest)) {
            None => return Err(Violation::Invented { read: *read }),
            Some(asked) if *asked > read.answered => {
                return Err(Violation::Ahead {
                    read: *read,
                    asked: *asked,
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Of two reads of one life, one after the other, the second is not older.
fn nobody_goes_back(mut reads: Vec<&Read>) -> Result<(), Violation> {
    let mut answered = reads.clone();
    answered.sort_by_key(|read| read.answered);
    reads.sort_by_key(|read| read.asked);
    let mut earlier = answered.into_iter().peekable();
    let mut highest: Option<&Read> = None;
    for read in reads {
        while let Some(before) = earlier.next_if(|before| before.answered < read.asked) {
            if highest.is_none_or(|highest| highest.version.revision < before.version.revision) {
                highest = Some(before);
            }
        }
        if let Some(before) = highest
            && before.version.revision > read.version.revision
        {
            return Err(Violation::WentBack {
                before: *before,
                read: *read,
            });
        }
    }
    Ok(())
}
