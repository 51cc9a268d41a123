//! A history, and the whole check of it.

use std::collections::BTreeMap;

use crate::linearize::{Call, linearize};
use crate::local_reads;
use crate::register::{Operation, Register};
use crate::violation::Violation;

/// A moment of the one clock that all moments of a history are of, in any unit.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub u64);

/// A configuration as its readers know it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    /// Its number.
    pub revision: u64,
    /// A digest of its text: equal for equal texts only, as far as the history goes.
    pub digest: u64,
}

/// What a commit was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It runs under this number.
    Committed(u64),
    /// Nothing was changed, because this is the newest.
    Stale(u64),
    /// Nothing that says what became of it: it may have been done, may be done later, or never. A commit
    /// that was surely not done has no place in a history.
    Unknown,
}

/// A commit, made on condition that `base` is still the newest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Commit {
    /// When it left the client.
    pub asked: Moment,
    /// When the client had its answer; of no meaning where that is unknown.
    pub answered: Moment,
    /// The revision that it builds on.
    pub base: u64,
    /// The digest of its text. No two commits of a history share one.
    pub digest: u64,
    /// What it was told.
    pub answer: Answer,
}

/// A node in one of its lives. A node that starts again has everything that it acknowledged on its disk, and
/// learns only from the others how far it was agreed on: so a life may begin behind the one before.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Source {
    /// The node.
    pub node: u8,
    /// Which of its lives.
    pub life: u16,
}

/// What a node said that it runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Read {
    /// When the question left the client.
    pub asked: Moment,
    /// When the answer was there.
    pub answered: Moment,
    /// Who answered.
    pub source: Source,
    /// What it said.
    pub version: Version,
}

/// What a node says when everything has settled: nobody asks for anything any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct End {
    /// The node.
    pub node: u8,
    /// What it runs.
    pub version: Version,
}

/// Everything that clients saw.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct History {
    /// What ran before the first commit.
    pub first: Version,
    /// All commits that may have been done, in any order.
    pub commits: Vec<Commit>,
    /// What nodes said of themselves, in any order.
    pub reads: Vec<Read>,
    /// What anybody was told of earlier revisions, such as those that came after a stale base.
    pub told: Vec<Version>,
    /// Where it ended; at least one node.
    pub end: Vec<End>,
}

/// A history that was explained, in figures.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Commits that were acknowledged.
    pub committed: usize,
    /// Commits that were told to be stale.
    pub stale: usize,
    /// Commits whose outcome was never told.
    pub unknown: usize,
    /// Of those, how many were seen to have been done.
    pub unknown_done: usize,
    /// What nodes were asked.
    pub reads: usize,
    /// Where it ended.
    pub last_revision: u64,
}

impl History {
    /// Whether one register with compare-and-set could have told all this: commits are linearizable,
    /// everything that was acknowledged is there in the end, and each node's own words are a way through
    /// the one order, in each of its lives never back, and never ahead.
    pub fn check(&self) -> Result<Summary, Violation> {
        let known = self.known()?;
        local_reads::check(self)?;
        self.nothing_is_lost(&known)?;
        let register = Register::new(known);
        let calls: Vec<_> = self.commits.iter().map(Commit::call).collect();
        linearize(&register, self.first.revision, &calls).map_err(|stuck| {
            Violation::Inexplicable {
                explained: stuck.explained,
                of: stuck.of,
                revision: stuck.state,
                commit: stuck.call.and_then(|at| self.commits.get(at)).copied(),
            }
        })?;
        Ok(self.summary(register.known()))
    }

    /// What is known of each revision; whatever two witnesses say of one must be the same.
    fn known(&self) -> Result<BTreeMap<u64, u64>, Violation> {
        let acknowledged = self.commits.iter().filter_map(Commit::made);
        let read = self.reads.iter().map(|read| read.version);
        let told = self.told.iter().copied();
        let last = self.end.iter().map(|end| end.version);
        let mut known = BTreeMap::from([(self.first.revision, self.first.digest)]);
        for version in acknowledged.chain(read).chain(told).chain(last) {
            let digest = *known.entry(version.revision).or_insert(version.digest);
            if digest != version.digest {
                return Err(Violation::TwoTexts {
                    revision: version.revision,
                    digests: [digest, version.digest],
                });
            }
        }
        Ok(known)
    }

    /// All nodes end with the same, which is the newest that anybody has ever been told of.
    fn nothing_is_lost(&self, known: &BTreeMap<u64, u64>) -> Result<(), Violation> {
        let Some((newest, _)) = known.last_key_value() else {
            return Ok(());
        };
        for end in &self.end {
            if end.version.revision < *newest {
                return Err(Violation::Lost {
                    revision: *newest,
                    node: end.node,
                    ends_with: end.version.revision,
                });
            }
        }
        Ok(())
    }

    fn summary(&self, known: &BTreeMap<u64, u64>) -> Summary {
        let mut summary = Summary {
            reads: self.reads.len(),
            last_revision: known.last_key_value().map_or(0, |(last, _)| *last),
            ..Summary::default()
        };
        for commit in &self.commits {
            match commit.answer {
                Answer::Committed(_) => summary.committed += 1,
                Answer::Stale(_) => summary.stale += 1,
                Answer::Unknown => {
                    summary.unknown += 1;
                    let seen = known.get(&commit.base.saturating_add(1));
                    summary.unknown_done += usize::from(seen == Some(&commit.digest));
                }
            }
        }
        summary
    }
}

impl Commit {
    /// What it is known to have made.
    pub(crate) const fn made(&self) -> Option<Version> {
        match self.answer {
            Answer::Committed(revision) => Some(Version {
                revision,
                digest: self.digest,
            }),
            Answer::Stale(_) | Answer::Unknown => None,
        }
    }

    fn call(&self) -> Call<Operation> {
        Call {
            asked: self.asked,
            answered: match self.answer {
                Answer::Committed(_) | Answer::Stale(_) => Some(self.answered),
                Answer::Unknown => None,
            },
            operation: Operation {
                base: self.base,
                digest: self.digest,
                answer: self.answer,
            },
        }
    }
}
