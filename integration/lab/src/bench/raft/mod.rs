//! `tandem lab bench raft`: what the durable group agrees on in a second, and how long one proposal
//! takes. Three members with stores on this disk, connected by the real transport over loopback.

mod disk;
mod members;
mod rounds;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use comfy_table::Table;
use runtime::Clock;
use serde_json::json;

use super::report::{Case, object};
use crate::progress::Progress;
use members::Members;
use rounds::{Latency, Throughput};

/// Commits a second that the durable group has to reach with many proposers.
const BAR_COMMITS: f64 = 2_000.0;
/// What 99 of 100 proposals may take at a hundred a second.
const BAR_P99_MS: f64 = 20.0;
/// How long the disk itself is measured.
const DISK: Duration = Duration::from_secs(1);

/// What is measured.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Exit status:
  0 at least 2,000 durable commits a second, and p99 below 20 ms at 100 a second   1 not so

Examples:
  tandem lab bench raft
  tandem lab bench raft --seconds 20 --directory /var/tmp --json")]
pub struct RaftArgs {
    /// How long each part is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=120))]
    pub seconds: u8,
    /// Proposals that are under way at once in the first part.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub proposers: u16,
    /// A folder on the disk in question; what is written there is removed at the end.
    #[arg(long, value_name = "DIRECTORY", default_value = "/tmp")]
    pub directory: PathBuf,
    /// Print the figures as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// What came out.
struct Figures {
    fdatasyncs: f64,
    throughput: Throughput,
    at_leader: Latency,
    at_follower: Latency,
}

/// Runs the measurement.
pub fn run(args: &RaftArgs) -> ExitCode {
    match measure(args) {
        Ok(figures) => {
            if report(args, &figures) {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &RaftArgs) -> anyhow::Result<Figures> {
    let clock = Clock::start();
    let progress = Progress::new(clock);
    let folder = disk::Folder::create(&args.directory)?;
    progress.step("measuring the disk itself");
    let fdatasyncs = disk::fdatasyncs(folder.path(), DISK, clock).context("the disk")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let figures = runtime.block_on(async {
        progress.step("starting two nodes and a witness");
        let members = Members::start(folder.path(), clock).await?;
        let length = Duration::from_secs(args.seconds.into());
        progress.step(&format!(
            "{} proposals under way for {} s",
            args.proposers, args.seconds
        ));
        let throughput = rounds::throughput(&members, args.proposers, length, clock).await?;
        progress.step(&format!("100 proposals a second for {} s", args.seconds));
        let at_leader = rounds::latency(members.leader()?, length, clock).await?;
        let at_follower = rounds::latency(members.follower()?, length, clock).await?;
        members.stop().await;
        anyhow::Ok(Figures {
            fdatasyncs,
            throughput,
            at_leader,
            at_follower,
        })
    });
    runtime.shutdown_background();
    progress.end();
    figures
}

fn report(args: &RaftArgs, figures: &Figures) -> bool {
    let Figures {
        fdatasyncs,
        throughput,
        at_leader,
        at_follower,
    } = figures;
    let mut table = Table::new();
    table.set_header(["durable group", "commits/s", "p50", "p99", "worst", "bar"]);
    table.add_row([
        format!("{} proposals under way", args.proposers),
        format!("{:.0}", throughput.commits_per_second),
        format!("{:.1} ms", throughput.latency.p50_ms),
        format!("{:.1} ms", throughput.latency.p99_ms),
        format!("{:.1} ms", throughput.latency.worst_ms),
        format!("at least {BAR_COMMITS:.0}/s"),
    ]);
    for (place, latency, bar) in [
        ("leader", at_leader, format!("p99 below {BAR_P99_MS} ms")),
        ("follower", at_follower, String::new()),
    ] {
        table.add_row([
            format!("100 a second, at the {place}"),
            format!("{:.0}", latency.per_second),
            format!("{:.2} ms", latency.p50_ms),
            format!("{:.2} ms", latency.p99_ms),
            format!("{:.2} ms", latency.worst_ms),
            bar,
        ]);
    }
    println!("\n{table}");
    println!("the disk alone: {fdatasyncs:.0} fdatasync/s of 4 KiB each, one after the other");
    let cases = cases(args, figures);
    for case in &cases {
        let word = if case.pass == Some(true) {
            "passed"
        } else {
            "MISSED"
        };
        println!("{}: {} {word}", case.name, case.bar);
    }
    if args.json {
        let ceiling = json!({ "fdatasync_per_second": fdatasyncs, "meaning": "4 KiB appended and \
            synchronised, one after the other, by one thread on the same disk" });
        println!("{}", object("raft", "see each case", &cases, &ceiling));
    }
    cases.iter().all(|case| case.pass == Some(true))
}

fn cases(args: &RaftArgs, figures: &Figures) -> [Case; 2] {
    let commits = figures.throughput.commits_per_second;
    let p99 = figures.at_leader.p99_ms;
    [
        Case {
            name: format!("durable commits/s, {} proposals under way", args.proposers),
            ours: Some(commits),
            peer: None,
            peer_name: "none".to_owned(),
            ratio: Some(commits / BAR_COMMITS),
            bar: format!("ours >= {BAR_COMMITS}"),
            pass: Some(commits >= BAR_COMMITS),
            details: json!({ "unit": "commits/s", "latency": figures.throughput.latency }),
        },
        Case {
            name: "p99 of a proposal at 100/s".to_owned(),
            ours: Some(p99),
            peer: None,
            peer_name: "none".to_owned(),
            ratio: Some(p99 / BAR_P99_MS),
            bar: format!("ours < {BAR_P99_MS}"),
            pass: Some(p99 < BAR_P99_MS),
            details: json!({
                "unit": "ms",
                "at_leader": figures.at_leader,
                "at_follower": figures.at_follower,
            }),
        },
    ]
}
