//! `node.toml`: what a process must know before it can ask the cluster for anything.
//!
//! [`read`] takes the file's text and returns a [`Bootstrap`] or every problem at once. The same
//! form serves nodes and the witness; which of them a process is, its own member entry says.
//! [`Bootstrap::check_against`] says whether the replicated tree knows the nodes named here.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use types::{Edition, Name, NodeId};

mod against;
mod check;
mod file;
mod part;
mod policy;

pub use check::read;

/// A checked `node.toml`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Bootstrap {
    /// Name of the cluster; members of another cluster are turned away.
    pub cluster: Name,
    /// The router this process belongs to.
    pub router: Name,
    /// This process among the members.
    pub local: NodeId,
    /// Everything that votes, this process included, ordered by id.
    pub members: Vec<Member>,
    /// Of which list of the cluster they are; the default for members that a person wrote down.
    pub edition: Edition,
    /// Where state is kept.
    pub data_directory: PathBuf,
    /// Proposed as the first configuration when the cluster has none.
    pub configuration: Option<PathBuf>,
    /// Where the operators' tools connect.
    pub api_socket: PathBuf,
    /// Heartbeat paths to the other node; none on the witness and on a single node.
    pub ha_links: Vec<HaLink>,
    /// What the cluster does when it has no quorum.
    pub without_quorum: WithoutQuorum,
    /// How members prove who they are.
    pub security: Security,
    /// The library that keeps the control group's data.
    pub store: StoreChoice,
    /// How packets are sent and received.
    pub port: PortChoice,
    /// Session changes that may wait to be agreed on; `None` for the product's own bound.
    pub replication_queue: Option<u32>,
    /// How long the farthest member takes to answer, in milliseconds; 0 for members beside each other.
    pub rtt_ms: u32,
    /// Twice this long may the control group's leader be silent, and once or twice more until others stand
    /// for election; `None` for the product's own patience. The same for every member.
    pub election_timeout: Option<Duration>,
}

impl Bootstrap {
    /// This process's own entry.
    pub fn local_member(&self) -> Option<&Member> {
        self.members.iter().find(|member| member.id == self.local)
    }

    /// The same with relative paths completed: they start at `directory`, where the file lies.
    #[must_use]
    pub fn rooted_in(self, directory: &Path) -> Self {
        let root = |path: PathBuf| directory.join(path);
        Self {
            data_directory: root(self.data_directory),
            configuration: self.configuration.map(root),
            api_socket: root(self.api_socket),
            security: match self.security {
                Security::Tls {
                    ca,
                    certificate,
                    key,
                    authority_key,
                    heartbeat_key_file,
                } => Security::Tls {
                    ca: root(ca),
                    certificate: root(certificate),
                    key: root(key),
                    authority_key: authority_key.map(root),
                    heartbeat_key_file: heartbeat_key_file.map(root),
                },
                Security::InsecureLab => Security::InsecureLab,
            },
            ..self
        }
    }

    /// Whether this process only votes.
    pub fn is_witness(&self) -> bool {
        self.local_member()
            .is_some_and(|member| member.kind == MemberKind::Witness)
    }

    /// The other node of the pair.
    pub fn peer(&self) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.kind == MemberKind::Node && member.id != self.local)
    }
}

/// A process that votes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Member {
    /// Its number, the same in every member's file and never used again.
    pub id: NodeId,
    /// Its name; a node's is the one that the configuration tree uses.
    pub name: Name,
    /// Whether it forwards.
    pub kind: MemberKind,
    /// Where it listens for the other members, in order of preference: one to four.
    pub addresses: Vec<SocketAddr>,
}

/// What a member does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MemberKind {
    /// Forwards and votes.
    Node,
    /// Only votes.
    Witness,
}

/// A path on which two nodes hear each other's heartbeats.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HaLink {
    /// The link's name.
    pub name: Name,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// The network device to send through, where routing alone would not choose it.
    pub device: Option<String>,
}

/// What a pair does when a quorum is missing, as long as it has no witness: with one, nobody goes on without its
/// vote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WithoutQuorum {
    /// The configuration is read-only until the peer is back, or an operator confirms that it is off.
    Freeze,
    /// A node that has lost its peer by all evidence goes on alone.
    Survive {
        /// How long the peer must have been silent everywhere.
        hold_time: Duration,
        /// Neighbours of which at least one must answer; at least one.
        anchors: Vec<IpAddr>,
    },
}

/// How members prove who they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Security {
    /// Mutual TLS between members; heartbeats carry a keyed digest.
    Tls {
        /// Certificates of the authorities that sign members.
        ca: PathBuf,
        /// This process's certificate.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
        /// The authority's private key, on nodes of a cluster that makes its own certificates.
        authority_key: Option<PathBuf>,
        /// The key of the heartbeats; always there on a node that has HA links.
        heartbeat_key_file: Option<PathBuf>,
    },
    /// None at all: for a lab whose network nobody else can reach.
    InsecureLab,
}

/// The library that keeps the control group's data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum StoreChoice {
    /// sled.
    #[default]
    Sled,
    /// redb.
    Redb,
}

/// How packets are sent and received.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PortChoice {
    /// Packet sockets, many frames a system call.
    #[default]
    Raw,
    /// The pnet library's sockets, one frame a call.
    Pnet,
}
