//! When a node went on without the other one, on whose word.

use core::fmt;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::Revision;

use super::lineage::ControlLineage;

/// On whose word a new lineage was begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum SurvivalReason {
    /// The node's own evidence, as its policy demands it.
    Evidence,
    /// An operator who knows better.
    Operator,
    /// An operator who confirmed that the other node is off, and so ended a freeze.
    Thaw,
}

impl SurvivalReason {
    /// The word that commands print.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Operator => "operator",
            Self::Thaw => "thaw",
        }
    }
}

impl fmt::Display for SurvivalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One foundation of a lineage by a survivor.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Survival {
    /// The lineage; its founder is the node that went on.
    pub lineage: ControlLineage,
    /// Why.
    pub reason: SurvivalReason,
    /// Who: the operator, or the policy.
    pub by: String,
    /// When, in milliseconds of Unix time.
    pub at_unix_ms: u64,
    /// The last configuration that was known to be agreed on in the lineage before. The new one may begin
    /// with a later one, of which the old lineage knows nothing.
    pub revision: Revision,
}

/// The last foundations, oldest first.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Survivals {
    records: VecDeque<Survival>,
}

impl Survivals {
    /// Most records that are kept.
    pub const MAX_RECORDS: usize = 64;

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Survival> + ExactSizeIterator {
        self.records.iter()
    }

    /// Adds one; a second word about the same lineage changes nothing.
    pub(super) fn record(&mut self, survival: &Survival) {
        if self
            .records
            .iter()
            .any(|known| known.lineage == survival.lineage)
        {
            return;
        }
        if self.records.len() == Self::MAX_RECORDS {
            self.records.pop_front();
        }
        self.records.push_back(survival.clone());
    }
}
