//! Two nodes without a witness, of which one goes on alone by the evidence, on real links.
//!
//! Each case has a pair of its own; see `failover.rs` for the rules of the house.

mod support;

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use integration::agreement::Agreement;
use integration::partition::Shared::{Lan, Wan};
use integration::{Files, Pair, wait};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::sandbox::Sandbox;
use lab::topology::files::HOLD_TIME;
use lab::topology::{Arbiter, Side};
use lab::traffic::unix_nanos;
use support::Load;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "the_node_that_is_left_goes_on_and_the_other_one_joins_it",
        the_node_that_is_left_goes_on_and_the_other_one_joins_it,
    ),
    (
        "a_node_that_reaches_nobody_waits_and_follows_the_survivor",
        a_node_that_reaches_nobody_waits_and_follows_the_survivor,
    ),
    (
        "of_two_survivors_one_wins_and_what_the_other_committed_is_kept",
        of_two_survivors_one_wins_and_what_the_other_committed_is_kept,
    ),
    (
        "nobody_goes_on_alone_while_the_lan_still_carries_a_sign_of_the_other",
        nobody_goes_on_alone_while_the_lan_still_carries_a_sign_of_the_other,
    ),
    (
        "a_standby_of_ipv6_alone_is_asked_too",
        a_standby_of_ipv6_alone_is_asked_too,
    ),
];

/// Connections of each load.
const CONNECTIONS: u32 = 20;
/// For evidence to be complete, if it ever will be: silence, and the anchors' answers.
const LONG_ENOUGH: Duration = HOLD_TIME.saturating_mul(3);

fn main() -> ExitCode {
    harness::main(CASES)
}

fn the_node_that_is_left_goes_on_and_the_other_one_joins_it(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, gone) = start(sandbox)?;
    let left = gone.other();
    let mut load = Load::start(&pair, CONNECTIONS)?;
    pair.copied(load.sessions())?;

    pair.kill(Member::Node(gone))?;
    let killed_at = unix_nanos();
    let alone = goes_on(&pair, left)?;
    let took = Duration::from_nanos(unix_nanos().saturating_sub(killed_at));
    ensure!(took >= HOLD_TIME, "it has waited for {took:?} only");
    let by_policy = (2, left.name().into(), "evidence".into(), "policy".into());
    ensure!(alone.survivals == [by_policy], "{alone:?}");
    let ha = pair.verdict(left, "unprotected")?;
    ensure!(
        ha.pointer("/leaders/control") == Some(&left.name().into()),
        "{ha}"
    );
    load.everything_goes_on()?;
    load.open(&pair, 5)?;
    let text = pair.with_tenant("alone")?;
    pair.commit(left, &text)?
        .did("Configuration 2 is committed")?;

    pair.start(Member::Node(gone))?;
    ensure!(pair.ready()? == left, "the role has moved");
    let together = pair.settled()?;
    ensure!(together.lineage == alone.lineage, "{together:?}");
    ensure!(together.survivals == alone.survivals, "{together:?}");
    ensure!(together.candidates.is_empty(), "{together:?}");
    ensure!(pair.both_run_the_same()? == text);
    protected(&pair)?;
    pair.copied(load.sessions())?;
    load.everything_goes_on()?;
    load.stop_unharmed()
}

/// Its links are silent, not down: it stays active, and only the anchors tell it that it is the one that
/// is cut off.
fn a_node_that_reaches_nobody_waits_and_follows_the_survivor(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, cut_off) = start(sandbox)?;
    let left = cut_off.other();
    let load = Load::start(&pair, CONNECTIONS)?;
    pair.copied(load.sessions())?;

    pair.separate(cut_off, &[Lan, Wan])?;
    let alone = goes_on(&pair, left)?;
    let text = pair.with_tenant("alone")?;
    pair.commit(left, &text)?
        .did("Configuration 2 is committed")?;
    pair.agrees(cut_off, "no anchor", |seen| {
        seen.state == "waiting" && seen.says("no anchor answers")
    })?;
    let refused = pair.commit(cut_off, &pair.with_tenant("lost")?)?;
    refused.is(
        1,
        &["nothing was changed", "tandem request cluster survive"],
    )?;
    wait::throughout(LONG_ENOUGH, || {
        let seen = pair.agreement(cut_off)?;
        ensure!(seen.lineage.0 == 1 && seen.state == "waiting", "{seen:?}");
        Ok(())
    })?;
    load.everything_goes_on()?;

    pair.reunite(cut_off, &[Lan, Wan])?;
    pair.ready()?;
    let together = pair.settled()?;
    ensure!(together.lineage == alone.lineage, "{together:?}");
    ensure!(together.candidates.is_empty(), "{together:?}");
    ensure!(pair.both_run_the_same()? == text);
    protected(&pair)?;
    load.everything_goes_on()?;
    load.stop_unharmed()
}

/// One has the LAN and the other the WAN: each reaches an anchor, and neither the other one.
fn of_two_survivors_one_wins_and_what_the_other_committed_is_kept(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, first) = start(sandbox)?;
    let second = first.other();
    pair.separate(first, &[Wan])?;
    pair.separate(second, &[Lan])?;
    let texts = [first, second].map(|side| pair.with_tenant(&format!("of-{}", side.name())));
    let [of_first, of_second] = texts;
    let (of_first, of_second) = (of_first?, of_second?);
    for (side, text) in [(first, &of_first), (second, &of_second)] {
        goes_on(&pair, side)?;
        pair.commit(side, text)?
            .did("Configuration 2 is committed")?;
    }

    pair.reunite(first, &[Wan])?;
    pair.reunite(second, &[Lan])?;
    let owner = pair.ready()?;
    let kept = |seen: &Agreement| !seen.candidates.is_empty();
    pair.agrees(first, "a candidate", kept)?;
    let together = pair.settled()?;
    let (winner, won, lost) = if together.lineage.1 == first.name() {
        (first, &of_first, &of_second)
    } else {
        (second, &of_second, &of_first)
    };
    ensure!(
        together.lineage == (2, winner.name().into()),
        "{together:?}"
    );
    let name = format!("{}-r2", winner.other().name());
    ensure!(together.candidates == [name.clone()], "{together:?}");
    ensure!(pair.both_run_the_same()? == *won, "the winner's text runs");
    for side in Side::BOTH {
        let shown = pair.tell(side, &["show", "config", "--candidate", &name])?;
        shown.did(lost)?;
        raised(&pair, side, &name)?;
    }
    ensure!(pair.ready()? == owner, "the role has moved");

    let drop = ["request", "cluster", "drop-candidate", &name];
    pair.tell(first, &drop)?.did("is forgotten")?;
    protected(&pair)?;
    ensure!(pair.settled()?.candidates.is_empty());
    pair.copied(0)?;
    Ok(())
}

/// `show ha` and the log of a node speak of the candidate.
fn raised(pair: &Pair, side: Side, name: &str) -> Result<()> {
    wait::until("the check of candidates", || {
        let ha = pair.verdict(side, "degraded")?;
        let checks = ha.get("checks").context("checks")?.to_string();
        ensure!(
            checks.contains("\"candidates\"") && checks.contains(name),
            "{checks}"
        );
        Ok(Some(()))
    })?;
    let words = pair.last_words(Member::Node(side), 10_000);
    let told = words.matches("event=\"candidate\"").count();
    ensure!(told == 1, "it was told {told} times:\n{words}");
    Ok(())
}

/// Heartbeats and the members' connection are lost, and with them what a standby says: nothing comes of
/// it on the LAN unless it is asked.
fn nobody_goes_on_alone_while_the_lan_still_carries_a_sign_of_the_other(
    sandbox: &Sandbox,
) -> Result<()> {
    let (mut pair, active) = start(sandbox)?;
    let load = Load::start(&pair, CONNECTIONS)?;
    pair.copied(load.sessions())?;
    let before = pair.agreement(active)?;

    pair.network.cut_ha(active)?;
    for side in Side::BOTH {
        pair.agrees(side, "a sign of the other one", |seen| {
            seen.state == "waiting" && seen.says("the peer is heard on")
        })?;
    }
    let refused = pair.commit(active, &pair.with_tenant("lost")?)?;
    refused.is(1, &["nothing was changed", "is not off, it is heard on"])?;
    let survive = pair.tell(active, &["request", "cluster", "survive"])?;
    survive.is(5, &["the peer is heard on", "--force"])?;
    let thaw = pair.tell(active, &["request", "cluster", "thaw"])?;
    thaw.is(1, &["the peer is heard on", "it is not off"])?;
    pair.nobody_moves(active, LONG_ENOUGH)?;
    for side in Side::BOTH {
        let seen = pair.agreement(side)?;
        ensure!(seen.lineage == before.lineage, "{seen:?}");
    }
    load.everything_goes_on()?;

    pair.network.restore_ha(active)?;
    ensure!(pair.ready()? == active, "the role has moved");
    ensure!(pair.settled()? == before);
    let text = pair.with_tenant("together")?;
    pair.commit(active, &text)?
        .did("Configuration 2 is committed")?;
    ensure!(pair.both_run_the_same()? == text);
    protected(&pair)?;
    load.stop_unharmed()
}

/// The same where the shared interfaces have nothing but IPv6.
fn a_standby_of_ipv6_alone_is_asked_too(sandbox: &Sandbox) -> Result<()> {
    let files = Files {
        arbiter: Arbiter::Survive,
        edit: &|_, text| without_ipv4(text),
        ..Files::default()
    };
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, files)?;
    protected(&pair)?;
    pair.network.cut_ha(active)?;
    for side in Side::BOTH {
        pair.agrees(side, "a sign of the other one", |seen| {
            let heard = ["lan0", "wan0"].map(|on| seen.says(&format!("the peer is heard on {on}")));
            seen.state == "waiting" && heard == [true; 2]
        })?;
    }
    pair.nobody_moves(active, LONG_ENOUGH)
}

/// A configuration whose interfaces have no IPv4 address.
fn without_ipv4(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut words = line.split_whitespace();
        let word = (words.next(), words.next());
        let is_ipv4 = |address: &str| address.parse::<Ipv4Addr>().is_ok();
        if let (Some("address"), Some(address)) = word
            && is_ipv4(address)
        {
            lines.by_ref().find(|line| line.trim() == "exit");
        } else if word != (Some("source-nat"), Some("true")) {
            kept = kept + line + "\n";
        }
    }
    kept
}

/// A pair whose nodes go on alone, and its active node.
fn start(sandbox: &Sandbox) -> Result<(Pair, Side)> {
    let files = Files {
        arbiter: Arbiter::Survive,
        ..Files::default()
    };
    let (pair, active) = Pair::start_all(sandbox, TANDEM, files)?;
    protected(&pair)?;
    Ok((pair, active))
}

fn protected(pair: &Pair) -> Result<()> {
    for side in Side::BOTH {
        pair.verdict(side, "protected")?;
    }
    Ok(())
}

/// Waits until a node has begun a generation of its own and nothing is missing there.
fn goes_on(pair: &Pair, side: Side) -> Result<Agreement> {
    let own = (2, side.name().to_owned());
    pair.agrees(side, "a generation of its own", |seen| {
        seen.lineage == own && seen.state == "settled"
    })
}
