//! The operator's commands against a running pair: what people read and what programs read.

use std::process::{Command, ExitCode, Output};

use anyhow::{Context as _, Result, ensure};
use integration::sockets::{bulk, tcp_pair};
use integration::{Files, Pair};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::sandbox::Sandbox;
use lab::topology::Side;
use lab::topology::pair_witness::SERVER;
use serde_json::Value;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "every_view_is_one_object_for_programs_and_a_page_for_people",
        every_view_is_one_object_for_programs_and_a_page_for_people,
    ),
    (
        "both_nodes_tell_the_same_story",
        both_nodes_tell_the_same_story,
    ),
    (
        "the_shown_configuration_can_be_loaded_again",
        the_shown_configuration_can_be_loaded_again,
    ),
    (
        "a_wrong_configuration_is_refused_with_every_problem_and_its_place",
        a_wrong_configuration_is_refused_with_every_problem_and_its_place,
    ),
    (
        "a_node_that_is_not_there_is_told_by_exit_code_three",
        a_node_that_is_not_there_is_told_by_exit_code_three,
    ),
];

fn main() -> ExitCode {
    harness::main(CASES)
}

/// Every view, and a word that its page must have while one connection runs through the pair.
const VIEWS: [(&str, &str); 11] = [
    ("ha", "Ready"),
    ("vrrp", "192.0.2."),
    ("interfaces", "lan0"),
    ("sessions", "203.0.113.10"),
    ("cluster", "witness"),
    ("fib", "203.0.113.0/24"),
    ("drops", "standby"),
    ("config", "authority"),
    ("neighbors", "203.0.113.10"),
    ("processors", "SessionProc-00"),
    ("version", env!("CARGO_PKG_VERSION")),
];

fn every_view_is_one_object_for_programs_and_a_page_for_people(sandbox: &Sandbox) -> Result<()> {
    let (pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let (mut client, mut server, _) = tcp_pair(&pair.network, SERVER.into())?;
    bulk(&mut client, &mut server)?;
    pair.copied(1)?;
    for (view, word) in VIEWS {
        for side in Side::BOTH {
            let output = show(&pair, side, &[view, "--json"])?;
            ensure!(output.status.success(), "{view}: {output:?}");
            let text = String::from_utf8(output.stdout)?;
            ensure!(
                text.ends_with('\n') && text.lines().count() == 1,
                "{view}: {text:?}"
            );
            let object: Value = serde_json::from_str(&text)?;
            let node = object.get("node").and_then(Value::as_str);
            ensure!(node == Some(side.name()), "{view}: {object}");
            ensure!(
                object.get("unix_ms").is_some_and(Value::is_u64),
                "{view}: {object}"
            );
        }
        let every = if view == "drops" {
            "--all"
        } else {
            "--rows=all"
        };
        let output = show(&pair, active, &[view, every])?;
        ensure!(output.status.success(), "{view}: {output:?}");
        let page = String::from_utf8(output.stdout)?;
        ensure!(
            page.contains(word),
            "{view} does not speak of {word}:\n{page}"
        );
        // What surrounds a page that can be loaded goes to the other stream.
        let around = String::from_utf8(output.stderr)? + &page;
        ensure!(around.contains("Completed in"), "{view}:\n{around}");
    }
    Ok(())
}

fn both_nodes_tell_the_same_story(sandbox: &Sandbox) -> Result<()> {
    let (pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let (client, _server, seen) = tcp_pair(&pair.network, SERVER.into())?;
    pair.copied(1)?;
    let port = client.local_addr()?.port().to_string();
    let [mine, copy] = [active, active.other()].map(|side| {
        let output = show(&pair, side, &["sessions", "--port", &port, "--json"])?;
        let reply: Value = serde_json::from_slice(&output.stdout)?;
        let session = reply
            .pointer("/sessions/0")
            .context("the session is shown")?;
        let words = [
            "/id",
            "/service",
            "/tenant",
            "/protocol",
            "/epoch",
            "/owner",
        ];
        let forward = ["/forward/src_ip", "/forward/src_port", "/forward/nat_port"];
        let value = |pointer: &&str| session.pointer(pointer).cloned().unwrap_or_default();
        let parts: Vec<_> = words.iter().chain(&forward).map(value).collect();
        anyhow::Ok(parts)
    });
    let (mine, copy) = (mine?, copy?);
    ensure!(mine == copy, "{mine:?} is {copy:?} on the standby");
    ensure!(
        mine.contains(&Value::from(seen.port())),
        "{mine:?}, and the server sees {seen}"
    );

    let of = |side: Side, view: &str, pointer: &str| {
        let found = pair.show(side, view)?.pointer(pointer).cloned();
        found.with_context(|| format!("{view} has no {pointer}"))
    };
    for (view, pointer) in [
        ("cluster", "/groups/0/leader"),
        ("cluster", "/groups/1/leader"),
        ("config", "/revision"),
        ("config", "/text"),
        ("ha", "/epoch"),
        ("fib", "/routes"),
    ] {
        let [a, b] = Side::BOTH.map(|side| of(side, view, pointer));
        let (a, b) = (a?, b?);
        ensure!(a == b, "{view}{pointer}: a says {a}, b says {b}");
    }
    Ok(())
}

fn the_shown_configuration_can_be_loaded_again(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let shown = show(&pair, active, &["config"])?.stdout;
    let file = pair.directory().join("shown.conf");
    std::fs::write(&file, &shown)?;
    let output = Command::new(TANDEM).arg("validate").arg(&file).output()?;
    ensure!(output.status.success(), "{output:?}");

    // A new cluster starts with it and shows the same again.
    for member in Member::ALL {
        pair.kill(member)?;
        std::fs::remove_dir_all(pair.home(member).join("data"))?;
        if let Member::Node(_) = member {
            std::fs::copy(&file, pair.home(member).join("site.conf"))?;
        }
    }
    for member in Member::ALL {
        pair.start(member)?;
    }
    let active = pair.ready()?;
    let again = show(&pair, active, &["config"])?.stdout;
    ensure!(again == shown, "{}", String::from_utf8_lossy(&again));
    Ok(())
}

fn a_wrong_configuration_is_refused_with_every_problem_and_its_place(
    sandbox: &Sandbox,
) -> Result<()> {
    let pair = Pair::prepare(sandbox, TANDEM, Files::default())?;
    let file = pair.home(Member::Node(Side::A)).join("site.conf");
    let text = std::fs::read_to_string(&file)?;
    let wrong = text.replacen("vrid  10", "vrid  256", 1).replacen(
        "prefix-length  24",
        "prefix-length  33",
        1,
    );
    std::fs::write(&file, wrong)?;
    let output = Command::new(TANDEM)
        .args(["validate", "--json"])
        .arg(&file)
        .output()?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().next_back().context("there is a line")?;
    let report: Value = serde_json::from_str(last)?;
    let problems = report.get("problems").and_then(Value::as_array);
    let problems = problems.context("there are problems")?;
    for value in ["256", "33"] {
        let place = |problem: &Value| {
            problem.get("value").and_then(Value::as_str) == Some(value)
                && problem.get("line").is_some_and(Value::is_u64)
        };
        ensure!(
            problems.iter().any(place),
            "nothing about {value}: {report}"
        );
    }
    Ok(())
}

fn a_node_that_is_not_there_is_told_by_exit_code_three(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let nowhere = sandbox.directory().join("nobody.sock");
    let output = Command::new(TANDEM)
        .args(["show", "ha", "--socket"])
        .arg(&nowhere)
        .output()?;
    let told = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(3), "{:?}", output.status);
    ensure!(told.contains("nobody.sock"), "{told}");

    // Its socket is still there.
    pair.kill(Member::Node(active))?;
    for view in ["ha", "sessions"] {
        let output = show(&pair, active, &[view, "--json"])?;
        ensure!(output.status.code() == Some(3), "{output:?}");
        // A program reads why on the last line; a person does on the other stream.
        let object: Value = serde_json::from_slice(&output.stdout)?;
        let exit = object.pointer("/error/exit").and_then(Value::as_u64);
        ensure!(exit == Some(3) && !output.stderr.is_empty(), "{output:?}");
    }
    let usage = Command::new(TANDEM).args(["show", "everything"]).output()?;
    ensure!(usage.status.code() == Some(2), "{usage:?}");
    Ok(())
}

fn show(pair: &Pair, side: Side, words: &[&str]) -> Result<Output> {
    let mut command = Command::new(TANDEM);
    command.arg("show").args(words);
    command.arg("--socket").arg(pair.socket(side));
    Ok(command.output()?)
}
