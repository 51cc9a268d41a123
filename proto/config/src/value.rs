//! Typed values of a block: a word, or the schema's default, as the type that code works with.

use std::net::IpAddr;

use ipnet::IpNet;
use types::{MacAddr, Name};

use crate::candidate::{Block, Word};
use crate::keyword::{self, Keyword};
use crate::problem::{Problem, Severity};
use crate::schema::{Fault, Kind, Leaf, Presence};
use crate::text::{self, excerpt};
use crate::valid::Source;

/// Most known names among which the one that was meant is looked for: each costs some time, and many
/// lines may be wrong.
const SEARCHED: usize = 1_000;

/// Most known names that a problem lists.
const SHOWN: usize = 10;

/// A type that the text of some leaf stands for.
pub(crate) trait Value: Sized {
    /// `None` when the text stands for no value of the type.
    fn read(text: &str) -> Option<Self>;
}

impl Block {
    /// The value of `leaf`: as typed, or its default.
    pub(crate) fn get<T: Value>(&self, leaf: &'static Leaf) -> Result<T, Problem> {
        match self.find(leaf)? {
            Some(value) => Ok(value),
            None => Err(self.missing(leaf)),
        }
    }

    /// The same; `None` when it was not typed and has no default.
    pub(crate) fn find<T: Value>(&self, leaf: &'static Leaf) -> Result<Option<T>, Problem> {
        match (self.words(leaf).next(), leaf.default_value()) {
            (Some(word), _) => self.typed(leaf, word).map(Some),
            (None, Some(default)) => T::read(default).map(Some).ok_or_else(|| self.missing(leaf)),
            (None, None) => Ok(None),
        }
    }

    /// Every value of `leaf`.
    pub(crate) fn all<T: Value>(&self, leaf: &'static Leaf) -> Result<Vec<T>, Problem> {
        self.words(leaf)
            .map(|word| self.typed(leaf, word))
            .collect()
    }

    /// The value, for rules: nothing when there is none or it is wrong, which is reported elsewhere.
    pub(crate) fn peek<T: Value>(&self, leaf: &'static Leaf) -> Option<T> {
        self.find(leaf).ok().flatten()
    }

    fn typed<T: Value>(&self, leaf: &'static Leaf, word: &Word) -> Result<T, Problem> {
        let fault = || {
            Fault::new(
                "it has no meaning here",
                format!("see the help of {}", leaf.name),
            )
        };
        leaf.kind
            .check(&word.text)
            .and_then(|()| T::read(&word.text).ok_or_else(fault))
            .map_err(|fault| self.wrong(leaf, word, fault))
    }

    /// A value that is wrong in itself.
    pub(crate) fn wrong(&self, leaf: &'static Leaf, word: &Word, fault: Fault) -> Problem {
        Problem {
            severity: Severity::Error,
            at: word.at,
            path: format!("{} {}", self.path, leaf.name),
            value: Some(excerpt(&word.text).into_owned()),
            reason: fault.reason,
            next_step: fault.next_step,
        }
    }

    /// A value that must be there and is not.
    pub(crate) fn missing(&self, leaf: &'static Leaf) -> Problem {
        Problem {
            severity: Severity::Error,
            at: self.at,
            path: format!("{} {}", self.path, leaf.name),
            value: None,
            reason: "it is required and missing".to_owned(),
            next_step: format!("type {} and its value: {}", leaf.name, leaf.kind.describe()),
        }
    }

    /// A problem of the value that `leaf` has, typed or by default.
    pub(crate) fn blame(
        &self,
        leaf: &'static Leaf,
        reason: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Problem {
        let word = self.words(leaf).next();
        let typed = word.map(|word| excerpt(&word.text).into_owned());
        Problem {
            severity: Severity::Error,
            at: word.map_or(self.at, |word| word.at),
            path: format!("{} {}", self.path, leaf.name),
            value: typed.or_else(|| leaf.default_value().map(str::to_owned)),
            reason: reason.into(),
            next_step: next_step.into(),
        }
    }

    /// A problem of the block as a whole.
    pub(crate) fn complain(
        &self,
        reason: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Problem {
        Problem {
            severity: Severity::Error,
            at: self.at,
            path: self.path.clone(),
            value: None,
            reason: reason.into(),
            next_step: next_step.into(),
        }
    }

    /// A reference to something that is not there.
    pub(crate) fn unknown<'a>(
        &self,
        leaf: &'static Leaf,
        what: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Problem {
        let typed = self
            .words(leaf)
            .next()
            .map_or("", |word| word.text.as_str());
        let mut all: Vec<_> = known.take(SEARCHED).collect();
        let next_step = match (text::nearest(typed, all.iter().copied()), all.len()) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, 0) => "there is none yet: add it first".to_owned(),
            (None, 1..=SHOWN) => format!("known: {}", all.join(", ")),
            (None, _) => {
                all.truncate(SHOWN);
                format!("known: {} and others", all.join(", "))
            }
        };
        self.blame(leaf, format!("there is no {what} of this name"), next_step)
    }
}

/// Whether both blocks have the same value, typed or by default, however it was spelt. A value that
/// is wrong in itself, or missing though required, agrees with any: it has been reported already.
pub(crate) fn same(a: &Block, b: &Block, leaf: &'static Leaf) -> bool {
    match (values(a, leaf), values(b, leaf)) {
        (Some(a), Some(b)) => a == b,
        (None, _) | (_, None) => true,
    }
}

fn values(block: &Block, leaf: &'static Leaf) -> Option<Vec<String>> {
    let mut typed = block.words(leaf).map(|word| word.text.as_str()).peekable();
    let missing = typed.peek().is_none();
    if missing && leaf.presence == Presence::Required {
        return None;
    }
    let default = leaf.default_value().filter(|_| missing);
    let one_spelling = |value| leaf.kind.check(value).ok().map(|()| canonical(leaf, value));
    typed.chain(default).map(one_spelling).collect()
}

/// The keys of an entry, spelt in one way.
pub(crate) fn canonical_keys(block: &Block) -> Vec<String> {
    let keys = block.branch.keys.iter().zip(&block.keys);
    keys.map(|(leaf, word)| canonical(leaf, &word.text))
        .collect()
}

/// One spelling for each value: `2001:DB8::0:1` is `2001:db8::1`, and `010` is `10`.
fn canonical(leaf: &Leaf, text: &str) -> String {
    let parsed = match leaf.kind {
        Kind::Address => text.parse::<IpAddr>().ok().map(|ip| ip.to_string()),
        Kind::Prefix => text::prefix(text).map(|prefix| prefix.to_string()),
        Kind::Mac => text.parse::<MacAddr>().ok().map(|mac| mac.to_string()),
        Kind::Number { .. } => text.parse::<u64>().ok().map(|number| number.to_string()),
        Kind::Flag
        | Kind::Choice(_)
        | Kind::Only(_)
        | Kind::Name
        | Kind::DottedName
        | Kind::Reference(_)
        | Kind::Device
        | Kind::Source => None,
    };
    parsed.unwrap_or_else(|| text.to_owned())
}

impl<K: Keyword> Value for K {
    fn read(text: &str) -> Option<Self> {
        keyword::value(text)
    }
}

impl Value for Name {
    fn read(text: &str) -> Option<Self> {
        Some(Self::from(text))
    }
}

impl Value for String {
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for IpNet {
    fn read(text: &str) -> Option<Self> {
        text::prefix(text)
    }
}

impl Value for Source {
    fn read(text: &str) -> Option<Self> {
        if let Some(prefix) = text::prefix(text) {
            return Some(Self {
                tenant: None,
                prefix: Some(prefix),
            });
        }
        let (tenant, prefix) = match text.split_once('@') {
            Some((tenant, prefix)) => (tenant, Some(text::prefix(prefix)?)),
            None => (text, None),
        };
        Some(Self {
            tenant: Some(Name::from(tenant)),
            prefix,
        })
    }
}

/// Types whose own parser says what is meant.
macro_rules! parsed {
    ($($type:ty)*) => {
        $(impl Value for $type {
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        })*
    };
}

parsed! { bool u8 u16 u64 IpAddr MacAddr }
