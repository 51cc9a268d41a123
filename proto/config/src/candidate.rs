//! A configuration as it was typed: every word is known, nothing else has been checked.
//!
//! The tree follows the schema: a block for each branch, words for its leaves. Blocks keep their
//! entries in the order of the schema, so that two candidates with the same content are equal
//! however they were typed.

use crate::problem::Position;
use crate::schema::{Branch, CONFIG, Leaf};

/// A configuration as it was typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    pub(crate) config: Block,
}

impl Default for Candidate {
    fn default() -> Self {
        Self {
            config: Block::new(&CONFIG, Vec::new(), None, String::new()),
        }
    }
}

impl Candidate {
    /// Whether nothing has been typed.
    pub fn is_empty(&self) -> bool {
        self.config.leaves.is_empty() && self.config.blocks.is_empty()
    }
}

/// A word with the place where it was typed. Places do not count when words are compared.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) at: Option<Position>,
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Word {}

/// A container or one entry of a list.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) branch: &'static Branch,
    /// The values of the branch's keys, one for each.
    pub(crate) keys: Vec<Word>,
    /// Values, in the order of the schema; several of one leaf in the order of typing.
    pub(crate) leaves: Vec<Typed>,
    /// Blocks inside, ordered in the same way.
    pub(crate) blocks: Vec<Block>,
    /// Where it was opened first.
    pub(crate) at: Option<Position>,
    /// Words from the top, without `config`.
    pub(crate) path: String,
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        // Branches are static tables: the same table is the same branch.
        core::ptr::eq(self.branch, other.branch)
            && self.keys == other.keys
            && self.leaves == other.leaves
            && self.blocks == other.blocks
    }
}

impl Eq for Block {}

/// A value of a leaf.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) leaf: &'static Leaf,
    pub(crate) word: Word,
}

impl PartialEq for Typed {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.leaf, other.leaf) && self.word == other.word
    }
}

impl Eq for Typed {}

/// What became of a value that was put into a block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Put {
    /// It stands there now, or already did.
    Done,
    /// Another value stands there.
    Taken(Word),
}

impl Block {
    fn new(branch: &'static Branch, keys: Vec<Word>, at: Option<Position>, path: String) -> Self {
        Self {
            branch,
            keys,
            leaves: Vec::new(),
            blocks: Vec::new(),
            at,
            path,
        }
    }

    /// Puts a value in. A leaf that takes one value keeps the first.
    pub(crate) fn put(&mut self, leaf: &'static Leaf, word: Word) -> Put {
        for present in self.words(leaf) {
            if *present == word {
                return Put::Done;
            }
            if !leaf.is_list() {
                return Put::Taken(present.clone());
            }
        }
        let rank = self.rank(leaf.name);
        let index = self
            .leaves
            .partition_point(|typed| self.rank(typed.leaf.name) <= rank);
        self.leaves.insert(index, Typed { leaf, word });
        Put::Done
    }

    /// The block of `branch` with these keys: the one that is there, or a new one.
    pub(crate) fn enter(
        &mut self,
        branch: &'static Branch,
        keys: Vec<Word>,
        at: Option<Position>,
    ) -> &mut Self {
        let is_it = |block: &Self| core::ptr::eq(block.branch, branch) && block.keys == keys;
        // Backwards, because lines about one block mostly follow each other.
        let found = self.blocks.iter().rposition(is_it);
        let (index, block) = if let Some(index) = found {
            (index, self.blocks.remove(index))
        } else {
            let rank = self.rank(branch.name);
            let index = self
                .blocks
                .partition_point(|block| self.rank(block.branch.name) <= rank);
            let path = path_of(&self.path, branch, &keys);
            (index, Self::new(branch, keys, at, path))
        };
        self.blocks.insert_mut(index, block)
    }

    /// Where the schema shows the item.
    fn rank(&self, name: &str) -> usize {
        let items = self.branch.items.iter();
        items.take_while(|item| item.name() != name).count()
    }

    /// The typed values of `leaf`; a key's value too.
    pub(crate) fn words(&self, leaf: &'static Leaf) -> impl Iterator<Item = &Word> {
        let keys = self.branch.keys.iter().zip(&self.keys);
        let key = keys.filter(move |(key, _)| core::ptr::eq(**key, leaf));
        let values = self
            .leaves
            .iter()
            .filter(move |typed| core::ptr::eq(typed.leaf, leaf));
        key.map(|(_, word)| word)
            .chain(values.map(|typed| &typed.word))
    }

    /// The blocks of `branch` in here.
    pub(crate) fn blocks(&self, branch: &'static Branch) -> impl Iterator<Item = &Self> {
        self.blocks
            .iter()
            .filter(move |block| core::ptr::eq(block.branch, branch))
    }

    /// The block of `branch` in here, for a container.
    pub(crate) fn block(&self, branch: &'static Branch) -> Option<&Self> {
        self.blocks(branch).next()
    }

    /// The first key: the name of most entries.
    pub(crate) fn key(&self) -> &str {
        self.keys.first().map_or("", |word| word.text.as_str())
    }
}

/// The path of a block inside another.
pub(crate) fn path_of(parent: &str, branch: &Branch, keys: &[Word]) -> String {
    let mut path = parent.to_owned();
    let words = core::iter::once(branch.name).chain(keys.iter().map(|key| key.text.as_str()));
    for word in words {
        if !path.is_empty() {
            path.push(' ');
        }
        path.push_str(word);
    }
    path
}
