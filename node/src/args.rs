//! The words after `tandem`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Two Linux machines, one gateway: a session-smart router that survives its own death.
#[derive(Debug, Parser)]
#[command(name = "tandem", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tandem demo                              watch a router die without one session noticing
  tandem node --config /etc/tandem/node.toml
  tandem show ha --json
  tandem request cluster thaw
  tandem configure commit site.conf --base 4
  tandem cluster status
  tandem validate site.conf";

/// Everything the one binary can be.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a router node: forwarding, VRRP, replication, operator API.
    Node(ProcessArgs),
    /// Run a witness: it votes, it holds no sessions and forwards nothing.
    Witness(ProcessArgs),
    /// Build a lab in namespaces of its own, kill the active router, and show what was lost.
    Demo(lab::demo::DemoArgs),
    /// Laboratory: measure Tandem beside what it replaces.
    #[command(subcommand)]
    Lab(lab::bench::LabCommand),
    /// Ask a running node.
    #[command(subcommand)]
    Show(cli::ShowCommand),
    /// Tell a running node to do something.
    #[command(subcommand)]
    Request(cli::RequestCommand),
    /// Change what the cluster runs.
    #[command(subcommand)]
    Configure(cli::ConfigureCommand),
    /// Build a cluster, let machines in, let them go.
    #[command(subcommand)]
    Cluster(cli::ClusterCommand),
    /// Check a configuration file, or a node.toml, without touching anything.
    Validate(cli::ValidateArgs),
}

/// How a node or a witness is told who it is.
#[derive(Debug, Args)]
pub(crate) struct ProcessArgs {
    /// The bootstrap file: name, members, HA links, data directory.
    #[arg(long, value_name = "FILE", default_value = "/etc/tandem/node.toml")]
    pub(crate) config: PathBuf,
}
