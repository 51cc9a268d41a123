//! `tandem lab sim`: agreement put to the proof, seed by seed, on all processors.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use ::sim::campaign::{Campaign, Report, StopAt};
use ::sim::{Seeds, Topology, Trace};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use comfy_table::Table;
use runtime::Clock;
use serde_json::json;

use crate::progress::Progress;

/// What is tried.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Exit status:
  0 everything held in every run   1 something did not; the seed and how to see it again are printed

Examples:
  tandem lab sim --seeds 500
  tandem lab sim --seeds 1 --first-seed 4711 --topology pair --trace")]
pub struct SimArgs {
    /// Runs of each topology; each has a seed of its own.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub first_seed: u64,
    /// Which clusters.
    #[arg(long, value_enum, default_value_t = Clusters::All)]
    pub topology: Clusters,
    /// Print everything that happened in the first run.
    #[arg(long)]
    pub trace: bool,
    /// Print the figures as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// Which clusters are tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Clusters {
    /// Two nodes and a witness.
    PairWitness,
    /// Two nodes alone: without either nothing is agreed on.
    Pair,
    /// Two nodes alone, of which one may go on without the other.
    PairSurvivor,
    /// One after the other.
    All,
}

impl Clusters {
    fn topologies(self) -> Vec<Topology> {
        match self {
            Self::PairWitness => vec![Topology::PairWitness],
            Self::Pair => vec![Topology::Pair],
            Self::PairSurvivor => vec![Topology::PairSurvivor],
            Self::All => Topology::ALL.to_vec(),
        }
    }
}

/// Tries it.
pub fn run(args: &SimArgs) -> ExitCode {
    match try_run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(args: &SimArgs) -> anyhow::Result<bool> {
    let clock = Clock::start();
    let seeds = Seeds::starting_at(args.first_seed, args.seeds)?;
    let topologies = args.topology.topologies();
    if args.trace {
        for topology in &topologies {
            let run = ::sim::run(*topology, seeds.first(), Trace::kept());
            print!(
                "{topology}, seed {}\n{}",
                seeds.first(),
                run.trace.into_text()
            );
        }
    }
    let campaign = Campaign {
        seeds,
        threads: std::thread::available_parallelism()
            .context("cannot count the processors")?
            .get(),
        topologies,
    };
    let progress = Progress::new(clock);
    let total = u128::from(seeds.count()) * u128::try_from(campaign.topologies.len())?;
    let done = AtomicU64::new(0);
    let report = campaign.run(StopAt::LastSeed, || {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(100) {
            progress.step(&format!("{done} of {total} runs"));
        }
    });
    let seconds = clock
        .now()
        .saturating_since(types::Instant::START)
        .as_secs_f64();
    print(&report, seconds);
    if args.json {
        let figures = json!({
            "seeds": seeds.count(), "first_seed": seeds.first(),
            "violations": report.failures.len(), "topologies": report.topologies,
            "failures": report.failures, "seconds": seconds,
        });
        println!("{figures}");
    }
    Ok(report.failures.is_empty())
}

fn print(report: &Report, seconds: f64) {
    let mut table = Table::new();
    table.set_header([
        "topology",
        "runs",
        "violations",
        "virtual time",
        "slowest recovery",
        "answers",
    ]);
    for (name, tally) in &report.topologies {
        table.add_row([
            (*name).to_owned(),
            tally.seeds.to_string(),
            tally.violations.to_string(),
            format!("{} s", tally.simulated_ms / 1_000),
            format!("{} ms", tally.longest_recovery_ms),
            tally.answers.to_string(),
        ]);
    }
    println!("{table}");
    println!("in {seconds:.1} s");
    for failure in &report.failures {
        println!(
            "seed {} of {}: {}\n  again: tandem lab sim --seeds 1 --first-seed {} --topology {} --trace",
            failure.seed, failure.topology, failure.violation, failure.seed, failure.topology
        );
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn a_campaign_of_no_runs_is_refused_instead_of_passed() {
        let command = SimArgs::augment_args(Command::new("sim"));
        let asked = |seeds| {
            command
                .clone()
                .try_get_matches_from(["sim", "--seeds", seeds])
        };
        let refused = asked("0").unwrap_err().to_string();
        assert!(
            refused.contains("'0' for '--seeds <N>'") && refused.contains("1.."),
            "{refused}"
        );
        assert!(asked("1").is_ok());
    }

    #[test]
    fn seeds_beyond_the_last_one_are_refused_before_anything_runs() {
        let asked = SimArgs {
            seeds: 2,
            first_seed: u64::MAX,
            topology: Clusters::Pair,
            trace: true,
            json: false,
        };
        let refused = try_run(&asked).unwrap_err().to_string();
        assert!(refused.starts_with("2 seeds from"), "{refused}");
    }
}
