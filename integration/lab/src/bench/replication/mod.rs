//! `tandem lab bench replication`: sessions that one node opens until the other one holds them, through
//! the product's session processors and its state group, beside conntrackd.
//!
//! ```text
//!  generator ─► SessionProc ─► replicate ─► state group ═══ state group ─► program ─► SessionProc
//!               (member 1)                      ╚════════ witness           (member 2)
//! ```
//! Each member is a process in a network namespace of its own.

mod bridge;
mod generator;
mod lag;
mod member;
mod network;
mod ours;
mod protocol;
mod remote;
mod report;
mod site;
mod trio;

use std::process::ExitCode;

use clap::Args;
use runtime::Clock;

use crate::progress::Progress;
use crate::sandbox::{self, Place, Sandbox};
use network::Network;
use ours::{Ours, Step};
use report::Figures;

pub use member::{MemberArgs, run as run_member};

/// How often a rate is offered before it is said not to hold: the machine has other work.
const TRIES: usize = 2;

/// What is measured.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Exit status:
  0 every bar is met   1 one is not, or the lab failed   2 a package is missing

Examples:
  tandem lab bench replication
  tandem lab bench replication --only ours --rates 100000 --sessions 100000 --json")]
pub struct ReplicationArgs {
    /// Sessions in the table when memory and resynchronisation are measured.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=1_100_000))]
    pub sessions: u64,
    /// New sessions a second, rising; the first that does not hold is the last.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [50_000, 100_000, 125_000, 150_000, 175_000, 200_000, 250_000, 300_000])]
    pub rates: Vec<u64>,
    /// How long each rate is offered.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10))]
    pub seconds: u64,
    /// Print the figures as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// Runs the comparison; to be called before the process starts any thread.
pub fn run(args: &ReplicationArgs) -> ExitCode {
    let outcome = match sandbox::enter() {
        Ok(Place::Outside(code)) => return code,
        Ok(Place::Inside(sandbox)) => compare(args, &sandbox),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(args: &ReplicationArgs, sandbox: &Sandbox) -> anyhow::Result<bool> {
    let clock = Clock::start();
    let progress = Progress::new(clock);
    let network = Network::build()?;
    let ours = Ours {
        network: &network,
        sandbox,
        clock,
        progress: &progress,
    };
    let mut steps: Vec<Step> = Vec::new();
    for rate in &args.rates {
        let mut holds = false;
        for turn in 0..TRIES {
            let count = args.seconds.min(site::MOST_SESSIONS / rate);
            let step = ours.step(&format!("rate-{rate}-{turn}"), *rate, count)?;
            holds = step.holds;
            steps.push(step);
            if holds {
                break;
            }
        }
        if !holds {
            break;
        }
    }
    let full = ours.full(args.sessions)?;
    progress.end();
    Ok(report::tell(args, &Figures { steps, full }))
}
