//! Several HA links at once: the loss of all but one is not felt, by heartbeats or by agreement.

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

const CASES: &[(&str, Case)] = &[(
    "the_loss_of_either_link_is_shown_and_not_felt",
    the_loss_of_either_link_is_shown_and_not_felt,
)];

fn main() -> ExitCode {
    harness::main(CASES)
}

fn the_loss_of_either_link_is_shown_and_not_felt(sandbox: &Sandbox) -> Result<()> {
    let files = Files {
        edit: &listening_on_both_links,
        ..Files::default()
    };
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, files)?;
    let mut load = Load::start(&pair, 20)?;
    let epoch = pair.ha(active)?.epoch;
    let standby = active.other();
    let links = |pair: &Pair, expected: [&str; 2]| states(pair, expected);
    links(&pair, ["up", "up"])?;
    says(&pair, active, "protected")?;

    // The network that the witness is on, for the standby alone: agreement goes over the other link.
    let node = pair.network.node(standby);
    pair.network.cut(standby, &node.ha, Cut::Silent)?;
    links(&pair, ["down", "up"])?;
    says(&pair, active, "degraded")?;
    load.open(&pair, 10)?;
    pair.copied(load.sessions())?;
    pair.nobody_moves(active, Duration::from_secs(1))?;
    let node = pair.network.node(standby);
    pair.network.restore(standby, &node.ha)?;
    links(&pair, ["up", "up"])?;
    says(&pair, active, "protected")?;

    // The direct wire.
    let host = &pair.network.node(standby).host;
    host.apply(&[Change::Down("ha1")])?;
    links(&pair, ["up", "down"])?;
    load.open(&pair, 10)?;
    pair.copied(load.sessions())?;
    pair.nobody_moves(active, Duration::from_secs(1))?;
    pair.network
        .node(standby)
        .host
        .apply(&[Change::Up("ha1")])?;
    links(&pair, ["up", "up"])?;

    ensure!(pair.ha(active)?.epoch == epoch, "the epoch has moved");
    load.everything_goes_on()?;
    load.stop_unharmed()
}

/// Both nodes listen for each other on both links.
fn listening_on_both_links(name: &str, text: &str) -> String {
    if name != "node.toml" {
        return text.to_owned();
    }
    let mut text = text.to_owned();
    for side in Side::BOTH {
        let first = format!("\"{}:7400\"", side.ha0());
        let both = format!("{first}, \"{}:7400\"", side.ha1());
        text = text.replacen(&first, &both, 1);
    }
    text
}

/// Waits until both nodes show the links in these states, with figures.
fn states(pair: &Pair, expected: [&str; 2]) -> Result<()> {
    wait::until_true(&format!("the links to be {expected:?}"), || {
        for side in Side::BOTH {
            let reply = pair.show(side, "ha links")?;
            let links = reply.get("links").and_then(Value::as_array);
            let links = links.context("links")?;
            let word = |link: &Value| Some(link.get("state")?.as_str()?.to_owned());
            let seen: Vec<_> = links.iter().filter_map(word).collect();
            ensure!(seen == expected, "{}: {seen:?}", side.name());
            for link in links {
                let number = |name: &str| link.get(name).and_then(Value::as_u64);
                ensure!(
                    number("sent") > Some(0) && number("heard") > Some(0),
                    "{link}"
                );
                // Those that waited in the kernel for a link to come back may arrive behind newer ones: counted as
                // lost before, and not taken then.
                ensure!(number("undecoded") <= number("lost"), "{link}");
                ensure!(number("rtt_us").is_some(), "{link}");
            }
        }
        Ok(true)
    })
}

fn says(pair: &Pair, side: Side, expected: &str) -> Result<()> {
    wait::until_true(&format!("the verdict {expected}"), || {
        let reply = pair.show(side, "ha")?;
        let verdict = reply.get("verdict").and_then(Value::as_str);
        let checks = reply.get("checks").map(ToString::to_string);
        ensure!(verdict == Some(expected), "{verdict:?}: {checks:?}");
        Ok(true)
    })
}
