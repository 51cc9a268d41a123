//! Two active nodes at once, and what is left when they find each other again; and sessions that are
//! spread over several processors.
//!
//! Each case has a pair of its own; see `failover.rs` for the rules of the house.

mod support;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use integration::{Files, Pair, wait};
use lab::harness::{self, Case};
use lab::host::Change;
use lab::link::Cut;
use lab::sandbox::Sandbox;
use lab::topology::Side;
use serde_json::Value;
use support::Load;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "connections_of_a_silent_split_survive_its_end_whoever_wins",
        connections_of_a_silent_split_survive_its_end_whoever_wins,
    ),
    (
        "sessions_of_three_processors_survive_both_ways",
        sessions_of_three_processors_survive_both_ways,
    ),
];

fn main() -> ExitCode {
    harness::main(CASES)
}

/// Connections of each load.
const CONNECTIONS: u32 = 50;
/// For the cut-off member to have given up on every leader, and to need some time to find one again.
const LONG_ENOUGH: Duration = Duration::from_secs(4);

/// The standby loses everybody while all carriers stay up. It takes over under a higher epoch, and so
/// wins when the split ends: but the connections that began meanwhile are the other node's, and reach
/// it only then.
fn connections_of_a_silent_split_survive_its_end_whoever_wins(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, first, mut load) = under_load(sandbox, Files::default())?;
    let second = first.other();
    let node = pair.network.node(second);
    let ports = [node.lan.clone(), node.wan.clone(), node.ha.clone()];
    for port in &ports {
        pair.network.cut(second, port, Cut::Silent)?;
    }
    pair.network
        .node(second)
        .host
        .apply(&[Change::Down("ha1")])?;
    pair.active(second)?;
    ensure!(pair.ha(first)?.is_active(), "the node in touch has let go");
    load.open(&pair, 2 * CONNECTIONS)?;
    wait::throughout(LONG_ENOUGH, || {
        ensure!(pair.ha(first)?.is_active(), "the node in touch has let go");
        Ok(())
    })?;

    for port in &ports {
        pair.network.restore(second, port)?;
    }
    pair.network.node(second).host.apply(&[Change::Up("ha1")])?;

    wait::until_true("one of the two to give way", || {
        Ok(pair.ha(first)?.is_active() != pair.ha(second)?.is_active())
    })?;
    load.everything_goes_on()?;
    let winner = pair.ready()?;
    let reset = pair.dropped(winner, "mid-flow-tcp")?;
    ensure!(reset == 0, "{reset} packets were answered with a reset");
    pair.copied(load.sessions())?;
    load.stop_unharmed()
}

/// `session-processor-mode manual` on both nodes: flows are spread by hash, and a takeover must find each
/// session on the shard that its packets reach.
fn sessions_of_three_processors_survive_both_ways(sandbox: &Sandbox) -> Result<()> {
    let files = Files {
        edit: &three_processors,
        ..Files::default()
    };
    let (mut pair, first, mut load) = under_load(sandbox, files)?;
    let second = first.other();
    for side in [first, second] {
        let sessions = sessions_of_processors(&pair, side)?;
        ensure!(
            sessions.len() == 3 && sessions.iter().all(|count| *count > 0),
            "node {} has {sessions:?}",
            side.name()
        );
    }

    pair.fail(first)?;
    pair.active(second)?;
    load.everything_goes_on()?;
    load.open(&pair, CONNECTIONS)?;
    pair.network.plug_in(first)?;
    pair.start(lab::cluster::Member::Node(first))?;
    pair.ready()?;
    pair.copied(load.sessions())?;

    pair.fail(second)?;
    pair.active(first)?;
    load.everything_goes_on()?;
    load.stop_unharmed()
}

/// A pair that is ready, its active node, and traffic of which both nodes know every session.
fn under_load(sandbox: &Sandbox, files: Files<'_>) -> Result<(Pair, Side, Load)> {
    let (pair, active) = Pair::start_all(sandbox, TANDEM, files)?;
    let load = Load::start(&pair, CONNECTIONS)?;
    pair.copied(load.sessions())?;
    Ok((pair, active, load))
}

fn three_processors(file: &str, text: &str) -> String {
    if file != "site.conf" {
        return text.to_owned();
    }
    let mut text = text.to_owned();
    for side in Side::BOTH {
        let line = format!("                name  {}\n", side.name());
        let more = "                session-processor-mode  manual\n                \
                    session-processor-count  3\n";
        text = text.replace(&line, &format!("{line}{more}"));
    }
    text
}

fn sessions_of_processors(pair: &Pair, side: Side) -> Result<Vec<u64>> {
    let reply = pair.show(side, "processors")?;
    let processors = reply.get("processors").and_then(Value::as_array);
    let processors = processors.context("processors")?;
    Ok(processors
        .iter()
        .filter_map(|processor| processor.get("sessions")?.as_u64())
        .collect())
}
