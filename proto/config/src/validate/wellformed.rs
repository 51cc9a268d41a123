//! Each value alone: of its leaf's kind, and there when it is required.

use super::Findings;
use crate::candidate::Block;
use crate::schema::{Item, Leaf, Presence};

/// Checks `block` and everything inside.
pub(super) fn check(block: &Block, findings: &mut Findings) {
    for leaf in block.branch.keys {
        check_leaf(block, leaf, findings);
    }
    for item in block.branch.items {
        match item {
            Item::Leaf(leaf) => check_leaf(block, leaf, findings),
            Item::Branch(branch) => {
                for inner in block.blocks(branch) {
                    check(inner, findings);
                }
            }
        }
    }
}

fn check_leaf(block: &Block, leaf: &'static Leaf, findings: &mut Findings) {
    let mut typed = false;
    for word in block.words(leaf) {
        typed = true;
        if let Err(fault) = leaf.kind.check(&word.text) {
            findings.error(block.wrong(leaf, word, fault));
        }
    }
    match leaf.presence {
        Presence::Required | Presence::AtLeastOne if !typed => {
            findings.error(block.missing(leaf));
        }
        Presence::Required | Presence::AtLeastOne | Presence::Optional | Presence::Default(_) => {}
    }
}
