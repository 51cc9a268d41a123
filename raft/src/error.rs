//! What can go wrong, for whoever has to do something about it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use types::NodeId;

use crate::group::GroupName;
use crate::store::StoreError;

/// Why agreement could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The plan does not list this process among the members.
    #[error("node {0} is not among the members of the cluster")]
    NotAMember(NodeId),
    /// Two members share a number.
    #[error("two members have the number {0}")]
    DuplicateMember(NodeId),
    /// The data directory cannot be used.
    #[error("the data directory {path} cannot be used")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The durable store cannot be opened, and there is nobody to get its content from.
    #[error(
        "the store {path} cannot be read and no other member could restore it; \
         restore it from a backup, or move it away, and the data directories of witnesses, to begin without \
         configuration"
    )]
    OnlyStoreDamaged {
        /// The store.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: StoreError,
    },
    /// The durable store cannot be opened for a reason that is not its content.
    #[error("the store cannot be opened")]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for other members")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A listener that was handed over cannot be used.
    #[error("cannot use the listeners for other members")]
    Listener(#[source] std::io::Error),
    /// A file of the transport's TLS cannot be read.
    #[error("cannot read {path}")]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A file of the transport's TLS is not what it was.
    #[error("{path} cannot be used: {reason}. Next: {next}")]
    TlsFileDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        next: String,
    },
    /// The certificates do not fit.
    #[error("the certificates in {cert} and {ca} cannot be used")]
    Tls {
        /// The member's.
        cert: PathBuf,
        /// The authority's.
        ca: PathBuf,
        /// What is wrong.
        #[source]
        source: identity::CredentialsError,
    },
    /// The authority's files do not fit.
    #[error("the authority's key {path} cannot be used: {reason}")]
    Authority {
        /// The key.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No threads.
    #[error("cannot start threads")]
    Threads(#[source] std::io::Error),
    /// The consensus itself did not start.
    #[error("the {group} group did not start: {reason}")]
    Group {
        /// Which group.
        group: GroupName,
        /// What it said.
        reason: String,
    },
}

/// Why a proposal has no outcome.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProposeError {
    /// Nobody leads, or the leader has no quorum. Nothing was proposed.
    #[error("the {group} group had no leader with a quorum for {:.1} s", waited.as_secs_f32())]
    NoLeader {
        /// Which group.
        group: GroupName,
        /// For how long it was tried.
        waited: Duration,
    },
    /// It was proposed and may still be agreed on: look before proposing something else.
    #[error("the {group} group did not answer within {:.1} s; the outcome is unknown", waited.as_secs_f32())]
    Unknown {
        /// Which group.
        group: GroupName,
        /// For how long it was tried.
        waited: Duration,
    },
    /// Two nodes went on apart, and this one may have to give way: nothing was proposed.
    #[error("the {group} group takes nothing until it is settled which of two survivors gives way")]
    Frozen {
        /// Which group.
        group: GroupName,
    },
    /// The group does not run on this member.
    #[error("the {group} group has stopped here: {reason}")]
    Stopped {
        /// Which group.
        group: GroupName,
        /// Why, with the path if a disk is to blame.
        reason: String,
    },
}

impl ProposeError {
    /// Whether the same proposal may succeed later without anybody's help. All commands say what they
    /// are based on, so that proposing one again is safe even if its outcome was unknown.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::NoLeader { .. } | Self::Unknown { .. } | Self::Frozen { .. } => true,
            Self::Stopped { .. } => false,
        }
    }
}

/// Too many changes wait already: the cluster has had no leader for too long, or is too slow.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{refused} changes were refused: {pending} wait to be agreed on")]
pub struct PublishRefused {
    /// How many of those that were handed over.
    pub refused: usize,
    /// How many wait.
    pub pending: usize,
}
