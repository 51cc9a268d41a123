//! `tandem cluster join`: from a token to a member.

use std::io::Read as _;

use anyhow::{Context, bail};
use cli::{JoinArgs, MachineArgs};
use identity::{Label, Token, files};
use raft::Joined;
use serde_json::json;
use types::MemberKind;

use super::node_toml::NodeToml;
use super::{Made, Places, check_addresses};

/// No token is as long as that.
const LONGEST: u64 = 64 << 10;

pub(super) async fn run(args: &JoinArgs) -> anyhow::Result<Made> {
    let machine = &args.machine;
    let token = Token::parse(&text(args)?)?;
    let name = match (&args.node, &token.name) {
        (Some(name), _) => Label::new(name)?,
        (None, Some(name)) => name.clone(),
        (None, None) => bail!("name this member with --node"),
    };
    check(machine, token.kind)?;
    let places = Places::new(machine)?;
    // Before the token is used: what cannot be written must not cost it.
    let key = places.key()?;
    places.prove_room()?;
    let joined = raft::join(&token, &name, &machine.addresses, &key).await?;
    keep(machine, &places, &name, &joined)?;
    Ok(made(&places, &name, &joined))
}

/// What can be seen to be wrong before anybody is asked.
fn check(machine: &MachineArgs, kind: MemberKind) -> anyhow::Result<()> {
    match (kind, machine.ha_links.is_empty()) {
        (MemberKind::Node, true) => bail!(
            "a second node needs a path for heartbeats: --ha-link NAME=OUR-END,PEERS-END, such as \
             --ha-link ha0=198.18.0.2:7401,198.18.0.1:7401"
        ),
        (MemberKind::Witness, false) => {
            bail!("the token is a witness's, which has no HA links: leave --ha-link away")
        }
        (MemberKind::Node, false) | (MemberKind::Witness, true) => check_addresses(machine),
    }
}

/// Writes everything down; node.toml last, since with it the machine is a member.
fn keep(
    machine: &MachineArgs,
    places: &Places,
    name: &Label,
    joined: &Joined,
) -> anyhow::Result<()> {
    places.open("ca.pem", &joined.authority)?;
    places.secret("member.pem", &joined.identity)?;
    if let Some(key) = &joined.authority_key {
        places.secret("ca-key.pem", key)?;
    }
    if let Some(key) = &joined.heartbeat_key {
        places.secret("heartbeat.key", key)?;
    }
    let text = NodeToml {
        cluster: &joined.cluster,
        router: joined.router.as_str(),
        member: name.as_str(),
        kind: joined.kind,
        data_directory: &places.data_directory,
        configuration: None,
        ha_links: &machine.ha_links,
        members: &joined.members,
        edition: joined.edition,
        pace: joined.pace,
    }
    .checked()?;
    files::create(&places.node_toml, &text, files::Readers::Everybody)?;
    places.forget_key()
}

fn made(places: &Places, name: &Label, joined: &Joined) -> Made {
    let file = places.node_toml.display().to_string();
    let command = joined.kind.word();
    Made {
        text: format!(
            "This machine is member {} {name} of cluster {}, a {}.\n\
             Written: {file} and {}\n\
             Next: tandem {command} --config {file}\n",
            joined.id,
            joined.cluster,
            joined.kind,
            places.folder.display(),
        ),
        object: json!({
            "cluster": joined.cluster,
            "node": name.as_str(),
            "id": joined.id.0,
            "kind": joined.kind.word(),
            "node_toml": file,
        }),
    }
}

fn text(args: &JoinArgs) -> anyhow::Result<String> {
    let Some(file) = &args.token_file else {
        return Ok(args.token.clone().unwrap_or_default());
    };
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .take(LONGEST)
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
    } else {
        text = files::read(file)?;
    }
    Ok(text)
}
