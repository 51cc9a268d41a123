//! What may be asked about members, and what may be answered.

use core::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use types::{Fingerprint, MemberKind, Name, NodeId};

use super::MemberRecord;

/// A change of the list of members. Times are the proposer's, in seconds of Unix time.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum MembersCommand {
    /// Let whoever knows the secret behind `hash` become a member, once.
    AddToken {
        /// Of the secret.
        hash: Fingerprint,
        /// What it will be.
        kind: MemberKind,
        /// Until when.
        expires_unix_s: u64,
        /// The name of the member whose place it takes.
        replaces: Option<Name>,
        /// Now: tokens that have expired are forgotten.
        now_unix_s: u64,
    },
    /// Somebody came with the secret. It is given a number; it becomes a member by `SetMember`.
    RedeemToken {
        /// Of the secret.
        hash: Fingerprint,
        /// Who came.
        newcomer: Newcomer,
        /// Now.
        now_unix_s: u64,
    },
    /// Write down a member.
    SetMember {
        /// All about it; its certificates are those that are new.
        record: MemberRecord,
        /// What becomes of the certificates that it has.
        certificates: Certificates,
        /// Now: certificates that have expired are forgotten.
        now_unix_s: u64,
    },
    /// Begin to remove a member.
    Retire {
        /// Which.
        id: NodeId,
    },
    /// It is removed: nothing that it says is heard any more.
    RemoveMember {
        /// Which.
        id: NodeId,
    },
    /// Begin to remove a member, and remember who wanted it.
    Dismiss {
        /// Which.
        id: NodeId,
        /// Who.
        by: String,
        /// Now.
        now_unix_s: u64,
    },
}

/// Who comes with a token.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Newcomer {
    /// Its name.
    pub name: Name,
    /// Of its public key.
    pub key: Fingerprint,
    /// Where it will be reached.
    pub addresses: Vec<SocketAddr>,
}

/// What becomes of the certificates that a member has, when it gets a new one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Certificates {
    /// They go on: connections that were made with them are still there.
    Add,
    /// They are another machine's: it is not heard any more.
    Replace,
}

impl MembersCommand {
    /// Whether a witness may hold it.
    pub(in crate::control) const fn is_for_witnesses(&self) -> bool {
        match self {
            Self::AddToken { .. } | Self::RedeemToken { .. } => false,
            Self::SetMember { .. }
            | Self::Retire { .. }
            | Self::RemoveMember { .. }
            | Self::Dismiss { .. } => true,
        }
    }
}

impl fmt::Display for MembersCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddToken { kind, .. } => write!(f, "add a token for a {kind}"),
            Self::RedeemToken { newcomer, .. } => write!(f, "{} comes with a token", newcomer.name),
            Self::SetMember { record, .. } => write!(f, "set member {} {}", record.id, record.name),
            Self::Retire { id } => write!(f, "retire member {id}"),
            Self::RemoveMember { id } => write!(f, "remove member {id}"),
            Self::Dismiss { id, by, .. } => write!(f, "dismiss member {id} for {by}"),
        }
    }
}

/// What became of a [`MembersCommand`].
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum MembersOutcome {
    /// The token is open.
    TokenAdded,
    /// The newcomer has this number.
    Redeemed {
        /// What it will be.
        kind: MemberKind,
        /// Its number.
        id: NodeId,
        /// What becomes of the certificates that this number has.
        certificates: Certificates,
    },
    /// The token is not taken.
    TokenRefused(TokenRefusal),
    /// The member is written down.
    MemberSet,
    /// Another member has its name.
    NameTaken {
        /// Which.
        id: NodeId,
    },
    /// It is leaving.
    Retiring,
    /// It is gone.
    Removed,
    /// There is no such member.
    NotAMember,
}

/// Why a token is not taken, or not given out.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum TokenRefusal {
    /// Nobody gave it out, or long ago.
    #[error("the cluster does not know this token: it is of another cluster, or long expired")]
    Unknown,
    /// Too late.
    #[error("the token expired {ago_s} s ago: ask for a new one")]
    Expired {
        /// How long ago.
        ago_s: u64,
    },
    /// Somebody was quicker.
    #[error(
        "the token was used already, by {name}: if that was not you, remove it and ask for a new token"
    )]
    Used {
        /// By whom.
        name: Name,
    },
    /// A name is one member's.
    #[error("member {id} has the name {name} already: choose another, or let it be replaced")]
    NameTaken {
        /// The name.
        name: Name,
        /// Whose it is.
        id: NodeId,
    },
    /// The holder must take the replaced member's name.
    #[error("the token is for {wanted}, not for {name}")]
    OtherName {
        /// Who came.
        name: Name,
        /// Who is meant.
        wanted: Name,
    },
    /// An address is one member's.
    #[error("member {id} is reached at {address} already")]
    AddressTaken {
        /// The address.
        address: SocketAddr,
        /// Whose it is.
        id: NodeId,
    },
    /// No address, or too many.
    #[error("a member has one to four addresses, not {count}")]
    Addresses {
        /// How many came.
        count: u64,
    },
    /// Who is to be replaced is not there.
    #[error("there is no member {name} to replace")]
    NobodyToReplace {
        /// Who.
        name: Name,
    },
    /// There are two nodes and one witness at most.
    #[error("the cluster has {limit} members of kind {kind} already")]
    Full {
        /// Of this kind.
        kind: MemberKind,
        /// So many.
        limit: u8,
    },
    /// Numbers are never used twice, and all are used.
    #[error("all 255 member numbers have been used")]
    NoNumber,
    /// Too many are open.
    #[error("{count} tokens are open: wait until some have expired")]
    TooMany {
        /// How many.
        count: u64,
    },
}

impl fmt::Display for MembersOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenAdded => f.write_str("token added"),
            Self::Redeemed { id, .. } => write!(f, "the newcomer is member {id}"),
            Self::TokenRefused(refusal) => write!(f, "refused: {refusal}"),
            Self::MemberSet => f.write_str("member set"),
            Self::NameTaken { id } => write!(f, "refused: the name is member {id}'s"),
            Self::Retiring => f.write_str("member is leaving"),
            Self::Removed => f.write_str("member removed"),
            Self::NotAMember => f.write_str("there is no such member"),
        }
    }
}
