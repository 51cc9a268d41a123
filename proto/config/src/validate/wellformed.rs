//! Each value alone: of its leaf's kind, and there when it is required.

use crate::candidate::Block;
use crate::problem::Problem;
use crate::schema::{Item, Leaf, Presence};

/// Checks `block` and everything inside; `found` takes what is wrong.
pub(super) fn check(block: &Block, found: &mut impl FnMut(Problem)) {
    for leaf in block.branch.keys {
        check_leaf(block, leaf, found);
    }
    for item in block.branch.items {
        match item {
            Item::Leaf(leaf) => check_leaf(block, leaf, found),
            Item::Branch(branch) => {
                for inner in block.blocks(branch) {
                    check(inner, found);
                }
            }
        }
    }
}

fn check_leaf(block: &Block, leaf: &'static Leaf, found: &mut impl FnMut(Problem)) {
    let mut typed = false;
    for word in block.words(leaf) {
        typed = true;
        if let Err(fault) = leaf.kind.check(&word.text) {
            found(block.wrong(leaf, word, fault));
        }
    }
    match leaf.presence {
        Presence::Required | Presence::AtLeastOne if !typed => {
            found(block.missing(leaf));
        }
        Presence::Required | Presence::AtLeastOne | Presence::Optional | Presence::Default(_) => {}
    }
}
