//! What the transport, the stores and the timers need to know before they start.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

pub use types::MemberKind;
use types::{Edition, Name, NodeId};

use crate::group::GroupName;
use crate::store::StoreKind;

/// Who takes part, where they are reached, and what is kept where.
#[derive(Debug)]
pub struct ClusterPlan {
    /// Two clusters that share a wire never hear each other.
    pub cluster_id: String,
    /// This process.
    pub me: NodeId,
    /// Everybody, this process included.
    pub members: Vec<Member>,
    /// Where peers reach this process.
    pub listen: Listen,
    /// Folder of the durable group's store and of the incarnation; made if it is missing.
    pub data_dir: PathBuf,
    /// The library that keeps the durable group's data; what the other one wrote is refused.
    pub store: StoreKind,
    /// Certificates; without them the transport is plain text, for labs.
    pub tls: Option<TlsFiles>,
    /// How patient everybody is.
    pub timing: Timing,
    /// How much may wait to be agreed on.
    pub limits: Limits,
}

/// One member of the cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Its number in `node.toml`.
    pub id: NodeId,
    /// Its name, which is also the name in its certificate.
    pub name: Name,
    /// Whether it forwards.
    pub kind: MemberKind,
    /// One address for each HA link; the first that answers is used until it fails.
    pub addresses: Vec<SocketAddr>,
}

/// Sockets that peers connect to.
#[derive(Debug)]
pub enum Listen {
    /// To be bound.
    Addresses(Vec<SocketAddr>),
    /// Bound already, for tests that let the kernel choose ports.
    Bound(Vec<TcpListener>),
}

/// Files of mutual TLS, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate authority that signed every member's certificate.
    pub ca: PathBuf,
    /// This member's certificate; its name is the member's name.
    pub cert: PathBuf,
    /// The private key of `cert`; may be the same file, which is then replaced as one.
    pub key: PathBuf,
    /// Of which list the plan's members are; those of older lists do not count.
    pub edition: Edition,
    /// What a member needs that signs others' certificates; without it the files are made by hand.
    pub issuing: Option<Issuing>,
}

/// What a node needs to make members: every node of a cluster that was made by `init` has it.
#[derive(Clone, Debug)]
pub struct Issuing {
    /// The private key of the authority.
    pub authority_key: PathBuf,
    /// What a newcomer is told: the router that the cluster is.
    pub router: Name,
    /// What a new node is told: the file with the key of the heartbeats.
    pub heartbeat_key: Option<PathBuf>,
    /// What a newcomer is told of the timers.
    pub pace: Pace,
    /// Asked before anything is agreed on.
    pub has_place: HasPlace,
}

/// What node.toml says of the timers, the same on every member; 0 for nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Pace {
    /// How long the farthest member takes to answer.
    pub rtt_ms: u32,
    /// How patient the control group is.
    pub election_timeout_ms: u32,
}

/// Whether the configuration in force, of which only its reader knows anything, has a place for a newcomer;
/// if not, why, and what to do.
pub type HasPlace = fn(&Applicant<'_>) -> Result<(), String>;

/// Somebody with a good token.
#[derive(Clone, Copy, Debug)]
pub struct Applicant<'a> {
    /// The name that it will have.
    pub name: &'a str,
    /// What it will be.
    pub kind: MemberKind,
    /// The router that the cluster is.
    pub router: &'a str,
    /// The configuration's text; `None` before the first one.
    pub configuration: Option<&'a str>,
}

/// Timers of one group.
///
/// A failed leader is replaced after at most `election_max` plus a random time between `election_min`
/// and `election_max`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GroupTiming {
    /// Between two signs of life of a leader.
    pub heartbeat: Duration,
    /// Lower end of the random time before a candidacy.
    pub election_min: Duration,
    /// Upper end.
    pub election_max: Duration,
}

/// All timers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timing {
    /// The durable group: patient, because disks have bad moments.
    pub control: GroupTiming,
    /// The group in memory.
    pub state: GroupTiming,
    /// How long session changes gather before they become a batch.
    pub linger: Duration,
    /// How long one proposal is tried before its outcome is called unknown.
    pub propose: Duration,
    /// How long the state group may lack a quorum before a new generation is begun.
    pub reform: Duration,
    /// How long a message to the farthest member and its answer take; [`Timing::across`] sets it.
    pub rtt: Duration,
}

impl Timing {
    /// These timers for members of which one is so far away that it answers after `rtt`: a heartbeat is
    /// given up when the next one is due, so there has to be time for its answer, and an election asks
    /// twice. Every member has to be told the same.
    #[must_use]
    pub fn across(self, rtt: Duration) -> Self {
        let group = |timing: GroupTiming| GroupTiming {
            heartbeat: timing.heartbeat + rtt,
            election_min: timing.election_min + 2 * rtt,
            election_max: timing.election_max + 2 * rtt,
        };
        Self {
            control: group(self.control),
            state: group(self.state),
            // Beyond the slowest election: a lease, a candidacy, two questions.
            reform: self.reform + 8 * rtt,
            rtt,
            ..self
        }
    }

    pub(crate) const fn of(&self, group: GroupName) -> GroupTiming {
        match group {
            GroupName::Control => self.control,
            GroupName::State => self.state,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        const fn group(heartbeat: u64, min: u64, max: u64) -> GroupTiming {
            GroupTiming {
                heartbeat: Duration::from_millis(heartbeat),
                election_min: Duration::from_millis(min),
                election_max: Duration::from_millis(max),
            }
        }
        Self {
            control: group(100, 400, 800),
            state: group(50, 150, 300),
            linger: Duration::from_millis(5),
            propose: Duration::from_secs(5),
            // Well above the slowest election of the state group, 540 ms measured.
            reform: Duration::from_millis(1_500),
            // Beside each other, or a few streets apart.
            rtt: Duration::ZERO,
        }
    }
}

/// Bounds of what waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Changes that wait to be agreed on; beyond, new sessions are refused and counted.
    pub pending: usize,
    /// Changes in one batch.
    pub batch: usize,
    /// Entries of a log between two snapshots. The logs are in memory and snapshots are frozen clones: so
    /// they are frequent, and the logs short.
    pub log: u64,
    /// Committed batches that wait for the local consumer; beyond, it gets the whole state instead.
    pub unread: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Two seconds at 100 000 changes a second: an election and a half.
            pending: 200_000,
            // A batch takes one round trip, at sixty bytes a change: half a megabyte.
            batch: 8_000,
            // Two seconds of batches and more.
            log: 512,
            unread: 1_024,
        }
    }
}
