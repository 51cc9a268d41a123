//! `tandem lab bench elections`: the control group's leader is killed again and again while operators commit
//! at both nodes. How long nothing can be committed, and whether one register explains what they all saw.

mod clients;
mod kill;
mod notebook;
mod report;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use history::{History, Summary, Violation};
use runtime::Clock;

use crate::demo::stage::Stage;
use crate::failure::Audience;
use crate::progress::Progress;
use crate::sandbox::{self, Sandbox};
use crate::topology::SiteOptions;
use clients::Clients;
use kill::{Kill, Ring};
use notebook::Notebook;

/// Interval of advertisements: nothing here is about them, and a killed leader may be the active node.
const ADVERTISEMENT_MS: u16 = 50;

/// What is measured.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Clients read the configuration that a node runs and commit another one on it, through both nodes, all the
time; hosts behind the router open sessions. For each kill two figures are taken, both from the SIGKILL on:
until the other node says that it leads, and until it acknowledges a commit.

Afterwards the clients' history is checked, without a look at any log. Commits must be linearizable: one
order of them explains every answer, each taking effect between question and answer, and a commit without an
answer at any later time or never. What was acknowledged must be there in the end. A node's `show config` is
no part of that order, because it answers from what the node itself runs and may be late; it must never show
what nobody has committed, never be ahead, and not go back while the node lives.

Exit status:
  0 every election took less than a second, and the history is explained   1 not so, or the lab failed

Examples:
  tandem lab bench elections
  tandem lab bench elections --kills 3 --election-timeout 400 --json")]
pub struct ElectionsArgs {
    /// How often the leader is killed.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub kills: u16,
    /// Clients that commit, half of them at each node.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(2..=32))]
    pub clients: u8,
    /// `election-timeout-ms` of all members: by the timers alone, a silent leader has a successor after three
    /// to four times this time.
    #[arg(long, value_name = "MS", default_value_t = 150, value_parser = clap::value_parser!(u16).range(100..=10_000))]
    pub election_timeout: u16,
    /// Print the figures as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// What came out.
struct Outcome {
    kills: Vec<Kill>,
    history: Result<Summary, Violation>,
    not_done: usize,
    sessions: u64,
    seconds: f64,
}

/// Runs the measurement; to be called before the process starts any thread.
pub fn run(args: &ElectionsArgs) -> ExitCode {
    sandbox::perform(Audience::of(args.json), |sandbox| {
        let outcome = measure(args, sandbox)?;
        Ok(report::print(args, &outcome))
    })
}

fn measure(args: &ElectionsArgs, sandbox: &Sandbox) -> anyhow::Result<Outcome> {
    let clock = Clock::start();
    let progress = Progress::new(clock);
    let options = SiteOptions {
        advertisement_ms: ADVERTISEMENT_MS,
        election_timeout_ms: Some(args.election_timeout),
        ..SiteOptions::default()
    };
    let mut stage = Stage::build(sandbox, options, clock, &progress)?;
    let active = stage.wait_until_ready(&progress)?;
    let first = stage.cluster.operator(active).config()?;
    progress.step(&format!(
        "{} clients commit at both nodes; {} kills",
        args.clients, args.kills
    ));
    let notebook = Arc::new(Notebook::default());
    let mut clients = Clients::start(&stage.cluster, args.clients, &first.text, clock, &notebook)?;
    let begun = clock.now();
    let mut kills = Vec::new();
    let mut ring = Ring {
        stage: &mut stage,
        clients: &mut clients,
        notebook: &notebook,
        progress: &progress,
    };
    ring.whole()?;
    for number in 1..=args.kills {
        let kill = ring
            .kill()
            .with_context(|| format!("kill {number} of {}", args.kills))?;
        progress.step(&report::line(number, args.kills, &kill));
        kills.push(kill);
    }
    let sessions = clients.stop()?;
    let seconds = (clock.now() - begun).as_secs_f64();
    progress.step("waiting until both nodes run the same, then checking the history");
    let last = kill::settled(&mut stage)?;
    let history = notebook.history(&first, &last);
    let checked = history.check();
    if checked.is_err() {
        keep(&history, sandbox)?;
    }
    progress.end();
    Ok(Outcome {
        kills,
        history: checked,
        not_done: notebook.not_done(),
        sessions,
        seconds,
    })
}

/// A history that nothing explains is kept with the logs of the run, which say the other half.
fn keep(history: &History, sandbox: &Sandbox) -> anyhow::Result<()> {
    let file = sandbox.directory().join("history.log");
    std::fs::write(&file, format!("{history:#?}\n")).context("the history cannot be kept")
}
