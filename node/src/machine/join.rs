//! `tandem cluster join`: from a token to a member.

use std::fs::File;

use anyhow::{Context, bail};
use cli::{JoinArgs, MachineArgs};
use config::text_file::{ReadError, read_text};
use identity::{Label, Token, files};
use raft::Joined;
use serde_json::json;
use types::MemberKind;

use super::node_toml::NodeToml;
use super::{Made, Places, check_addresses};
use crate::heartbeat_key;

/// No token is as long as that.
const LONGEST: usize = 64 << 10;

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
    let secrets = Secrets::of(&joined)?;
    keep(machine, &places, &name, (&joined, &secrets))?;
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

/// What a member has beside its certificate.
enum Secrets<'a> {
    /// The authority's key and that of the heartbeats, without which no node starts.
    Node(&'a str, &'a str),
    /// It neither signs nor is it heard.
    Witness,
}

impl<'a> Secrets<'a> {
    /// What came, if the member can run with it. A lone node that was set up by hand has no key of the
    /// heartbeats to give, and its file may have lost its content.
    fn of(joined: &'a Joined) -> anyhow::Result<Self> {
        if joined.kind == MemberKind::Witness {
            return Ok(Self::Witness);
        }
        let authority = joined.authority_key.as_deref();
        let heartbeats = joined.heartbeat_key.as_deref();
        let heartbeats = heartbeats.filter(|text| heartbeat_key::parse(text).is_some());
        match (authority, heartbeats) {
            (Some(authority), Some(heartbeats)) => Ok(Self::Node(authority, heartbeats)),
            (_, None) => bail!(
                "the member that answered gave no key of the heartbeats, and no node runs without it; nothing \
                 was written here: on that member, have heartbeat-key-file in node.toml name a file of 64 \
                 hexadecimal digits ('openssl rand -hex 32' makes them), then ask again from here with the \
                 same token"
            ),
            (None, Some(_)) => bail!(
                "the member that answered gave no key of the authority, and no node runs without it; nothing \
                 was written here: make a token on another node, and ask with that"
            ),
        }
    }
}

/// Writes everything down; node.toml last, since with it the machine is a member.
fn keep(
    machine: &MachineArgs,
    places: &Places,
    name: &Label,
    (joined, secrets): (&Joined, &Secrets<'_>),
) -> anyhow::Result<()> {
    places.open("ca.pem", &joined.authority)?;
    places.secret("member.pem", &joined.identity)?;
    if let Secrets::Node(authority, heartbeats) = secrets {
        places.secret("ca-key.pem", authority)?;
        places.secret("heartbeat.key", heartbeats)?;
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
    if file.as_os_str() == "-" {
        return read_text(std::io::stdin(), LONGEST).context("cannot read standard input");
    }
    // A pipe is welcome: a token may come straight from a command, and need not lie in a file.
    let opened = File::open(file).map_err(ReadError::from);
    opened
        .and_then(|opened| read_text(opened, LONGEST))
        .with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use types::{Edition, Name, NodeId};

    use super::*;

    fn joined(kind: MemberKind, heartbeat_key: Option<&str>) -> Joined {
        Joined {
            cluster: "west-000000".to_owned(),
            id: NodeId(2),
            kind,
            router: Name::from("branch"),
            members: Vec::new(),
            edition: Edition::default(),
            pace: raft::Pace::default(),
            identity: "certificate and key".to_owned(),
            authority: "certificate".to_owned(),
            authority_key: Some("key".to_owned()),
            heartbeat_key: heartbeat_key.map(str::to_owned),
        }
    }

    #[test]
    fn a_node_is_not_made_of_an_answer_without_the_key_of_the_heartbeats() {
        let key = "0f".repeat(32) + "\n";
        let whole = joined(MemberKind::Node, Some(&key));
        assert!(matches!(Secrets::of(&whole), Ok(Secrets::Node("key", given)) if given == key));

        for heartbeat_key in [None, Some("\n"), Some("0f0f")] {
            let lacking = joined(MemberKind::Node, heartbeat_key);
            let text = Secrets::of(&lacking).err().unwrap().to_string();
            assert!(text.contains("gave no key of the heartbeats"), "{text}");
            assert!(text.contains("with the same token"), "{text}");
        }
        let nobodys = Joined {
            authority_key: None,
            ..joined(MemberKind::Node, Some(&key))
        };
        let text = Secrets::of(&nobodys).err().unwrap().to_string();
        assert!(text.contains("gave no key of the authority"), "{text}");
    }

    #[test]
    fn a_witness_needs_no_key_and_keeps_none() {
        for heartbeat_key in [None, Some("0f")] {
            let witness = joined(MemberKind::Witness, heartbeat_key);
            assert!(matches!(Secrets::of(&witness), Ok(Secrets::Witness)));
        }
    }
}
