//! The register that the cluster claims to be: a number that each commit raises by one, if it is still
//! what the commit was based on.

use std::collections::BTreeMap;

use crate::linearize::Model;
use crate::record::Answer;

/// One commit, and what it was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Operation {
    /// The revision that it builds on.
    pub base: u64,
    /// The digest of its text.
    pub digest: u64,
    /// What it was told.
    pub answer: Answer,
}

/// The register. Its state is the newest revision; what each revision says is known beforehand, as far as
/// anybody has seen it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Register {
    known: BTreeMap<u64, u64>,
}

impl Register {
    /// A register whose revisions have these digests, where they are known.
    pub const fn new(known: BTreeMap<u64, u64>) -> Self {
        Self { known }
    }

    pub(crate) const fn known(&self) -> &BTreeMap<u64, u64> {
        &self.known
    }
}

impl Model for Register {
    type State = u64;
    type Operation = Operation;

    fn step(&self, newest: &u64, operation: &Operation) -> Option<u64> {
        let next = newest.checked_add(1)?;
        let applies = operation.base == *newest;
        let possible = match operation.answer {
            Answer::Committed(revision) => applies && revision == next,
            Answer::Stale(revision) => !applies && revision == *newest,
            // Another text has been seen under that number: it was not this one that made it.
            Answer::Unknown => {
                applies
                    && self
                        .known
                        .get(&next)
                        .is_none_or(|digest| *digest == operation.digest)
            }
        };
        let after = if applies { next } else { *newest };
        possible.then_some(after)
    }
}
