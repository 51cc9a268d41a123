//! Configurations that somebody committed in a lineage that lost: kept by name until an operator
//! decides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{Name, NodeId};

use super::lineage::ControlLineage;
use super::sealed::Sealed;
use super::state::ConfigRecord;
use crate::checksum::Checksum;

/// A configuration that was committed and is not part of the running history.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The text, its number there, who committed it and when.
    pub record: ConfigRecord,
    /// The node that held it.
    pub node: NodeId,
    /// The lineage that it was committed in.
    pub lineage: ControlLineage,
}

/// What became of a candidate that was handed in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kept {
    /// It is here under this name, now or since earlier.
    As(Name),
    /// There is no room for it.
    Full,
}

/// Candidates by name.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Candidates {
    by_name: BTreeMap<Name, Sealed<Candidate>>,
}

impl Candidates {
    /// Most candidates at a time.
    pub const MAX_COUNT: usize = 64;
    /// Most bytes of text in all.
    pub const MAX_BYTES: usize = 16 << 20;

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Name, &Candidate)> {
        self.by_name
            .iter()
            .map(|(name, candidate)| (name, &**candidate))
    }

    /// The one called `name`.
    pub fn get(&self, name: &str) -> Option<&Candidate> {
        self.by_name.get(name).map(|candidate| &**candidate)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Bytes of text that are kept.
    pub fn bytes(&self) -> usize {
        let texts = self.by_name.values();
        texts.map(|candidate| candidate.record.text.len()).sum()
    }

    /// Keeps `candidate` as `name`, or as `name-2` and so on where another one has that name already.
    /// Handing in the same candidate again finds it.
    pub(super) fn keep(&mut self, name: &Name, candidate: &Candidate) -> Kept {
        if let Some((name, _)) = self.iter().find(|(_, known)| *known == candidate) {
            return Kept::As(name.clone());
        }
        let has_room = self.len() < Self::MAX_COUNT
            && self.bytes().saturating_add(candidate.record.text.len()) <= Self::MAX_BYTES;
        if !has_room {
            return Kept::Full;
        }
        let mut free = name.clone();
        let mut number = 1_u32;
        while self.by_name.contains_key(&free) {
            number += 1;
            free = Name::from(format!("{name}-{number}"));
        }
        self.by_name
            .insert(free.clone(), Sealed::new(candidate.clone()));
        Kept::As(free)
    }

    /// Forgets the one called `name`.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.by_name.remove(name).is_some()
    }

    /// A hash that follows every candidate without reading it again.
    pub(super) fn digest(&self) -> Checksum {
        let digests: Vec<_> = self
            .by_name
            .iter()
            .map(|(name, candidate)| (name, candidate.digest()))
            .collect();
        Checksum::of(&digests)
    }
}
