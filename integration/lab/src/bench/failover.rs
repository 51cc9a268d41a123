//! A node's failure, put to Tandem and to keepalived with conntrackd: same network, same traffic,
//! same advertisement interval, same way to die.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use comfy_table::Table;
use runtime::Clock;
use serde::Serialize;
use serde_json::json;

use super::pair::Pair;
use super::peer::{self, Peer};
use super::report::{Case, median, object};
use crate::demo::stage::Stage;
use crate::failure::Audience;
use crate::host::Unknown;
use crate::load::Load;
use crate::progress::Progress;
use crate::sandbox::{self, Sandbox};
use crate::topology::SiteOptions;

/// Calm before each failure.
const CALM: Duration = Duration::from_millis(500);

/// How the two are compared.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Exit status:
  0 Tandem's median outage is not above the peer's   1 it is, or the lab failed
  2 a package is missing

Examples:
  tandem lab bench failover
  tandem lab bench failover --advertisement-interval 100 --rounds 3 --json")]
pub struct FailoverArgs {
    /// Failures of each side.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub rounds: u8,
    /// TCP connections through the router.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub connections: u32,
    /// Interval of VRRP advertisements in milliseconds, for both.
    #[arg(long, value_name = "MS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(10..=40_950))]
    pub advertisement_interval: u16,
    /// Print the figures as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
    /// Let the switches flood frames for unknown addresses to the routers: a standby of Linux's own
    /// forwarding then forwards before it has taken over, and ours drops them as RFC 9568 demands.
    #[arg(long)]
    pub flooding: bool,
    /// Measure one side only; then there is no verdict.
    #[arg(long, value_enum)]
    pub only: Option<Contestant>,
}

impl FailoverArgs {
    const fn unknown(&self) -> Unknown {
        if self.flooding {
            Unknown::Flood
        } else {
            Unknown::Block
        }
    }
}

/// One side of the comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Contestant {
    /// Tandem.
    Ours,
    /// keepalived with conntrackd.
    Peer,
}

/// What one failure cost.
#[derive(Clone, Copy, Debug, Serialize)]
struct Cost {
    outage_ms: f64,
    lost: u64,
    tcp_before: u64,
    tcp_after: u64,
    tcp_stall_ms: u64,
}

/// Runs the comparison; to be called before the process starts any thread.
pub fn run(args: &FailoverArgs) -> ExitCode {
    let audience = Audience::of(args.json);
    if args.only != Some(Contestant::Ours)
        && let Err(missing) = peer::check_installed()
    {
        return audience.told(&missing.to_string(), super::MISSING);
    }
    sandbox::perform(audience, |sandbox| compare(args, sandbox))
}

fn compare(args: &FailoverArgs, sandbox: &Sandbox) -> anyhow::Result<bool> {
    let clock = Clock::start();
    let progress = Progress::new(clock);
    let mut costs = [Vec::new(), Vec::new()];
    let [ours, peer] = &mut costs;
    if args.only != Some(Contestant::Peer) {
        progress.step("Tandem");
        let options = SiteOptions {
            advertisement_ms: args.advertisement_interval,
            ..SiteOptions::default()
        };
        let mut pair = Stage::build_with(args.unknown(), sandbox, options, clock, &progress)?;
        *ours = measure(&mut pair, args, clock, &progress).context("Tandem")?;
    }
    if args.only != Some(Contestant::Ours) {
        progress.step(peer::NAME);
        let mut pair = Peer::build(args.unknown(), sandbox, args.advertisement_interval, clock)?;
        *peer = measure(&mut pair, args, clock, &progress).context(peer::NAME)?;
    }
    progress.end();
    println!("\n{}", table(&costs));
    let case = verdict(args, &costs);
    if let Some(pass) = case.pass {
        let word = if pass { "passed" } else { "MISSED" };
        println!("{}: {} {word}", case.name, case.bar);
    }
    if args.json {
        let ceiling = json!({
            "active_down_interval_ms": 3.6 * f64::from(args.advertisement_interval),
            "meaning": "what RFC 9568 alone needs to notice, with priority 100",
        });
        println!(
            "{}",
            object("failover", "ms", std::slice::from_ref(&case), &ceiling)
        );
    }
    Ok(case.pass.unwrap_or(true))
}

/// Puts `rounds` failures to a pair, each to the router that is active then.
fn measure(
    pair: &mut impl Pair,
    args: &FailoverArgs,
    clock: Clock,
    progress: &Progress,
) -> anyhow::Result<Vec<Cost>> {
    pair.wait_until_ready(0, progress)?;
    let load = Load::start(pair.network(), args.connections, clock, progress)?;
    let mut costs = Vec::new();
    for number in 1..=args.rounds {
        let before = load.tcp.report();
        let sessions = u32::try_from(before.alive).unwrap_or(u32::MAX);
        let active = pair.wait_until_ready(sessions, progress)?;
        std::thread::sleep(CALM);
        load.tcp.forget_stalls();
        let failed_at = pair.fail(active)?;
        load.tcp.demand_proof();
        let after = load.watch(clock, progress, || pair.check_running())?;
        let [(probe, _), ..] = load.since(failed_at);
        let cost = Cost {
            outage_ms: probe.longest_gap_ms,
            lost: probe.lost,
            tcp_before: before.alive,
            tcp_after: load.tcp.proven().min(after.alive),
            tcp_stall_ms: after.longest_stall_ms,
        };
        progress.step(&format!(
            "round {number}: router {} died: {:.1} ms without an answer, {} probes lost, {} of {} TCP \
             connections go on",
            active.name(),
            cost.outage_ms,
            cost.lost,
            cost.tcp_after,
            cost.tcp_before
        ));
        costs.push(cost);
        pair.bring_back(active)?;
    }
    Ok(costs)
}

fn verdict(args: &FailoverArgs, costs: &[Vec<Cost>; 2]) -> Case {
    let [ours, peer] = costs.each_ref().map(|costs| median(&outages(costs)));
    let ratio = ours.zip(peer).map(|(ours, peer)| ours / peer);
    let [our_rounds, peer_rounds] = costs;
    Case {
        name: format!("node failure, {} ms adverts", args.advertisement_interval),
        ours,
        peer,
        peer_name: peer::NAME.to_owned(),
        ratio,
        bar: "ours <= peer, and none of our TCP connections dies".to_owned(),
        pass: ratio.map(|ratio| ratio <= 1.0 && all_survived(our_rounds)),
        details: json!({
            "statistic": "median outage",
            "switch": if args.flooding { "floods unknown unicast to routers" } else { "keeps unknown unicast from routers" },
            "ours": our_rounds,
            "peer": peer_rounds,
        }),
    }
}

fn all_survived(costs: &[Cost]) -> bool {
    costs.iter().all(|cost| cost.tcp_after >= cost.tcp_before)
}

fn outages(costs: &[Cost]) -> Vec<f64> {
    costs.iter().map(|cost| cost.outage_ms).collect()
}

fn table(costs: &[Vec<Cost>; 2]) -> Table {
    let mut table = Table::new();
    table.set_header([
        "",
        "outage median",
        "outage worst",
        "probes lost median",
        "probes lost worst",
        "TCP survivors",
        "longest TCP stall",
    ]);
    for (name, costs) in ["Tandem", peer::NAME].into_iter().zip(costs) {
        if costs.is_empty() {
            continue;
        }
        let outages = outages(costs);
        let lost: Vec<_> = costs
            .iter()
            .map(|cost| f64::from(u32::try_from(cost.lost).unwrap_or(u32::MAX)))
            .collect();
        let shown = |figure: Option<f64>, unit: &str| {
            figure.map_or_else(String::new, |figure| format!("{figure:.1}{unit}"))
        };
        let worst = |figures: &[f64]| figures.iter().copied().reduce(f64::max);
        let before: u64 = costs.iter().map(|cost| cost.tcp_before).sum();
        let after: u64 = costs.iter().map(|cost| cost.tcp_after).sum();
        let stall = costs
            .iter()
            .map(|cost| cost.tcp_stall_ms)
            .max()
            .unwrap_or(0);
        table.add_row([
            name.to_owned(),
            shown(median(&outages), " ms"),
            shown(worst(&outages), " ms"),
            shown(median(&lost), ""),
            shown(worst(&lost), ""),
            format!("{after} of {before}"),
            format!("{stall} ms"),
        ]);
    }
    table
}
