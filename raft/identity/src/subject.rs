//! Whom a certificate is for: a member of one cluster, by names that TLS can compare.

use core::fmt;

use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use types::Name;

/// Every name in a certificate ends so. The zone is reserved for private use: no public authority
/// signs such names, and no resolver answers for them.
const ZONE: &str = "tandem.internal";

/// A name that can be one label of a DNS name, in lower case because TLS does not tell cases apart.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(Name);

/// Why a name cannot stand in a certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LabelError {
    /// Empty, or longer than 63.
    #[error("the name {name:?} has {length} characters; it may have 1 to 63")]
    Length {
        /// The name.
        name: String,
        /// Its length in bytes.
        length: usize,
    },
    /// A character that has no place there.
    #[error(
        "{character:?} in the name {name:?} cannot stand in a certificate: \
         use lower-case letters, digits, '-' and '_'"
    )]
    Character {
        /// The name.
        name: String,
        /// The first bad one.
        character: char,
    },
    /// A hyphen at an end.
    #[error("the name {name:?} begins or ends with a hyphen")]
    Hyphen {
        /// The name.
        name: String,
    },
}

impl Label {
    /// The name, if a certificate can carry it.
    pub fn new(name: &str) -> Result<Self, LabelError> {
        let good = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(*c);
        if name.is_empty() || name.len() > 63 {
            return Err(LabelError::Length {
                name: name.to_owned(),
                length: name.len(),
            });
        }
        if let Some(character) = name.chars().find(|c| !good(c)) {
            return Err(LabelError::Character {
                name: name.to_owned(),
                character,
            });
        }
        if name.starts_with('-') || name.ends_with('-') {
            return Err(LabelError::Hyphen {
                name: name.to_owned(),
            });
        }
        Ok(Self(Name::from(name)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same as a name of the vocabulary.
    pub fn to_name(&self) -> Name {
        self.0.clone()
    }
}

impl TryFrom<String> for Label {
    type Error = LabelError;

    fn try_from(name: String) -> Result<Self, LabelError> {
        Self::new(&name)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.as_str().to_owned()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A member of one cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subject {
    /// The cluster's id. Two clusters may have members of one name; their certificates differ here.
    pub cluster: Label,
    /// The member's name.
    pub member: Label,
}

impl Subject {
    /// The name by which other members know this one.
    pub fn full_name(&self) -> String {
        format!("{}.{}.{ZONE}", self.member, self.cluster)
    }

    /// The same as rustls compares it.
    pub(crate) fn server_name(&self) -> Option<ServerName<'static>> {
        ServerName::try_from(self.full_name()).ok()
    }

    /// All names that the certificate carries: the member's own, and one that any member of the
    /// cluster answers to, for a newcomer who knows none of them yet.
    pub(crate) fn names(&self) -> [String; 2] {
        [self.full_name(), any_member(&self.cluster)]
    }
}

/// The name that every member of `cluster` answers to.
pub(crate) fn any_member(cluster: &Label) -> String {
    format!("{cluster}.{ZONE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tls_would_confuse_are_refused_with_the_reason() {
        assert!(Label::new("node-a_1").is_ok());
        assert!(Label::new(&"a".repeat(63)).is_ok());
        let refused = |name: &str| Label::new(name).unwrap_err().to_string();
        assert!(refused("").contains("0 characters"));
        assert!(refused(&"a".repeat(64)).contains("64 characters"));
        assert!(refused("Node").contains("'N'"));
        assert!(refused("a.b").contains("'.'"));
        assert!(refused("a-").contains("hyphen"));
        assert!(refused("ä").contains("'ä'"));
    }

    #[test]
    fn every_label_makes_a_name_that_tls_takes() {
        for name in ["a", "1", "_", "a_", "0-0", &"z".repeat(63)] {
            let label = Label::new(name).unwrap();
            let subject = Subject {
                cluster: label.clone(),
                member: label,
            };
            assert!(subject.server_name().is_some(), "{name}");
        }
    }
}
