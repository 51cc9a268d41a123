//! A cluster as its operators build it, with certificates, and a member that is let go for good.
//!
//! Each case has a pair of its own; see `failover.rs` for the rules of the house.

use std::net::UdpSocket;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use integration::{Files, Pair, sockets, wait};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::sandbox::Sandbox;
use lab::topology::pair_witness::SERVER;
use lab::topology::{Arbiter, Side};
use raft_state::port_block;
use serde_json::Value;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "a_lost_node_is_removed_only_after_somebody_has_said_who_goes_on",
        a_lost_node_is_removed_only_after_somebody_has_said_who_goes_on,
    ),
    (
        "a_removed_node_is_forgotten_and_another_takes_its_place_while_the_first_runs_on",
        a_removed_node_is_forgotten_and_another_takes_its_place_while_the_first_runs_on,
    ),
];

/// Exit status of what was not done.
const REFUSED: i32 = 1;
/// Exit status of a process whose machine was removed.
const REMOVED: i32 = 8;

fn main() -> ExitCode {
    harness::main(CASES)
}

fn a_lost_node_is_removed_only_after_somebody_has_said_who_goes_on(
    sandbox: &Sandbox,
) -> Result<()> {
    let mut pair = founded_and_joined(sandbox)?;
    let (left, lost) = (Side::A, Side::B);
    let remove = ["cluster", "remove", lost.name()];

    pair.kill(Member::Node(lost))?;
    pair.active(left)?;
    pair.agrees(left, "the freeze and its end", |seen| {
        seen.state == "frozen" && seen.says("tandem request cluster thaw")
    })?;
    let way_on = ["nothing was changed", "tandem request cluster thaw"];
    pair.tell(left, &remove)?.is(REFUSED, &way_on)?;
    pair.tell(left, &["cluster", "replace", lost.name()])?
        .is(REFUSED, &way_on)?;
    ensure!(members(&pair, left)? == ["a", "b"], "it is still there");

    pair.tell(left, &["request", "cluster", "thaw"])?
        .did("Generation 2")?;
    pair.tell(left, &remove)?.did(lost.name())?;
    ensure!(members(&pair, left)? == ["a"], "it has gone");
    forgotten(&pair, left)?;
    pair.tell(left, &remove)?
        .is(REFUSED, &["there is no member b"])?;
    let text = pair.with_tenant("alone")?;
    pair.commit(left, &text)?
        .did("Configuration 2 is committed")?;

    // The machine turns up again: it is told that it was removed, ends, and changes nothing.
    pair.start(Member::Node(lost))?;
    let end = pair.wait_for_end(Member::Node(lost))?;
    let words = pair.last_words(Member::Node(lost), 5);
    ensure!(end.code() == Some(REMOVED), "{end}: {words}");
    ensure!(words.contains("tandem cluster join"), "{words}");
    let seen = pair.agreement(left)?;
    ensure!(seen.lineage.0 == 2, "{seen:?}");
    ensure!(members(&pair, left)? == ["a"], "it is back");
    forgotten(&pair, left)?;
    ensure!(pair.runs(left)? == text);
    pair.check_running()
}

fn a_removed_node_is_forgotten_and_another_takes_its_place_while_the_first_runs_on(
    sandbox: &Sandbox,
) -> Result<()> {
    let mut pair = founded_and_joined(sandbox)?;
    let (stays, goes) = (Side::A, Side::B);
    // Of the ports that need no grant each node has its half, and one that is alone has all of them.
    let mut senders = Vec::new();
    ensure!(opens_from(&pair, &mut senders)? == [true, false]);
    let process = pair.process_id(Member::Node(stays))?;
    let index = member(&pair, stays, goes)?;
    pair.tell(stays, &["cluster", "remove", goes.name()])?
        .did(goes.name())?;
    let end = pair.wait_for_end(Member::Node(goes))?;
    ensure!(end.code() == Some(REMOVED), "{end}");
    forgotten(&pair, stays)?;
    ensure!(opens_from(&pair, &mut senders)? == [true, true]);

    // Another machine under the old name, on the old addresses.
    let home = pair.home(Member::Node(goes));
    std::fs::remove_dir_all(home.join("identity"))?;
    std::fs::remove_dir_all(home.join("data"))?;
    second_joins(&mut pair)?;
    ensure!(member(&pair, stays, goes)? > index, "it has another number");
    let seen = pair.show(stays, "ha drift")?.to_string();
    ensure!(seen.contains("programmed on b with agreed here"), "{seen}");
    ensure!(opens_from(&pair, &mut senders)? == [true, false]);

    // It counts like the first one did: without it there is no quorum, and it is missed by name.
    pair.kill(Member::Node(goes))?;
    pair.agrees(stays, "the freeze", |seen| {
        seen.state == "frozen" && seen.says("start node b")
    })?;
    ensure!(pair.process_id(Member::Node(stays))? == process);
    pair.check_running()
}

/// Waits until nothing that `left` says of the pair names the other node, or waits for it.
fn forgotten(pair: &Pair, left: Side) -> Result<()> {
    let lost = left.other().name();
    wait::until_true(&format!("{} to count {lost} no more", left.name()), || {
        let ha = pair.show(left, "ha")?;
        ensure!(!ha.to_string().contains(&format!("\"{lost}\"")), "{ha}");
        ensure!(!ha.to_string().contains(&format!("node {lost}")), "{ha}");
        let checks = ha.get("checks").and_then(Value::as_array);
        let failed = checks.into_iter().flatten();
        let failed: Vec<_> = failed.filter_map(|check| check.get("name")).collect();
        ensure!(failed == ["peer"], "one node, and nothing else: {ha}");
        ensure!(ha.get("ready") == Some(&Value::Bool(true)), "{ha}");
        let links = pair.show(left, "ha links")?;
        let state = links.pointer("/links/0/state").and_then(Value::as_str);
        ensure!(state == Some("no-peer"), "{links}");
        let drift = pair.show(left, "ha drift")?.to_string();
        ensure!(drift.contains("programmed with agreed"), "{drift}");
        ensure!(!drift.contains("agreed here"), "{drift}");
        ensure!(!drift.contains(&format!("\"{lost}\"")), "{drift}");
        let cluster = pair.show(left, "cluster")?;
        let quorum = cluster.get("quorum");
        ensure!(quorum.is_none_or(Value::is_null), "{cluster}");
        Ok(true)
    })
}

/// Whether new sessions are translated to ports of even blocks that need no grant, and of odd ones.
///
/// Where the search for a port begins is random: of so many, some would be on either side. The `senders`
/// live on, since a port that is used again keeps its mapping.
fn opens_from(pair: &Pair, senders: &mut Vec<UdpSocket>) -> Result<[bool; 2]> {
    const SESSIONS: usize = 48;
    let server = sockets::udp(&pair.network.server, SERVER.into())?;
    let mut seen = [false; 2];
    for _ in 0..SESSIONS {
        let client = sockets::udp_to(&pair.network.client, server.local_addr()?)?;
        client.send(b"hello")?;
        let (_, source) = sockets::receive(&server)?;
        let block = port_block::of_port(source.port()).context("a port of a block")?;
        ensure!(block < port_block::PREASSIGNED, "{source} needs a grant");
        let half = seen.get_mut(usize::from(block % 2));
        *half.context("even or odd")? = true;
        senders.push(client);
    }
    Ok(seen)
}

/// Two nodes that are ready, made by the operators' commands.
fn founded_and_joined(sandbox: &Sandbox) -> Result<Pair> {
    let files = Files {
        arbiter: Arbiter::Freeze,
        ..Files::default()
    };
    let mut pair = Pair::prepare(sandbox, TANDEM, files)?;
    let site = pair.home(Member::Node(Side::A)).join("site.conf");
    let site = site.to_str().context("a path in Unicode")?;
    let init = ["init", "--cluster", "lab", "--router", "pair"];
    make(
        &pair,
        Side::A,
        &[&init[..], &["--configuration", site]].concat(),
    )?;
    pair.start(Member::Node(Side::A))?;
    pair.active(Side::A)?;
    forgotten(&pair, Side::A)?;
    second_joins(&mut pair)?;
    Ok(pair)
}

/// A machine becomes the second member, and the pair is protected, while the first runs on.
fn second_joins(pair: &mut Pair) -> Result<()> {
    let process = pair.process_id(Member::Node(Side::A))?;
    let printed = wait::until("a token", || {
        let printed = pair.tell(Side::A, &["cluster", "token", "--json"])?;
        ensure!(printed.exit == Some(0), "{}", printed.text);
        Ok(Some(printed.text))
    })?;
    let reply: Value = serde_json::from_str(&printed)?;
    let token = reply.get("token").and_then(Value::as_str);
    make(
        pair,
        Side::B,
        &["join", "--token", token.context("a token")?],
    )?;
    pair.start(Member::Node(Side::B))?;
    wait::until_true("the second member", || {
        Ok(members(pair, Side::A)? == ["a", "b"])
    })?;
    pair.ready()?;
    for side in Side::BOTH {
        pair.verdict(side, "protected")?;
    }
    ensure!(pair.process_id(Member::Node(Side::A))? == process);
    Ok(())
}

/// Makes a machine a member: its `node.toml` and its certificate, in place of the laboratory's files.
fn make(pair: &Pair, side: Side, words: &[&str]) -> Result<()> {
    let home = pair.home(Member::Node(side));
    std::fs::remove_file(home.join("node.toml"))?;
    let (own, peer) = (side.ha0(), side.other().ha0());
    let link = format!("ha0={own}:7401,{peer}:7401,ha0");
    let address = format!("{own}:7400");
    let mut command = Command::new(TANDEM);
    command.arg("cluster").args(words);
    command.args(["--node", side.name(), "--address", &address]);
    command.args(["--ha-link", &link, "--directory"]).arg(&home);
    command.arg("--data-directory").arg(home.join("data"));
    // The authority is asked over the network of the machine.
    let host = pair.host(Member::Node(side));
    let output = host.run(move || command.output())??;
    ensure!(output.status.success(), "{output:?}");
    let file = home.join("node.toml");
    let text = std::fs::read_to_string(&file)?;
    let socket = pair.socket(side);
    let socket = format!("api-socket = \"{}\"\n", socket.display());
    Ok(std::fs::write(file, socket + &text)?)
}

/// Names of the members, as a node lists them.
fn members(pair: &Pair, side: Side) -> Result<Vec<String>> {
    let listed = listed(pair, side)?;
    Ok(listed.into_iter().map(|(name, _)| name).collect())
}

/// The number of `of`, as `side` lists it.
fn member(pair: &Pair, side: Side, of: Side) -> Result<u64> {
    let mut listed = listed(pair, side)?.into_iter();
    let found = listed.find(|(name, _)| name == of.name());
    Ok(found.context("it is a member")?.1)
}

/// Names and numbers.
fn listed(pair: &Pair, side: Side) -> Result<Vec<(String, u64)>> {
    let printed = pair.tell(side, &["cluster", "status", "--json"])?;
    let reply: Value = serde_json::from_str(&printed.text)?;
    let members = reply.get("members").and_then(Value::as_array);
    let each = |member: &Value| {
        let name = member.get("name")?.as_str()?.to_owned();
        Some((name, member.get("id")?.as_u64()?))
    };
    Ok(members.into_iter().flatten().filter_map(each).collect())
}
