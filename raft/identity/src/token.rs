//! The one-time token by which a machine becomes a member.
//!
//! It carries all that the newcomer must know: where a member is reached, by which authority to know
//! it, and a secret that the cluster takes once. It is text for a terminal: `tandem1`, then RFC 4648
//! base32 in lower case, the last four bytes of which are a checksum over the others. The cluster
//! keeps the secret's hash alone, so that nobody who reads its state can join with it.

use core::fmt;
use std::net::SocketAddr;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use types::{Fingerprint, MemberKind};

use crate::digest::{fingerprint, random};
use crate::subject::Label;

/// What every token begins with.
const PREFIX: &str = "tandem";
/// The version that is written and read here.
const VERSION: &str = "1";
const CHECKSUM_BYTES: usize = 4;
/// No token is longer: eight addresses and two names of 63 characters are about 600 characters.
const MAX_CHARACTERS: usize = 2_048;
const MAX_ADDRESSES: usize = 8;

/// What only the holder of the token knows.
#[derive(Clone, Copy, Eq, PartialEq, Serialize, Deserialize)]
pub struct Secret([u8; 20]);

impl Secret {
    /// A new one; `None` when the system has no randomness.
    pub fn random() -> Option<Self> {
        random().map(Self)
    }

    /// As it travels to a member, over a verified connection.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// Of bytes that arrived; `None` if they are no secret.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What the cluster keeps of it.
    pub fn hash(&self) -> Fingerprint {
        fingerprint(&self.0)
    }
}

/// Never the secret itself.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An invitation for one machine.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// The cluster's id.
    pub cluster: Label,
    /// Where its members are reached, in order of preference: one to eight.
    pub addresses: Vec<SocketAddr>,
    /// Fingerprint of the certificate of the cluster's authority.
    pub authority: Fingerprint,
    /// Taken once.
    pub secret: Secret,
    /// From then on it is refused, in seconds of Unix time.
    pub expires_unix_s: u64,
    /// What the newcomer will be.
    pub kind: MemberKind,
    /// The name that the newcomer must have: the one of the member that it replaces.
    pub name: Option<Label>,
}

/// Why a text is no token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// It does not begin like one.
    #[error("this is no join token: one begins with {PREFIX}{VERSION}")]
    NotAToken,
    /// It begins like one of a newer version.
    #[error(
        "this token is of version {found}, and version {VERSION} is known here: \
         install the version that the cluster runs"
    )]
    Version {
        /// What it says.
        found: String,
    },
    /// Longer than any.
    #[error("this is no join token: it has {characters} characters")]
    TooLong {
        /// How many.
        characters: usize,
    },
    /// A character that no token has.
    #[error("character {place} of the token, {character:?}, is in no token: copy it again")]
    Character {
        /// Counted from 1, white space aside.
        place: usize,
        /// What stands there.
        character: char,
    },
    /// Cut off, or with characters changed.
    #[error("the token is not complete or has a typing error: copy it again")]
    Checksum,
    /// It was made of something else.
    #[error("the token's content is not one: {0}")]
    Content(&'static str),
}

impl Token {
    /// The text to hand over. It is a secret until it has been used.
    pub fn to_text(&self) -> Result<String, TokenError> {
        self.checked()?;
        let mut bytes =
            postcard::to_allocvec(self).map_err(|_| TokenError::Content("it cannot be written"))?;
        let checksum = fingerprint(&bytes);
        bytes.extend(checksum.0.iter().take(CHECKSUM_BYTES));
        let text = BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
        Ok(format!("{PREFIX}{VERSION}{text}"))
    }

    /// Reads a token that was typed or pasted: white space, line breaks and case do not matter.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text: String = text
            .chars()
            .filter(|character| !character.is_whitespace())
            .map(|character| character.to_ascii_lowercase())
            .collect();
        let characters = text.chars().count();
        if characters > MAX_CHARACTERS {
            return Err(TokenError::TooLong { characters });
        }
        let versioned = text.strip_prefix(PREFIX).ok_or(TokenError::NotAToken)?;
        let Some(body) = versioned.strip_prefix(VERSION) else {
            let digits = versioned.chars().take_while(char::is_ascii_digit);
            let found: String = digits.collect();
            return Err(if found.is_empty() {
                TokenError::NotAToken
            } else {
                TokenError::Version { found }
            });
        };
        let skipped = PREFIX.len() + VERSION.len();
        for (place, character) in (skipped + 1..).zip(body.chars()) {
            if !matches!(character, 'a'..='z' | '2'..='7') {
                return Err(TokenError::Character { place, character });
            }
        }
        let bytes = BASE32_NOPAD
            .decode(body.to_ascii_uppercase().as_bytes())
            .map_err(|_| TokenError::Checksum)?;
        let (content, checksum) = bytes
            .len()
            .checked_sub(CHECKSUM_BYTES)
            .and_then(|place| bytes.split_at_checked(place))
            .ok_or(TokenError::Checksum)?;
        if !fingerprint(content).0.starts_with(checksum) {
            return Err(TokenError::Checksum);
        }
        match postcard::take_from_bytes::<Self>(content) {
            Ok((token, [])) => token.checked(),
            Ok((_, [_, ..])) => Err(TokenError::Content("something follows it")),
            Err(_) => Err(TokenError::Content("it is of another form")),
        }
    }

    fn checked(&self) -> Result<Self, TokenError> {
        match self.addresses.len() {
            1..=MAX_ADDRESSES => Ok(self.clone()),
            0 => Err(TokenError::Content("it names no address")),
            _ => Err(TokenError::Content("it names too many addresses")),
        }
    }

    /// Whether it is too late for it at `now`, in seconds of Unix time.
    pub const fn is_expired(&self, now: u64) -> bool {
        now >= self.expires_unix_s
    }
}

#[cfg(test)]
mod tests;
