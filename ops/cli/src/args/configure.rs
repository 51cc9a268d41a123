//! The words after `tandem configure`: what the cluster is to run.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::RequestOptions;

/// What to do about the configuration of a running cluster.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigureCommand {
    /// Make a file the running configuration of the whole cluster.
    ///
    /// The file is checked here first, as `tandem validate` does, and nothing is sent while it has errors.
    /// The cluster takes it if nobody has committed since the base. Both nodes run it from then on, and
    /// whoever restarts one does not bring an older one back: the file that `configuration` in node.toml
    /// names counts only for a cluster that has no configuration at all.
    #[command(after_help = "\
Exit status:
  0 committed   1 nothing was changed: not valid, not readable, frozen, or no leader with a quorum
  2 usage   3 not reachable   4 not permitted
  6 nothing was changed: somebody has committed since the base, and is named
  7 nobody knows whether it is committed: read `tandem show config` before trying again

Examples:
  tandem show config > site.conf; tandem show config --json | jq .revision
  tandem configure commit site.conf --base 4     refused if another commit came after 4
  tandem configure commit site.conf              based on whatever the node runs at this moment
  tandem configure commit site.conf --json | jq '{outcome, revision}'")]
    Commit(CommitArgs),
}

impl ConfigureCommand {
    /// What all commands have in common.
    pub(crate) const fn options(&self) -> &RequestOptions {
        match self {
            Self::Commit(args) => &args.options,
        }
    }
}

/// `tandem configure commit`.
#[derive(Args, Clone, Debug)]
pub struct CommitArgs {
    /// The file with the whole configuration.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The revision that the file was made from, as `tandem show config --json` says it. Without this
    /// option it is the newest one that the node knows of when it is asked, so that a commit of somebody
    /// else between your reading and your commit is not noticed.
    #[arg(long, value_name = "REVISION")]
    pub base: Option<u64>,
    /// What all orders have in common.
    #[command(flatten)]
    pub options: RequestOptions,
}
