//! The words after `tandem cluster`: who is a member.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::DEFAULT_SOCKET;

/// Build a cluster, let machines in, let them go.
#[derive(Clone, Debug, Subcommand)]
#[command(after_help = "\
Exit status:
  0 done   1 refused   2 usage   3 not reachable   4 not permitted   5 may do harm, and --force is missing

Examples:
  tandem cluster init --cluster west --router branch --node a --address 198.18.0.1:7400 \\
      --ha-link ha0=198.18.0.1:7401,198.18.0.2:7401 --configuration site.conf
  tandem cluster token                    on a: a token for one more node
  tandem cluster join --token tandem1… --node b --address 198.18.0.2:7400 \\
      --ha-link ha0=198.18.0.2:7401,198.18.0.1:7401
  tandem cluster token --kind witness
  tandem cluster status")]
pub enum ClusterCommand {
    /// Found a cluster: its authority, this node's certificate, the key of the heartbeats, node.toml.
    #[command(after_help = "\
The cluster's id is the name given here and six characters that no other cluster has. Nothing that
exists is overwritten.

Examples:
  tandem cluster init --cluster west --router branch --node a --address 198.18.0.1:7400 \\
      --ha-link ha0=198.18.0.1:7401,198.18.0.2:7401 --configuration /etc/tandem/site.conf
  tandem node")]
    Init(InitArgs),
    /// Become a member, with a token that `tandem cluster token` has printed.
    #[command(after_help = "\
The token names where to ask and by which authority to know the cluster. It is good once; asking
again after a failure is safe as long as nobody else has used it.

Examples:
  tandem cluster join --token tandem1… --node b --address 198.18.0.2:7400 \\
      --ha-link ha0=198.18.0.2:7401,198.18.0.1:7401
  tandem cluster join --token-file token --node w --address 198.18.0.3:7400
  tandem node                             or, with a witness's token: tandem witness")]
    Join(JoinArgs),
    /// A one-time token for one more machine.
    #[command(after_help = "\
Whoever has the token can become a member: hand it over as you would a password.

Examples:
  tandem cluster token
  tandem cluster token --kind witness --life 15m
  tandem cluster token --json | jq -r .token")]
    Token(TokenArgs),
    /// Let a member go; its certificate is not accepted any more.
    #[command(after_help = "\
The machine is told, gives its role back and ends with status 8. An active router is removed with --force
alone.

Examples:
  tandem cluster remove w
  tandem cluster remove b --force         although b is active")]
    Remove(RemoveArgs),
    /// A token for a new machine that takes a member's name and number.
    #[command(after_help = "\
The old machine's certificate is not accepted any more as soon as the token has been used.

Examples:
  tandem cluster replace b
  tandem cluster join --token tandem1… --address 198.18.0.2:7400 \\
      --ha-link ha0=198.18.0.2:7401,198.18.0.1:7401")]
    Replace(ReplaceArgs),
    /// Renew the certificate of the node that is asked; connections that are there go on.
    #[command(after_help = "\
Every member renews its certificate by itself at two thirds of its life; this is for those who
cannot wait.

Examples:
  tandem cluster rotate")]
    Rotate(MembersOptions),
    /// Members: roles, versions, certificates, when they were last heard.
    #[command(after_help = "\
Examples:
  tandem cluster status
  tandem cluster status --json | jq '.members[] | {name, valid_until_unix_ms}'")]
    Status(MembersOptions),
}

/// What the commands have in common that ask a running node.
#[derive(Args, Clone, Debug)]
pub struct MembersOptions {
    /// Print one JSON object instead of sentences.
    #[arg(long)]
    pub json: bool,
    /// Socket of the node to ask: `api-socket` in its node.toml.
    #[arg(long, value_name = "PATH", env = "TANDEM_SOCKET", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

/// What a machine is, and where it keeps what it is.
#[derive(Args, Clone, Debug)]
pub struct MachineArgs {
    /// Where this member listens for the others; one for each HA link, best first.
    #[arg(
        long = "address",
        value_name = "IP:PORT",
        required = true,
        num_args = 1
    )]
    pub addresses: Vec<SocketAddr>,
    /// A path for heartbeats between the two nodes: our end, the peer's end, perhaps a device.
    #[arg(long = "ha-link", value_name = "NAME=IP:PORT,IP:PORT[,DEVICE]")]
    pub ha_links: Vec<HaLinkArg>,
    /// Where node.toml and the folder `identity` go.
    #[arg(long, value_name = "PATH", default_value = "/etc/tandem")]
    pub directory: PathBuf,
    /// Where the member keeps its state.
    #[arg(long, value_name = "PATH", default_value = "/var/lib/tandem")]
    pub data_directory: PathBuf,
    /// Print one JSON object instead of sentences.
    #[arg(long)]
    pub json: bool,
}

/// `tandem cluster init`.
#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// The cluster's name: lower-case letters, digits, '-' and '_'.
    #[arg(long, value_name = "NAME")]
    pub cluster: String,
    /// The router that the cluster is, as the configuration names it.
    #[arg(long, value_name = "NAME")]
    pub router: String,
    /// This node, as the configuration names it.
    #[arg(long, value_name = "NAME")]
    pub node: String,
    /// The configuration to begin with; `tandem validate` checks it.
    #[arg(long, value_name = "FILE")]
    pub configuration: PathBuf,
    /// What all machines have in common.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// `tandem cluster join`.
#[derive(Args, Clone, Debug)]
pub struct JoinArgs {
    /// The token.
    #[arg(
        long,
        value_name = "TOKEN",
        required_unless_present = "token_file",
        conflicts_with = "token_file"
    )]
    pub token: Option<String>,
    /// A file with the token; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// This member's name; a token for a replacement carries it.
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// What all machines have in common.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// `tandem cluster token`.
#[derive(Args, Clone, Debug)]
pub struct TokenArgs {
    /// What the machine will be.
    #[arg(long, value_enum, default_value_t = Kind::Node)]
    pub kind: Kind,
    /// For how long the token is good.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub life: Life,
    /// What all commands have in common.
    #[command(flatten)]
    pub options: MembersOptions,
}

/// `tandem cluster remove`.
#[derive(Args, Clone, Debug)]
pub struct RemoveArgs {
    /// The member's name.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Although it is the active router: the other node takes over.
    #[arg(long)]
    pub force: bool,
    /// What all commands have in common.
    #[command(flatten)]
    pub options: MembersOptions,
}

/// `tandem cluster replace`.
#[derive(Args, Clone, Debug)]
pub struct ReplaceArgs {
    /// The name of the member whose machine is replaced.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// For how long the token is good.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub life: Life,
    /// What all commands have in common.
    #[command(flatten)]
    pub options: MembersOptions,
}

/// What a machine will be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Kind {
    /// Forwards and votes.
    Node,
    /// Only votes.
    Witness,
}

impl Kind {
    /// As the API says it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Witness => "witness",
        }
    }
}

/// For how long a token is good: a number and s, m, h or d.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Life(pub Duration);

impl FromStr for Life {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = || "give a number and s, m, h or d, such as 15m; at most 7d".to_owned();
        let split = text.len().checked_sub(1).ok_or_else(help)?;
        let (number, unit) = text.split_at_checked(split).ok_or_else(help)?;
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(help()),
        };
        let number: u64 = number.parse().map_err(|_| help())?;
        let seconds = number.checked_mul(factor).ok_or_else(help)?;
        if !(1..=7 * 86_400).contains(&seconds) {
            return Err(help());
        }
        Ok(Self(Duration::from_secs(seconds)))
    }
}

/// One HA link as it is typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HaLinkArg {
    /// Its name.
    pub name: String,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// The device to send through.
    pub device: Option<String>,
}

impl FromStr for HaLinkArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = || "write NAME=IP:PORT,IP:PORT, such as ha0=198.18.0.1:7401,198.18.0.2:7401";
        let (name, ends) = text.split_once('=').ok_or_else(help)?;
        let mut parts = ends.split(',');
        let mut end = || parts.next()?.parse().ok();
        let (local, remote) = (end().ok_or_else(help)?, end().ok_or_else(help)?);
        let device = parts.next().map(ToOwned::to_owned);
        if parts.next().is_some() || name.is_empty() {
            return Err(help().to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            local,
            remote,
            device,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_end_at_a_week() {
        let life = |text: &str| text.parse::<Life>().map(|life| life.0.as_secs());
        assert_eq!(life("15m"), Ok(900));
        assert_eq!(life("7d"), Ok(604_800));
        for wrong in [
            "",
            "15",
            "m",
            "0s",
            "8d",
            "1.5h",
            "99999999999999999d",
            "5ä",
        ] {
            assert!(life(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_link_has_a_name_and_two_ends() {
        let link: HaLinkArg = "ha0=198.18.0.1:7401,[2001:db8::2]:7401,eth1"
            .parse()
            .unwrap();
        assert_eq!(link.name, "ha0");
        assert_eq!(link.remote, "[2001:db8::2]:7401".parse().unwrap());
        assert_eq!(link.device.as_deref(), Some("eth1"));
        for wrong in [
            "ha0",
            "ha0=198.18.0.1:1",
            "=198.18.0.1:1,198.18.0.2:1",
            "a=b,c",
        ] {
            assert!(wrong.parse::<HaLinkArg>().is_err(), "{wrong}");
        }
    }
}
