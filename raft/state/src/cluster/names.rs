//! Names that many records share, each kept once.

use std::collections::BTreeSet;

use types::Name;

/// More names than any configuration has; then all are forgotten, and records share anew.
const MOST: usize = 4096;

/// A million sessions of a service need its name once, not a million times: whoever unpacks records
/// keeps one of these.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeSet<Name>);

impl Names {
    pub(super) fn get(&mut self, text: &str) -> Name {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let name = Name::from(text);
        self.0.insert(name.clone());
        name
    }
}
