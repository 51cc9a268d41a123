//! `tandem configure commit` on a running pair: who may, what becomes of it, and what a restart does.

use std::process::{Command, ExitCode, Output};

use anyhow::{Context as _, Result, ensure};
use integration::{Files, Pair, wait};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::sandbox::Sandbox;
use lab::topology::Side;
use serde_json::Value;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "a_commit_runs_on_both_nodes_and_a_restart_does_not_bring_the_old_one_back",
        a_commit_runs_on_both_nodes_and_a_restart_does_not_bring_the_old_one_back,
    ),
    (
        "what_is_stale_wrong_or_about_others_changes_nothing",
        what_is_stale_wrong_or_about_others_changes_nothing,
    ),
    (
        "whoever_works_on_the_router_says_so_and_both_nodes_call_it_maintenance",
        whoever_works_on_the_router_says_so_and_both_nodes_call_it_maintenance,
    ),
    (
        "without_a_leader_nothing_is_changed_and_without_a_quorum_nobody_knows",
        without_a_leader_nothing_is_changed_and_without_a_quorum_nobody_knows,
    ),
];

/// Commits before the restarts.
const MANY: u64 = 30;

/// Exit codes of the command.
const REFUSED: i32 = 1;
const STALE: i32 = 6;
const UNKNOWN: i32 = 7;

fn main() -> ExitCode {
    harness::main(CASES)
}

fn a_commit_runs_on_both_nodes_and_a_restart_does_not_bring_the_old_one_back(
    sandbox: &Sandbox,
) -> Result<()> {
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let standby = active.other();
    let first = pair.show(standby, "config")?;
    ensure!(number(&first, "revision")? == 1, "{first}");
    let text = with_tenant(&pair, "guests")?;

    let output = commit(&pair, standby, &text, &["--base", "1", "--json"])?;
    ensure!(output.status.success(), "{output:?}");
    let reply: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        number(&reply, "revision")? == 2 && number(&reply, "base")? == 1,
        "{reply}"
    );
    // Whoever was told that it runs sees it, there and then.
    ensure!(reply.get("in_force") == Some(&Value::from(true)), "{reply}");
    let shown = pair.show(standby, "config")?;
    ensure!(number(&shown, "revision")? == 2, "{shown}");
    let author = shown.get("author").and_then(Value::as_str);
    ensure!(
        author.is_some_and(|author| author.starts_with("uid ")),
        "{shown}"
    );
    both_run(&pair, 2, &text)?;

    // A log that takes its time to be read again.
    for number in 0..MANY {
        let text = with_tenant(&pair, &format!("guests-{number}"))?;
        let output = commit(&pair, active, &text, &[])?;
        ensure!(output.status.success(), "{output:?}");
    }
    let last = 3 + MANY;

    // It holds VRRP settings that a running node cannot change, and says so.
    let slower = text.replace("advertisement-interval  50", "advertisement-interval  60");
    ensure!(slower != text, "the site has no such interval");
    let output = commit(&pair, active, &slower, &[])?;
    let page = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{page}");
    let committed = format!("Configuration {last} is committed, based on {}", last - 1);
    for words in [&*committed, "VRRP", "No --base was given"] {
        ensure!(page.contains(words), "{words}: {page}");
    }

    // Their files still say what the cluster began with.
    for side in Side::BOTH {
        pair.terminate(Member::Node(side))?;
        pair.start(Member::Node(side))?;
        pair.ready()?;
        both_run(&pair, last, &slower)?;
        let words = pair.last_words(Member::Node(side), 1_000);
        ensure!(
            words.contains("is not the configuration in force"),
            "{words}"
        );
        // Not even for a moment has it begun with an older one.
        let begun = words
            .lines()
            .rfind(|line| line.contains("configuration revision="));
        ensure!(
            begun.is_some_and(|line| line.ends_with(&format!("configuration revision={last}"))),
            "{words}"
        );
    }
    Ok(())
}

fn what_is_stale_wrong_or_about_others_changes_nothing(sandbox: &Sandbox) -> Result<()> {
    let (pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let text = with_tenant(&pair, "one")?;
    ensure!(
        commit(&pair, active, &text, &["--base", "1"])?
            .status
            .success()
    );

    let late = with_tenant(&pair, "two")?;
    let output = told(&pair, active.other(), &late, &["--base", "1", "--json"])?;
    ensure!(output.status.code() == Some(STALE), "{output:?}");
    let object: Value = serde_json::from_slice(&output.stdout)?;
    let since = object.pointer("/since/0").context("somebody is named")?;
    ensure!(number(since, "revision")? == 2, "{object}");
    ensure!(
        number(&object, "revision")? == 2 && object.pointer("/error/exit").is_some(),
        "{object}"
    );
    let output = told(&pair, active, &late, &["--base", "7"])?;
    ensure!(output.status.code() == Some(STALE), "{output:?}");

    // Valid in itself, and not about this cluster: only the node can know.
    let foreign = text.replace("router  pair", "router  pear").replace(
        "name  pair\n            redundancy",
        "name  pear\n            redundancy",
    );
    let output = commit(&pair, active, &foreign, &[])?;
    let words = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(REFUSED), "{words}");
    ensure!(words.contains("has no router pair"), "{words}");

    let wrong = text.replace("vrid  10", "vrid  256");
    let output = commit(&pair, active, &wrong, &[])?;
    ensure!(output.status.code() == Some(REFUSED), "{output:?}");
    both_run(&pair, 2, &text)
}

fn without_a_leader_nothing_is_changed_and_without_a_quorum_nobody_knows(
    sandbox: &Sandbox,
) -> Result<()> {
    let (mut pair, _) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let text = with_tenant(&pair, "lonely")?;
    let leader = leader(&pair, Side::A)?.context("there is a leader")?;
    pair.kill(Member::Witness)?;
    pair.kill(Member::Node(leader))?;
    let other = leader.other();
    wait::until_true("the survivor to see no leader", || {
        Ok(self::leader(&pair, other)?.is_none())
    })?;
    let output = commit(&pair, other, &text, &["--base", "1"])?;
    let words = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(REFUSED), "{words}");
    ensure!(words.contains("nothing was changed"), "{words}");
    pair.start(Member::Witness)?;
    pair.start(Member::Node(leader))?;
    pair.ready()?;
    ensure!(number(&pair.show(other, "config")?, "revision")? == 1);

    // A leader that has just lost everybody else takes it, and cannot say what becomes of it.
    let leader = self::leader(&pair, other)?.context("there is a leader again")?;
    pair.kill(Member::Witness)?;
    pair.kill(Member::Node(leader.other()))?;
    let output = commit(&pair, leader, &text, &["--base", "1", "--json"])?;
    ensure!(output.status.code() == Some(UNKNOWN), "{output:?}");
    let object: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        object.pointer("/error/exit") == Some(&Value::from(UNKNOWN)),
        "{object}"
    );
    pair.start(Member::Witness)?;
    pair.start(Member::Node(leader.other()))?;
    pair.ready()?;
    // It was written down, so it comes later here; trying again finds that out and changes nothing.
    wait::until_true("the commit to come after all", || {
        Ok(number(&pair.show(leader, "config")?, "revision")? == 2)
    })?;
    both_run(&pair, 2, &text)?;
    let output = told(&pair, leader, &text, &["--base", "1"])?;
    ensure!(output.status.code() == Some(STALE), "{output:?}");
    Ok(())
}

/// The site's file with one more tenant.
fn whoever_works_on_the_router_says_so_and_both_nodes_call_it_maintenance(
    sandbox: &Sandbox,
) -> Result<()> {
    let (pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let text = with_tenant(&pair, "guests")?;
    let name = "            name  pair\n";
    let working = text.replacen(
        name,
        &format!("{name}            maintenance-mode  true\n"),
        1,
    );
    ensure!(working != text, "the router has a name");
    for (text, expected) in [(&working, true), (&text, false)] {
        let output = commit(&pair, active, text, &[])?;
        ensure!(output.status.success(), "{output:?}");
        for side in Side::BOTH {
            // What else is wrong with the machine that runs this is its own affair.
            wait::until("the verdict to follow", || {
                let verdict = pair.show(side, "ha")?.get("verdict").cloned();
                let said = verdict == Some(Value::from("maintenance"));
                ensure!(said == expected, "{verdict:?}");
                Ok(Some(()))
            })?;
        }
    }
    Ok(())
}

fn with_tenant(pair: &Pair, name: &str) -> Result<String> {
    let file = pair.home(Member::Node(Side::A)).join("site.conf");
    let text = std::fs::read_to_string(file)?;
    let tenant = format!("        tenant  {name}\n            name  {name}\n        exit\n");
    let place = text.find("        service").context("there are services")?;
    let (before, after) = text.split_at(place);
    Ok([before, &tenant, after].concat())
}

fn commit(pair: &Pair, side: Side, text: &str, words: &[&str]) -> Result<Output> {
    let file = pair.directory().join("next.conf");
    std::fs::write(&file, text)?;
    let mut command = Command::new(TANDEM);
    command.args(["configure", "commit"]).arg(&file).args(words);
    command.arg("--socket").arg(pair.socket(side));
    Ok(command.output()?)
}

/// Commits what cannot be done, and again while nobody knows whether it is: on a machine that is busy
/// with something else an answer may come too late to say whose commit made the base old.
fn told(pair: &Pair, side: Side, text: &str, words: &[&str]) -> Result<Output> {
    wait::until("an answer to a commit", || {
        let output = commit(pair, side, text, words)?;
        Ok(Some(output).filter(|output| output.status.code() != Some(UNKNOWN)))
    })
}

/// Waits until both nodes run `text` as that revision.
fn both_run(pair: &Pair, revision: u64, text: &str) -> Result<()> {
    for side in Side::BOTH {
        let what = format!("node {} to run {revision}", side.name());
        wait::until(&what, || {
            let shown = pair.show(side, "config")?;
            let runs = number(&shown, "revision")?;
            ensure!(runs == revision, "it runs {runs}");
            ensure!(
                shown.get("text").and_then(Value::as_str) == Some(text),
                "another text: {shown}"
            );
            Ok(Some(()))
        })?;
    }
    Ok(())
}

/// Who leads the control group, as `side` sees it.
fn leader(pair: &Pair, side: Side) -> Result<Option<Side>> {
    let cluster = pair.show(side, "cluster")?;
    let name = cluster.pointer("/groups/0/leader").and_then(Value::as_str);
    Ok(Side::BOTH
        .into_iter()
        .find(|side| Some(side.name()) == name))
}

fn number(object: &Value, name: &str) -> Result<u64> {
    let number = object.get(name).and_then(Value::as_u64);
    number.with_context(|| format!("no {name} in {object}"))
}
