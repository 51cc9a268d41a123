//! A configuration as it was typed: every word is known, nothing else has been checked.
//!
//! The tree follows the schema: a block for each branch, words for its leaves. Blocks keep their
//! entries in the order of the schema, so that two candidates with the same content are equal
//! however they were typed.

mod entries;

use core::hash::{Hash, Hasher};
use std::collections::HashSet;

use crate::problem::Position;
use crate::schema::{Branch, CONFIG, Leaf};
use crate::text::excerpt;
use entries::Entries;

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
        self.config.values.is_empty() && self.config.entries.is_empty()
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

impl Hash for Word {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// A container or one entry of a list.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) branch: &'static Branch,
    /// The values of the branch's keys, one for each.
    pub(crate) keys: Vec<Word>,
    /// What was typed for its leaves, in the order of the schema.
    values: Vec<Values>,
    /// What was typed for its branches, in the same order.
    entries: Vec<Entries>,
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
            && self.values == other.values
            && self.entries == other.entries
    }
}

impl Eq for Block {}

/// The values of one leaf, in the order of typing.
#[derive(Clone, Debug)]
struct Values {
    leaf: &'static Leaf,
    words: Vec<Word>,
    /// The words again, for a leaf that takes several: a long list must not be searched for each line.
    known: HashSet<Word>,
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.leaf, other.leaf) && self.words == other.words
    }
}

impl Eq for Values {}

impl Values {
    fn put(&mut self, word: Word) -> Put {
        if self.leaf.is_list() {
            if self.known.insert(word.clone()) {
                self.words.push(word);
            }
            return Put::Done;
        }
        match self.words.first() {
            None => self.words.push(word),
            Some(first) if *first == word => {}
            Some(first) => return Put::Taken(first.clone()),
        }
        Put::Done
    }
}

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
            values: Vec::new(),
            entries: Vec::new(),
            at,
            path,
        }
    }

    /// Puts a value in. A leaf that takes one value keeps the first.
    pub(crate) fn put(&mut self, leaf: &'static Leaf, word: Word) -> Put {
        let same = |values: &mut Values| core::ptr::eq(values.leaf, leaf);
        if let Some(values) = self
            .values
            .iter_mut()
            .find_map(|values| same(values).then_some(values))
        {
            return values.put(word);
        }
        let rank = self.rank(leaf.name);
        let index = self
            .values
            .partition_point(|values| self.rank(values.leaf.name) <= rank);
        let values = Values {
            leaf,
            words: Vec::new(),
            known: HashSet::new(),
        };
        self.values.insert_mut(index, values).put(word)
    }

    /// The block of `branch` with these keys: the one that is there, or a new one.
    pub(crate) fn enter(
        &mut self,
        branch: &'static Branch,
        keys: &[Word],
        at: Option<Position>,
    ) -> &mut Self {
        // There are as many of these as the schema has branches here: a handful.
        let found = self.entries.iter().position(|of| of.is_of(branch));
        let (index, entries) = if let Some(index) = found {
            (index, self.entries.remove(index))
        } else {
            let rank = self.rank(branch.name);
            let index = self
                .entries
                .partition_point(|of| self.rank(of.branch().name) <= rank);
            (index, Entries::new(branch))
        };
        let parent = self.path.as_str();
        self.entries
            .insert_mut(index, entries)
            .enter(keys, |branch, keys| {
                let path = path_of(parent, branch, keys);
                Self::new(branch, keys.to_vec(), at, path)
            })
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
        let of_leaf = self
            .values
            .iter()
            .find(|values| core::ptr::eq(values.leaf, leaf));
        key.map(|(_, word)| word)
            .chain(of_leaf.into_iter().flat_map(|values| &values.words))
    }

    /// The blocks of `branch` in here.
    pub(crate) fn blocks(&self, branch: &'static Branch) -> impl Iterator<Item = &Self> {
        let of_branch = self.entries.iter().find(|of| of.is_of(branch));
        of_branch.into_iter().flat_map(Entries::iter)
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

/// The path of a block inside another. Keys are cut: each block below repeats them.
pub(crate) fn path_of(parent: &str, branch: &Branch, keys: &[Word]) -> String {
    let mut path = parent.to_owned();
    let keys = keys.iter().map(|key| excerpt(&key.text));
    for word in core::iter::once(branch.name.into()).chain(keys) {
        if !path.is_empty() {
            path.push(' ');
        }
        path.push_str(&word);
    }
    path
}
