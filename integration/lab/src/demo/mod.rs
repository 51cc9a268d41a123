//! `tandem demo`: a router dies, and no session notices.
//!
//! ```text
//! args ─► stage: network, cluster, traffic ─► rounds: fail, watch, bring back ─► report: film, JSON
//! ```
//! Everything runs in namespaces of its own ([`crate::sandbox`]) and vanishes with them.

mod keep;
mod report;
mod round;
pub(crate) mod stage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use runtime::Clock;

use crate::failure::Audience;
use crate::load::Load;
use crate::progress::Progress;
use crate::sandbox::{self, Sandbox};
use crate::topology::SiteOptions;
use report::DemoReport;
use stage::Stage;

/// What to show.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Exit status:
  0 every session survived   1 a session died, or the lab failed   130 interrupted

Examples:
  tandem demo
  tandem demo --connections 2000 --rounds 4
  tandem demo --json demo.json
  tandem demo --keep                 leave the lab up, with instructions how to look around")]
pub struct DemoArgs {
    /// TCP connections through the router, each exchanging checked bytes ten times a second.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub connections: u32,
    /// Interval of VRRP advertisements in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(10..=40_950))]
    pub advertisement_interval: u16,
    /// How often the active node is killed; every second time it is the one that came back.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub rounds: u8,
    /// Write the figures as one JSON object to FILE as well as to the last line of the output.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
    /// Leave the lab up afterwards, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
}

/// Runs the demonstration; to be called before the process starts any thread.
pub fn run(args: &DemoArgs) -> ExitCode {
    sandbox::perform(Audience::of(args.json.is_some()), |sandbox| {
        Ok(perform(args, sandbox)?.is_clean())
    })
}

fn perform(args: &DemoArgs, sandbox: &Sandbox) -> anyhow::Result<DemoReport> {
    let clock = Clock::start();
    let progress = Progress::new(clock);
    let options = SiteOptions {
        advertisement_ms: args.advertisement_interval,
        ..SiteOptions::default()
    };
    let mut stage = Stage::build(sandbox, options, clock, &progress)?;
    stage.wait_until_ready(&progress)?;
    let network = stage.cluster.network();
    let traffic = Load::start(network, args.connections, clock, &progress)?;
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        let round = round::play(&mut stage, &traffic, number, &progress)?;
        progress.note(&round.film());
        rounds.push(round);
        // Who stays to look around finds a whole pair.
        if number < args.rounds || args.keep {
            round::bring_back(&mut stage, &mut rounds, &progress)?;
        }
    }
    let report = DemoReport::new(args, rounds, traffic.stop()?);
    progress.end();
    println!("{}", report.verdict());
    if let Some(file) = &args.json {
        write_json(&report, file)?;
    }
    if args.keep {
        keep::stay(&stage, sandbox)?;
    }
    Ok(report)
}

/// The last line of the output is the object; a file gets the same line.
fn write_json(report: &DemoReport, file: &Path) -> anyhow::Result<()> {
    let line = serde_json::to_string(&report.object()).context("the report as JSON")?;
    if file != Path::new("-") {
        std::fs::write(file, format!("{line}\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    println!("{line}");
    Ok(())
}
