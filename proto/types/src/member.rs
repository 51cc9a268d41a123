//! Members of a cluster: what they are for, and the digest by which a certificate is known.

use core::fmt;

use serde::{Deserialize, Serialize};

/// What a member is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum MemberKind {
    /// Forwards, holds everything, may lead.
    Node,
    /// Votes. Holds positions of the logs but not their content, never leads.
    Witness,
}

impl MemberKind {
    /// The word that people read and write.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Witness => "witness",
        }
    }
}

impl fmt::Display for MemberKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// SHA-256 of something that is too long to say, such as a certificate or a join token's secret.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

/// All of it, in hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_shown_as_64_digits() {
        let mut bytes = [0; 32];
        bytes[0] = 0xa5;
        let text = Fingerprint(bytes).to_string();
        assert_eq!(text.len(), 64);
        assert!(text.starts_with("a500"));
    }
}
