//! The words after `tandem request`: what a node is told to do.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DEFAULT_SOCKET;

/// What to do on a running node.
#[derive(Clone, Debug, Subcommand)]
#[command(after_help = "\
Exit status:
  0 done   1 refused   2 usage   3 not reachable   4 not permitted   5 may do harm, and --force is missing

Examples:
  tandem request cluster thaw
  tandem request cluster survive --force")]
pub enum RequestCommand {
    /// The cluster's agreement: going on without the other node, and what was left behind.
    #[command(subcommand)]
    Cluster(ClusterRequest),
}

/// `tandem request cluster`.
#[derive(Clone, Debug, Subcommand)]
pub enum ClusterRequest {
    /// Go on without the other node, now.
    ///
    /// This node begins the next generation of the control group, with itself as the only member. When
    /// the other node returns it sees the higher generation, keeps what only it had as candidates, and
    /// joins. Refused while the other node is heard anywhere.
    #[command(after_help = "\
Examples:
  tandem request cluster survive
  tandem request cluster survive --force    although the other node is heard")]
    Survive(SurviveArgs),
    /// End a freeze: confirm that the other node is off.
    #[command(after_help = "\
Refused on a node that has not frozen, and while the other node is heard anywhere.

Examples:
  tandem request cluster thaw")]
    Thaw(RequestOptions),
    /// Forget a candidate that `tandem show cluster` lists.
    #[command(after_help = "\
Examples:
  tandem show config --candidate b-r7 > lost.conf    keep the text first
  tandem request cluster drop-candidate b-r7")]
    DropCandidate(CandidateArgs),
}

impl RequestCommand {
    /// What all orders have in common.
    pub(crate) const fn options(&self) -> &RequestOptions {
        match self {
            Self::Cluster(ClusterRequest::Survive(args)) => &args.options,
            Self::Cluster(ClusterRequest::Thaw(options)) => options,
            Self::Cluster(ClusterRequest::DropCandidate(args)) => &args.options,
        }
    }
}

/// What all orders have in common.
#[derive(Args, Clone, Debug)]
pub struct RequestOptions {
    /// Print one JSON object instead of sentences.
    #[arg(long)]
    pub json: bool,
    /// Socket of the node to tell: `api-socket` in its node.toml.
    #[arg(long, value_name = "PATH", env = "TANDEM_SOCKET", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

/// `tandem request cluster survive`.
#[derive(Args, Clone, Debug)]
pub struct SurviveArgs {
    /// Do it although the other node is heard.
    #[arg(long)]
    pub force: bool,
    /// What all orders have in common.
    #[command(flatten)]
    pub options: RequestOptions,
}

/// `tandem request cluster drop-candidate`.
#[derive(Args, Clone, Debug)]
pub struct CandidateArgs {
    /// The candidate's name.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What all orders have in common.
    #[command(flatten)]
    pub options: RequestOptions,
}
