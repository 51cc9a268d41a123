//! Who is a member, by which certificates, and who may become one.
//!
//! While the list is empty, `node.toml` alone says who takes part and any certificate with the right
//! name will do: clusters whose certificates were made by hand. From the first record on, the list
//! decides: a member is known by its certificates' fingerprints, and whoever is not in it is nobody.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use types::{Fingerprint, MemberKind, Name, NodeId};

mod apply;
mod command;
#[cfg(test)]
mod tests;

pub use command::{Certificates, MembersCommand, MembersOutcome, Newcomer, TokenRefusal};

/// A certificate that a member may show.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// Of the whole certificate.
    pub fingerprint: Fingerprint,
    /// Its last second, in Unix time.
    pub until_unix_s: u64,
}

/// A member's standing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum MemberStanding {
    /// It takes part.
    Member,
    /// It is being removed: still heard, so that the change of members can be agreed on, but taken in
    /// no more.
    Leaving,
}

/// One member.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct MemberRecord {
    /// Its number, never given to another one.
    pub id: NodeId,
    /// Its name.
    pub name: Name,
    /// Whether it forwards.
    pub kind: MemberKind,
    /// Where it is reached, in order of preference.
    pub addresses: Vec<SocketAddr>,
    /// Newest first. None at all: it is known by name alone, until it has shown one.
    pub certificates: Vec<CertificateRecord>,
    /// The version of its software when it was last heard of.
    pub software: String,
    /// Since when, in seconds of Unix time.
    pub since_unix_s: u64,
    /// Whether it stays.
    pub standing: MemberStanding,
}

impl MemberRecord {
    /// Whether it may show the certificate with that fingerprint.
    pub fn shows(&self, fingerprint: Fingerprint) -> bool {
        self.certificates.is_empty()
            || self
                .certificates
                .iter()
                .any(|certificate| certificate.fingerprint == fingerprint)
    }
}

/// A token that was given out.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// What its holder will be.
    pub kind: MemberKind,
    /// From then on it is refused, in seconds of Unix time.
    pub expires_unix_s: u64,
    /// The member whose place its holder takes.
    pub replaces: Option<NodeId>,
    /// Who has used it.
    pub used: Option<TokenUse>,
}

/// Who has used a token.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct TokenUse {
    /// The newcomer's name.
    pub name: Name,
    /// Of its public key: the same newcomer asks again with the same key.
    pub key: Fingerprint,
    /// The number that was given to it.
    pub id: NodeId,
}

/// What the list says to somebody who shows a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Judgement {
    /// The list is empty: whatever `node.toml` says.
    NoList,
    /// It is one of this member's.
    Known,
    /// There is no such member, or not any more.
    NotAMember,
    /// The member has another one: this one was replaced.
    OtherCertificate,
}

/// A machine that is no member any more, or soon is none.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Dismissal {
    /// Its number.
    pub id: NodeId,
    /// Its name.
    pub name: Name,
    /// By what it was known.
    pub certificates: Vec<CertificateRecord>,
    /// How it came.
    pub cause: DismissalCause,
    /// When, in seconds of Unix time.
    pub at_unix_s: u64,
}

/// How a machine ceases to be a member.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum DismissalCause {
    /// It was removed.
    Removed {
        /// By whom, such as `uid 0 on a`.
        by: String,
    },
    /// Another machine has its name and number.
    Replaced,
}

/// Members and open tokens.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Members {
    records: BTreeMap<NodeId, MemberRecord>,
    tokens: BTreeMap<Fingerprint, TokenRecord>,
    /// The highest number that was ever a member's.
    highest: u8,
    /// Who was a member and what became of that; the latest. The last field of the state: version 2 ended
    /// before it.
    dismissals: Vec<Dismissal>,
}

impl Members {
    /// How many nodes a cluster has at most.
    pub const MAX_NODES: usize = 2;
    /// How many witnesses.
    pub const MAX_WITNESSES: usize = 1;
    /// Tokens that may be open at a time.
    pub const MAX_TOKENS: usize = 32;
    /// Dismissals that are remembered.
    pub const MAX_DISMISSALS: usize = 32;
    /// Certificates that a member may show: the newest, and those that old connections still carry.
    pub const MAX_CERTIFICATES: usize = 4;

    /// Whether `node.toml` alone decides.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Everybody, by number.
    pub fn iter(&self) -> impl Iterator<Item = &MemberRecord> {
        self.records.values()
    }

    /// One member.
    pub fn get(&self, id: NodeId) -> Option<&MemberRecord> {
        self.records.get(&id)
    }

    /// One member, by name.
    pub fn named(&self, name: &str) -> Option<&MemberRecord> {
        self.iter().find(|record| record.name.as_str() == name)
    }

    /// Every token that was given out and not forgotten yet.
    pub fn tokens(&self) -> impl Iterator<Item = (&Fingerprint, &TokenRecord)> {
        self.tokens.iter()
    }

    /// Whether `node` may be who shows the certificate with that fingerprint.
    pub fn judge(&self, node: NodeId, certificate: Fingerprint) -> Judgement {
        match self.records.get(&node) {
            None if self.is_empty() => Judgement::NoList,
            None => Judgement::NotAMember,
            Some(record) if record.shows(certificate) => Judgement::Known,
            Some(_) => Judgement::OtherCertificate,
        }
    }

    /// Whether `certificate`, which the authority has signed for that member, may be a renewal of which this list
    /// does not tell yet: it ends later than all that are known. Whoever was away while the others renewed would
    /// else know nobody any more. What was taken from a member is older than what it has, or remembered.
    pub fn may_be_news(&self, node: NodeId, certificate: CertificateRecord) -> bool {
        let Some(record) = self.get(node) else {
            return false;
        };
        let ends = record.certificates.iter().map(|known| known.until_unix_s);
        ends.max()
            .is_some_and(|last| certificate.until_unix_s >= last)
            && self.dismissal(node, certificate.fingerprint).is_none()
    }

    /// Why who shows this certificate as `node` is a member no more. Certain, and for ever: numbers and
    /// certificates are never given twice. While it is leaving, it is still heard.
    pub fn dismissal(&self, node: NodeId, certificate: Fingerprint) -> Option<&Dismissal> {
        if self
            .get(node)
            .is_some_and(|record| record.shows(certificate))
        {
            return None;
        }
        let of_it = |dismissal: &&Dismissal| {
            let mut certificates = dismissal.certificates.iter();
            certificates.any(|known| known.fingerprint == certificate)
        };
        let shown = self.dismissals.iter().rev().find(of_it);
        shown.or_else(|| self.removal(node))
    }

    /// How the member of that number was removed, if it was.
    pub fn removal(&self, node: NodeId) -> Option<&Dismissal> {
        if self.get(node).is_some() {
            return None;
        }
        let mut latest = self.dismissals.iter().rev();
        latest.find(|dismissal| dismissal.id == node)
    }

    /// The member that may show this certificate, whatever it says who it is.
    pub fn owner_of(&self, certificate: Fingerprint) -> Option<&MemberRecord> {
        self.iter()
            .find(|record| !record.certificates.is_empty() && record.shows(certificate))
    }

    /// What a witness may hold: it has to know whom to hear, but not who is invited.
    pub(super) fn stripped(&self) -> Self {
        Self {
            tokens: BTreeMap::new(),
            ..self.clone()
        }
    }
}
