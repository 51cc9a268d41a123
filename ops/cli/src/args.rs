//! The words after `tandem show` and `tandem validate`; those after `tandem request` are in
//! [`order`], those after `tandem configure` in [`configure`].

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use types::Protocol;

mod configure;
mod members;
mod order;

pub use configure::{CommitArgs, ConfigureCommand};
pub use members::{
    ClusterCommand, HaLinkArg, InitArgs, JoinArgs, Kind, Life, MachineArgs, MembersOptions,
    RemoveArgs, ReplaceArgs, TokenArgs,
};
pub use order::{CandidateArgs, ClusterRequest, RequestCommand, RequestOptions, SurviveArgs};

/// Where a node listens unless its node.toml says otherwise.
pub(crate) const DEFAULT_SOCKET: &str = "/var/lib/tandem/tandem.sock";

/// What to look at on a running node.
#[derive(Clone, Debug, Subcommand)]
#[command(after_help = "\
Exit status:
  0 answered   1 the node could not answer   2 usage   3 not reachable   4 not permitted

Examples:
  tandem show ha
  tandem show sessions --service web --rows 10
  tandem show cluster --json --socket /run/tandem/a.sock
  tandem show vrrp --watch 1")]
pub enum ShowCommand {
    /// The verdict on the pair and its reasons, roles, HA links, past takeovers.
    #[command(after_help = "\
Examples:
  tandem show ha                   is the site protected, and if not, why?
  tandem show ha --json | jq .verdict
  tandem show ha --watch 1         follow a switchover
  tandem show ha drift             do both nodes hold the same sessions?
  tandem show ha links             what is lost on which HA link?")]
    Ha(HaArgs),
    /// VRRP virtual routers: state, priority, advertisements.
    #[command(after_help = "\
Examples:
  tandem show vrrp
  tandem show vrrp --json | jq '.virtual_routers[].state'")]
    Vrrp(ShowOptions),
    /// Network interfaces: status, redundancy status, addresses, counters.
    #[command(after_help = "\
Examples:
  tandem show interfaces
  tandem show interfaces --json | jq '.interfaces[] | select(.oper == \"down\").name'")]
    Interfaces(ShowOptions),
    /// Sessions, one line for each direction.
    #[command(after_help = "\
Examples:
  tandem show sessions                              the 50 oldest
  tandem show sessions --rows all --service web
  tandem show sessions --protocol udp --port 53
  tandem show sessions --address 192.0.2.10 --json")]
    Sessions(SessionsArgs),
    /// Raft groups: leader, lineage, term, log, members; survivals and candidates.
    #[command(after_help = "\
Examples:
  tandem show cluster
  tandem show cluster --json | jq -r '.candidates[].name'
  tandem show cluster --json | jq '.groups[] | {name, leader}'")]
    Cluster(ShowOptions),
    /// Routes that packets follow.
    #[command(after_help = "\
Examples:
  tandem show fib
  tandem show fib --rows all")]
    Fib(ShowOptions),
    /// Packets that ended on this node, by reason.
    #[command(after_help = "\
Examples:
  tandem show drops                reasons that have dropped something
  tandem show drops --all          every reason there is, with its meaning
  tandem show drops --watch 1")]
    Drops(DropsArgs),
    /// The running configuration, as text that can be loaded again.
    #[command(after_help = "\
The text goes to standard output, everything else to standard error.

Examples:
  tandem show config > site.conf
  tandem show config --candidate b-r7 > lost.conf
  tandem validate site.conf")]
    Config(ConfigArgs),
    /// Resolved neighbours (ARP and neighbour discovery).
    #[command(after_help = "\
Examples:
  tandem show neighbors
  tandem show neighbors --json | jq '.neighbors[].mac'")]
    Neighbors(ShowOptions),
    /// Session processors: sessions, packets, utilization of each thread.
    #[command(after_help = "\
Examples:
  tandem show processors
  tandem show processors --watch 5")]
    Processors(ShowOptions),
    /// Which software the node runs, and since when.
    #[command(after_help = "\
Examples:
  tandem show version")]
    Version(ShowOptions),
}

impl ShowCommand {
    /// What all views have in common.
    pub(crate) const fn options(&self) -> &ShowOptions {
        match self {
            Self::Ha(args) => args.options(),
            Self::Vrrp(options)
            | Self::Interfaces(options)
            | Self::Cluster(options)
            | Self::Fib(options)
            | Self::Neighbors(options)
            | Self::Processors(options)
            | Self::Version(options) => options,
            Self::Sessions(args) => &args.options,
            Self::Drops(args) => &args.options,
            Self::Config(args) => &args.options,
        }
    }
}

/// What all views have in common.
#[derive(Args, Clone, Debug)]
pub struct ShowOptions {
    /// Print one JSON object instead of tables.
    #[arg(long)]
    pub json: bool,
    /// Socket of the node to ask: `api-socket` in its node.toml.
    #[arg(long, value_name = "PATH", env = "TANDEM_SOCKET", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
    /// Longest table to print, a number or `all`. JSON is cut only for sessions.
    #[arg(long, value_name = "N|all", default_value_t = Rows::At(50))]
    pub rows: Rows,
    /// Ask again every so many seconds, until interrupted.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub watch: Option<u32>,
}

/// `tandem show ha`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct HaArgs {
    /// One part of it in full.
    #[command(subcommand)]
    pub view: Option<HaView>,
    /// What all views have in common.
    #[command(flatten)]
    pub options: ShowOptions,
}

impl HaArgs {
    const fn options(&self) -> &ShowOptions {
        match &self.view {
            None => &self.options,
            Some(HaView::Drift(options) | HaView::Links(options)) => options,
        }
    }
}

/// Parts of `tandem show ha` in full.
#[derive(Clone, Debug, Subcommand)]
pub enum HaView {
    /// Whether the session tables are equal shard by shard, how late changes are, what was mended.
    #[command(after_help = "\
Examples:
  tandem show ha drift
  tandem show ha drift --json | jq '.comparisons[] | {by, tables, different}'")]
    Drift(ShowOptions),
    /// HA links: state, round trip, loss, heartbeats.
    #[command(after_help = "\
Examples:
  tandem show ha links
  tandem show ha links --watch 1")]
    Links(ShowOptions),
}

/// `tandem show sessions`.
#[derive(Args, Clone, Debug)]
pub struct SessionsArgs {
    /// Only sessions of this service.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Only sessions of this source tenant.
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// Only this protocol: tcp, udp, icmp, icmpv6 or a number.
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    pub protocol: Option<Protocol>,
    /// Only sessions with this address on either side, translated or not.
    #[arg(long, value_name = "IP")]
    pub address: Option<IpAddr>,
    /// Only sessions with this port (or ICMP identifier) on either side, translated or not.
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// What all views have in common.
    #[command(flatten)]
    pub options: ShowOptions,
}

/// `tandem show config`.
#[derive(Args, Clone, Debug)]
pub struct ConfigArgs {
    /// A candidate that `tandem show cluster` lists, instead of the running configuration.
    #[arg(long, value_name = "NAME")]
    pub candidate: Option<String>,
    /// What all views have in common.
    #[command(flatten)]
    pub options: ShowOptions,
}

/// `tandem show drops`.
#[derive(Args, Clone, Debug)]
pub struct DropsArgs {
    /// List reasons that have not dropped anything too.
    #[arg(long)]
    pub all: bool,
    /// What all views have in common.
    #[command(flatten)]
    pub options: ShowOptions,
}

/// `tandem validate`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
A file that ends in .toml is read as a node.toml, every other one as a configuration.

Exit status:
  0 valid, perhaps with warnings   1 not valid, or not readable   2 usage

Examples:
  tandem validate site.conf
  tandem validate /etc/tandem/node.toml
  tandem validate site.conf --json | jq '.problems[].path'")]
pub struct ValidateArgs {
    /// The file to check.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print one JSON object: valid, how many problems, and the first thousand of them.
    #[arg(long)]
    pub json: bool,
}

/// How many rows of a table to print.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rows {
    /// Every row.
    All,
    /// At most so many, at least one.
    At(u32),
}

impl Rows {
    /// As the API says it: 0 means no limit of the client's own.
    pub(crate) const fn limit(self) -> u32 {
        match self {
            Self::All => 0,
            Self::At(count) => count,
        }
    }
}

impl FromStr for Rows {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "all" => Ok(Self::All),
            Ok(count) if count > 0 => Ok(Self::At(count)),
            Ok(_) | Err(_) => Err("give a number from 1, or 'all'".to_owned()),
        }
    }
}

impl core::fmt::Display for Rows {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::At(count) => count.fmt(f),
        }
    }
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text.to_ascii_lowercase().as_str() {
        "tcp" => Ok(Protocol::TCP),
        "udp" => Ok(Protocol::UDP),
        "icmp" => Ok(Protocol::ICMP),
        "icmpv6" => Ok(Protocol::ICMPV6),
        number => number
            .parse()
            .map(Protocol)
            .map_err(|_| "give tcp, udp, icmp, icmpv6 or a number from 0 to 255".to_owned()),
    }
}
