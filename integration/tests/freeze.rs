//! Two nodes without a witness that leave it to an operator, and the operator who takes over.
//!
//! Each case has a pair of its own; see `failover.rs` for the rules of the house.

mod support;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use integration::agreement::Agreement;
use integration::partition::Shared::{Lan, Wan};
use integration::{Disk, Files, Pair, wait};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::sandbox::Sandbox;
use lab::topology::{Arbiter, Side};
use serde_json::Value;
use support::Load;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "a_frozen_node_goes_on_by_an_operators_word_and_says_whose",
        a_frozen_node_goes_on_by_an_operators_word_and_says_whose,
    ),
    (
        "who_gave_way_to_a_node_that_died_goes_on_with_what_it_had",
        who_gave_way_to_a_node_that_died_goes_on_with_what_it_had,
    ),
];

/// Of the one that wins by their number.
const COMMITS: u64 = 8;
/// Exit status of what was not done.
const REFUSED: i32 = 1;

const SURVIVE: [&str; 3] = ["request", "cluster", "survive"];
const FORCE: [&str; 4] = ["request", "cluster", "survive", "--force"];
const THAW: [&str; 3] = ["request", "cluster", "thaw"];

fn main() -> ExitCode {
    harness::main(CASES)
}

fn a_frozen_node_goes_on_by_an_operators_word_and_says_whose(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, first) = Pair::start_all(sandbox, TANDEM, frozen_pair())?;
    let second = first.other();
    let load = Load::start(&pair, 10)?;
    pair.copied(load.sessions())?;

    // Nothing is missing.
    pair.tell(first, &SURVIVE)?
        .is(REFUSED, &["nothing to survive"])?;
    pair.tell(first, &FORCE)?
        .is(REFUSED, &["nothing to survive"])?;
    pair.tell(first, &THAW)?.is(REFUSED, &["has not frozen"])?;

    pair.kill(Member::Node(second))?;
    frozen(&pair, first)?;
    pair.tell(first, &SURVIVE)?
        .did("Generation 2 of the control group")?;
    let alone = pair.agrees(first, "a generation of its own", |seen| {
        seen.lineage.0 == 2 && seen.state == "settled"
    })?;
    let by = alone
        .survivals
        .iter()
        .map(|(generation, founder, reason, by)| {
            (
                *generation,
                founder.as_str(),
                reason.as_str(),
                by.starts_with("uid "),
            )
        });
    ensure!(by.eq([(2, first.name(), "operator", true)]), "{alone:?}");
    let text = pair.with_tenant("alone")?;
    pair.commit(first, &text)?
        .did("Configuration 2 is committed")?;
    // Once is enough.
    pair.tell(first, &SURVIVE)?
        .is(REFUSED, &["nothing to survive"])?;
    pair.tell(first, &THAW)?.is(REFUSED, &["has not frozen"])?;
    load.everything_goes_on()?;

    pair.start(Member::Node(second))?;
    ensure!(pair.ready()? == first, "the role has moved");
    ensure!(pair.settled()? == alone);
    ensure!(pair.both_run_the_same()? == text);
    for side in Side::BOTH {
        pair.verdict(side, "protected")?;
    }

    // The other way round, by the other word.
    pair.kill(Member::Node(first))?;
    pair.active(second)?;
    frozen(&pair, second)?;
    pair.tell(second, &THAW)?
        .did("Generation 3 of the control group")?;
    pair.start(Member::Node(first))?;
    ensure!(pair.ready()? == second, "the role has moved");
    let together = pair.settled()?;
    let last = together.survivals.last();
    let thaw = last.is_some_and(|(generation, founder, reason, _)| {
        (*generation, founder.as_str(), reason.as_str()) == (3, second.name(), "thaw")
    });
    ensure!(thaw && together.survivals.len() == 2, "{together:?}");
    load.everything_goes_on()?;
    load.stop_unharmed()
}

/// An operator on each side says that the other one is off. The winner's disk is full, so that it can take
/// nobody in; then it dies. The loser has emptied its place for it, and is all that is left.
fn who_gave_way_to_a_node_that_died_goes_on_with_what_it_had(sandbox: &Sandbox) -> Result<()> {
    let mut pair = Pair::prepare(sandbox, TANDEM, frozen_pair())?;
    let (winner, loser) = (Side::A, Side::B);
    let disk = Disk::mount(&pair.home(Member::Node(winner)).join("data"))?;
    for side in Side::BOTH {
        pair.start(Member::Node(side))?;
    }
    pair.ready()?;
    pair.separate(winner, &[Lan, Wan])?;
    for side in Side::BOTH {
        frozen(&pair, side)?;
        pair.tell(side, &SURVIVE)?.did("Generation 2")?;
    }
    let own = pair.with_tenant("the-losers")?;
    pair.commit(loser, &own)?
        .did("Configuration 2 is committed")?;
    let mut theirs = String::new();
    for number in 0..COMMITS {
        theirs = pair.with_tenant(&format!("the-winners-{number}"))?;
        pair.commit(winner, &theirs)?.did("is committed")?;
    }
    disk.fill()?;
    pair.reunite(winner, &[Lan, Wan])?;
    let gave_way = (2, winner.name().to_owned());
    pair.agrees(loser, "the winner's lineage", |seen| {
        seen.lineage == gave_way
    })?;
    // It may well have got everything; a member it is not.
    wait::until_true("the winner's configurations to arrive", || {
        let shown = pair.show(loser, "config")?;
        let known = shown.get("committed_revision").and_then(Value::as_u64);
        Ok(known == Some(COMMITS + 1))
    })?;
    pair.kill(Member::Node(winner))?;
    disk.empty()?;
    pair.active(loser)?;

    // It runs what it ran, and says how to go on.
    ensure!(pair.runs(loser)? == own);
    frozen(&pair, loser)?;
    pair.tell(loser, &SURVIVE)?
        .did("has begun, founded by b with configuration 2.")?;
    ensure!(pair.runs(loser)? == own);
    let text = pair.with_tenant("after-all")?;
    pair.commit(loser, &text)?
        .did("Configuration 3 is committed")?;

    // What the dead winner had committed alone is lost no more than anything else.
    pair.start(Member::Node(winner))?;
    pair.ready()?;
    let all = |seen: &Agreement| u64::try_from(seen.candidates.len()) == Ok(COMMITS);
    pair.agrees(loser, "the winner's configurations", all)?;
    let together = pair.settled()?;
    ensure!(together.lineage == (3, loser.name().into()), "{together:?}");
    ensure!(pair.both_run_the_same()? == text);
    let last = format!("{}-r{}", winner.name(), COMMITS + 1);
    let shown = ["show", "config", "--candidate", &last];
    pair.tell(loser, &shown)?.did(&theirs)
}

fn frozen_pair() -> Files<'static> {
    Files {
        arbiter: Arbiter::Freeze,
        ..Files::default()
    }
}

/// It has frozen, refuses what it cannot do for sure, and names the way on.
fn frozen(pair: &Pair, side: Side) -> Result<()> {
    pair.agrees(side, "the freeze and its end", |seen| {
        seen.state == "frozen" && seen.says("tandem request cluster thaw")
    })?;
    let ha = pair.verdict(side, "no-quorum")?;
    // Either word does it, but only one is named, wherever an operator looks.
    let next = ha.get("checks").map(ToString::to_string);
    let named = next.is_some_and(|next| {
        next.contains("tandem request cluster thaw")
            && !next.contains("tandem request cluster survive")
    });
    ensure!(named, "{ha}");
    let refused = pair.commit(side, &pair.with_tenant("lost")?)?;
    refused.is(
        REFUSED,
        &["nothing was changed", "tandem request cluster thaw"],
    )
}
