//! The blocks of one branch inside another, found by their keys without a search: a configuration
//! may hold a hundred thousand tenants, and each of its lines names one.

use std::collections::HashMap;

use crate::candidate::{Block, Word};
use crate::schema::Branch;

/// The blocks of one branch, in the order of typing; a container has at most one.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    branch: &'static Branch,
    blocks: Vec<Block>,
    /// Where the block with these keys stands. Blocks never leave, so no place ever changes.
    places: HashMap<Vec<Word>, usize>,
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.is_of(other.branch) && self.blocks == other.blocks
    }
}

impl Eq for Entries {}

impl Entries {
    pub(super) fn new(branch: &'static Branch) -> Self {
        Self {
            branch,
            blocks: Vec::new(),
            places: HashMap::new(),
        }
    }

    pub(super) const fn branch(&self) -> &'static Branch {
        self.branch
    }

    pub(super) fn is_of(&self, branch: &'static Branch) -> bool {
        core::ptr::eq(self.branch, branch)
    }

    pub(super) fn iter(&self) -> core::slice::Iter<'_, Block> {
        self.blocks.iter()
    }

    /// The block with these keys: the one that is there, or one that `make` makes.
    #[expect(
        clippy::indexing_slicing,
        reason = "places are indices of blocks, and blocks are only added"
    )]
    pub(super) fn enter(
        &mut self,
        keys: &[Word],
        make: impl FnOnce(&'static Branch, &[Word]) -> Block,
    ) -> &mut Block {
        if let Some(place) = self.places.get(keys) {
            return &mut self.blocks[*place];
        }
        self.places.insert(keys.to_vec(), self.blocks.len());
        self.blocks.push_mut(make(self.branch, keys))
    }
}
