//! A cluster as its operators build it, with certificates, and a member that is let go for good.
//!
//! Each case has a pair of its own; see `failover.rs` for the rules of the house.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use integration::{Files, Pair, wait};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::sandbox::Sandbox;
use lab::topology::{Arbiter, Side};
use serde_json::Value;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[(
    "a_lost_node_is_removed_only_after_somebody_has_said_who_goes_on",
    a_lost_node_is_removed_only_after_somebody_has_said_who_goes_on,
)];

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
    ensure!(seen.lineage.0 == 2 && seen.state == "settled", "{seen:?}");
    ensure!(members(&pair, left)? == ["a"], "it is back");
    ensure!(pair.runs(left)? == text);
    pair.check_running()
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
    let printed = wait::until("a token", || {
        let printed = pair.tell(Side::A, &["cluster", "token", "--json"])?;
        ensure!(printed.exit == Some(0), "{}", printed.text);
        Ok(Some(printed.text))
    })?;
    let reply: Value = serde_json::from_str(&printed)?;
    let token = reply.get("token").and_then(Value::as_str);
    make(
        &pair,
        Side::B,
        &["join", "--token", token.context("a token")?],
    )?;
    pair.start(Member::Node(Side::B))?;
    wait::until_true("the second member", || {
        Ok(members(&pair, Side::A)? == ["a", "b"])
    })?;
    // Its links are read at start.
    pair.terminate(Member::Node(Side::A))?;
    pair.start(Member::Node(Side::A))?;
    pair.ready()?;
    Ok(pair)
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
    let printed = pair.tell(side, &["cluster", "status", "--json"])?;
    let reply: Value = serde_json::from_str(&printed.text)?;
    let members = reply.get("members").and_then(Value::as_array);
    let name = |member: &Value| Some(member.get("name")?.as_str()?.to_owned());
    Ok(members.into_iter().flatten().filter_map(name).collect())
}
