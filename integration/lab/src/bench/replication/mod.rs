//! `tandem lab bench replication`: sessions that one node opens until the other one holds them, through
//! the product's session processors and its state group, beside conntrackd.
//!
//! ```text
//!  generator ─► SessionProc ─► replicate ─► state group ═══ state group ─► program ─► SessionProc
//!               (member 1)                      ╚════════ witness           (member 2)
//! ```
//! Each member is a process in a network namespace of its own. The peer's routers are kernels in such
//! namespaces, with the daemons that Debian packages.

mod bridge;
mod conntrackd;
mod frames;
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

use clap::{Args, ValueEnum};
use runtime::Clock;

use crate::progress::Progress;
use crate::sandbox::{self, Place, Sandbox};
use conntrackd::{Keeps, PeerStep};
use network::Network;
use ours::{Full, Ours, Step};

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
    /// New sessions a second offered to the peer, rising likewise.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [20_000, 40_000, 60_000, 80_000, 100_000, 120_000])]
    pub peer_rates: Vec<u64>,
    /// Print the figures as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
    /// Measure one side only; then there is no ratio.
    #[arg(long, value_enum)]
    pub only: Option<Contestant>,
}

/// One side of the comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Contestant {
    /// Tandem.
    Ours,
    /// conntrackd.
    Peer,
}

/// Runs the comparison; to be called before the process starts any thread.
pub fn run(args: &ReplicationArgs) -> ExitCode {
    if args.only != Some(Contestant::Ours)
        && let Err(missing) = conntrackd::check_installed()
    {
        eprintln!("error: {missing}");
        return ExitCode::from(super::MISSING);
    }
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
    let mut figures = Figures::default();
    if args.only != Some(Contestant::Ours) {
        figures.peer = measure_peer(args, sandbox, clock, &progress)?;
    }
    if args.only != Some(Contestant::Peer) {
        let network = Network::build()?;
        let ours = Ours {
            network: &network,
            sandbox,
            clock,
            progress: &progress,
        };
        figures.steps = measure_ours(args, &ours)?;
        figures.full = Some(ours.full(args.sessions)?);
    }
    progress.end();
    Ok(report::tell(args, &figures))
}

/// What came out.
#[derive(Default)]
struct Figures {
    steps: Vec<Step>,
    full: Option<Full>,
    peer: Vec<PeerStep>,
}

fn measure_ours(args: &ReplicationArgs, ours: &Ours<'_>) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    rising(&args.rates, |rate, turn| {
        let seconds = args.seconds.min(site::MOST_SESSIONS / rate);
        let step = ours.step(&format!("rate-{rate}-{turn}"), rate, seconds)?;
        let holds = step.holds;
        steps.push(step);
        Ok(holds)
    })?;
    Ok(steps)
}

fn measure_peer(
    args: &ReplicationArgs,
    sandbox: &Sandbox,
    clock: Clock,
    progress: &Progress,
) -> anyhow::Result<Vec<PeerStep>> {
    // The kernel's table must not be what ends the race.
    let most = conntrackd::most_connections()? / 10 * 9;
    let mut steps = Vec::new();
    for keeps in [Keeps::Cache, Keeps::Kernel] {
        rising(&args.peer_rates, |rate, turn| {
            let count = (rate * args.seconds).min(most);
            let home = sandbox.directory().join(format!("{keeps:?}-{rate}-{turn}"));
            let step = conntrackd::step(home, keeps, (rate, count), clock, progress)?;
            let holds = step.holds;
            steps.push(step);
            Ok(holds)
        })?;
    }
    Ok(steps)
}

/// Tries each rate, up to the first that does not hold.
fn rising(
    rates: &[u64],
    mut holds: impl FnMut(u64, usize) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    for rate in rates {
        let mut held = false;
        for turn in 0..TRIES {
            held = holds(*rate, turn)?;
            if held {
                break;
            }
        }
        if !held {
            break;
        }
    }
    Ok(())
}
