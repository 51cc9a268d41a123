//! `tandem cluster init`: from nothing to a cluster of one node.

use core::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use cli::{InitArgs, text_of};
use identity::{Authority, Label, MemberKey, Subject, files};
use raft::{Member, Pace};
use runtime::Clock;
use serde_json::json;
use types::{Edition, MemberKind, NodeId};

use super::node_toml::NodeToml;
use super::{Made, Places, check_addresses};
use crate::plan;

/// The first member's number.
const FIRST: NodeId = NodeId(1);

pub(super) fn run(args: &InitArgs) -> anyhow::Result<Made> {
    let machine = &args.machine;
    let now = Clock::start().unix_millis() / 1_000;
    let subject = subject(args)?;
    check_addresses(machine)?;
    let configuration = checked_configuration(args)?;
    let places = Places::new(machine)?;
    let text = NodeToml {
        cluster: subject.cluster.as_str(),
        router: &args.router,
        member: &args.node,
        kind: MemberKind::Node,
        data_directory: &places.data_directory,
        configuration: Some(&configuration),
        ha_links: &machine.ha_links,
        members: &[Member {
            id: FIRST,
            name: subject.member.to_name(),
            kind: MemberKind::Node,
            addresses: machine.addresses.clone(),
        }],
        edition: Edition::default(),
        pace: Pace::default(),
    }
    .checked()?;
    let authority = Authority::found(subject.cluster.clone(), now)?;
    let key = MemberKey::generate()?;
    let certificate = authority.sign(
        &subject.member,
        &key.request(&subject)?,
        now,
        Authority::MEMBER_LIFETIME,
    )?;
    places.open("ca.pem", &authority.certificate().to_pem())?;
    places.secret("ca-key.pem", &authority.key_pem())?;
    places.secret("member.pem", &(certificate.to_pem() + &key.to_pem()))?;
    places.secret("heartbeat.key", &heartbeat_key()?)?;
    files::create(&places.node_toml, &text, files::Readers::Everybody)?;
    let fingerprint = authority.certificate().fingerprint().to_string();
    let file = places.node_toml.display().to_string();
    Ok(Made {
        text: format!(
            "Cluster {} is founded, and this machine is its node {}.\n\
             Authority: {fingerprint}\n\
             Written: {file} and {}\n\
             Next: tandem node --config {file}\n\
             Then, for each other machine: tandem cluster token\n",
            subject.cluster,
            subject.member,
            places.folder.display(),
        ),
        object: json!({
            "cluster": subject.cluster.as_str(),
            "node": subject.member.as_str(),
            "id": FIRST.0,
            "authority": fingerprint,
            "node_toml": file,
            "valid_until_unix_ms": certificate.validity().until * 1_000,
        }),
    })
}

/// The configuration's file, if this node can run with it: what is founded is not founded twice.
fn checked_configuration(args: &InitArgs) -> anyhow::Result<PathBuf> {
    let path = &args.configuration;
    let unreadable = || format!("cannot read {}", path.display());
    let file = std::fs::canonicalize(path).with_context(unreadable)?;
    let text = text_of(&file, types::MAX_CONFIGURATION_BYTES).with_context(unreadable)?;
    let valid = config::check(&text).map_err(|problems| {
        let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{} is not valid:\n{}", path.display(), list.join("\n"))
    })?;
    plan::locate(&valid, &args.router, &args.node).with_context(|| {
        format!(
            "--router and --node are names in {}: 'tandem node' could not run",
            path.display()
        )
    })?;
    Ok(file)
}

/// The name that was given, and six digits that tell the cluster from others of that name.
fn subject(args: &InitArgs) -> anyhow::Result<Subject> {
    let [a, b, c] = identity::random().context("the system has no randomness")?;
    Ok(Subject {
        cluster: Label::new(&format!("{}-{a:02x}{b:02x}{c:02x}", args.cluster))?,
        member: Label::new(&args.node)?,
    })
}

/// 64 hexadecimal digits.
fn heartbeat_key() -> anyhow::Result<String> {
    let key: [u8; 32] = identity::random().context("the system has no randomness")?;
    let mut digits = String::new();
    for byte in key {
        let _infallible = write!(digits, "{byte:02x}");
    }
    Ok(digits + "\n")
}
