//! The configurations that ran before, as far back as there is room for.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::Revision;

use super::sealed::Sealed;
use super::state::ConfigRecord;
use crate::checksum::Checksum;

/// Committed configurations, oldest first; the last one is the running one.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct History {
    records: VecDeque<Sealed<ConfigRecord>>,
}

impl History {
    /// Most records that are kept.
    pub const MAX_RECORDS: usize = 64;
    /// Most bytes of text in all; the running configuration is kept whatever its size.
    pub const MAX_BYTES: usize = 16 << 20;

    /// A history that begins with `record`, if there is one.
    pub(super) fn starting_with(record: Option<ConfigRecord>) -> Self {
        Self {
            records: record.map(Sealed::new).into_iter().collect(),
        }
    }

    /// The running configuration.
    pub fn newest(&self) -> Option<&ConfigRecord> {
        self.records.back().map(|record| &**record)
    }

    /// Everything that is kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &ConfigRecord> + ExactSizeIterator {
        self.records.iter().map(|record| &**record)
    }

    /// The record of a revision, if it is still kept.
    pub fn get(&self, revision: Revision) -> Option<&ConfigRecord> {
        self.iter().find(|record| record.revision == revision)
    }

    /// Adds the newest record and forgets the oldest ones that have no room beside it.
    pub(super) fn push(&mut self, record: ConfigRecord) {
        self.records.push_back(Sealed::new(record));
        let bytes = |records: &VecDeque<Sealed<ConfigRecord>>| -> usize {
            records.iter().map(|record| record.text.len()).sum()
        };
        while self.records.len() > 1
            && (self.records.len() > Self::MAX_RECORDS || bytes(&self.records) > Self::MAX_BYTES)
        {
            self.records.pop_front();
        }
    }

    /// A hash that follows every record without reading it again.
    pub(super) fn digest(&self) -> Checksum {
        let digests: Vec<_> = self.records.iter().map(Sealed::digest).collect();
        Checksum::of(&digests)
    }
}
