//! `tandem lab bench forwarding`: 64-byte UDP of established sessions with source NAT, through one
//! node on one core, offered from another core.
//!
//! ```text
//! core 0: generator ──► lan0 [ node, core 1 ] wan0 ──► sink: interface counters, sampled frames
//! ```
//! The veth pair's receiving half runs on the sender's core: the generator pays for delivering to the
//! node, and the node for delivering to the sink.

pub(super) mod frame;
mod generator;
pub(super) mod session;
mod sink;

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use comfy_table::Table;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use runtime::Clock;
use serde_json::json;

use super::report::{Case, object};
use crate::failure::Audience;
use crate::host::Host;
use crate::process::Process;
use crate::progress::Progress;
use crate::sandbox::{self, Sandbox};
use crate::topology::{Single, single};
use generator::Generator;
use sink::Sink;

/// What the raw-socket path has to reach on one core.
const BAR_PPS: f64 = 150_000.0;
/// How much more than it forwards a node must have been offered.
const OVERLOAD: f64 = 1.1;
/// The first part of a run is not counted: caches warm up, queues fill.
const WARM_UP: Duration = Duration::from_millis(500);
/// The generator's and the sink's core.
const LAB_CORE: usize = 0;
/// The node's core.
const NODE_CORE: usize = 1;

/// What is measured.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Exit status:
  0 at least 150,000 packets a second, every sampled byte right   1 fewer, or wrong bytes

Examples:
  tandem lab bench forwarding
  tandem lab bench forwarding --port pnet --seconds 10 --json")]
pub struct ForwardingArgs {
    /// What carries the node's frames.
    #[arg(long, value_enum, default_value_t = Port::Raw)]
    pub port: Port,
    /// Sessions that the packets belong to.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub sessions: u16,
    /// How long it is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=60))]
    pub seconds: u8,
    /// Print the figures as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// What carries a node's frames.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Port {
    /// Packet sockets, many frames a system call.
    Raw,
    /// The pnet library's sockets.
    Pnet,
}

impl Port {
    const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Pnet => "pnet",
        }
    }
}

/// What came out.
#[derive(Clone, Copy, Debug)]
struct Figures {
    offered_pps: f64,
    forwarded_pps: f64,
    sampled: u64,
    wrong: u64,
}

/// Runs the measurement; to be called before the process starts any thread.
pub fn run(args: &ForwardingArgs) -> ExitCode {
    sandbox::perform(Audience::of(args.json), |sandbox| perform(args, sandbox))
}

fn perform(args: &ForwardingArgs, sandbox: &Sandbox) -> anyhow::Result<bool> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ensure!(
        cores >= 2,
        "the generator and the node need a core each, and there is only one"
    );
    let clock = Clock::start();
    let progress = Progress::new(clock);
    progress.step("building the lab: generator, one node, sink");
    let network = Single::build()?;
    let mut node = start_node(&network.node, sandbox, args.port)?;
    progress.step(&format!(
        "opening {} UDP sessions through the NAT",
        args.sessions
    ));
    let sessions = session::open(&network, args.sessions, clock, || {
        let ended = node.ended()?;
        ensure!(ended.is_none(), "the node ended: {}", node.last_words(20));
        Ok(())
    })?;
    progress.step(&format!("offering 64-byte frames for {} s", args.seconds));
    let figures = measure(&network, &sessions, args, clock)?;
    progress.end();
    Ok(report(args, figures))
}

fn start_node(host: &Host, sandbox: &Sandbox, port: Port) -> anyhow::Result<Process> {
    let home = sandbox.directory().join("a");
    std::fs::create_dir_all(&home)?;
    for file in single::files(&home, port.name()) {
        std::fs::write(home.join(file.name), file.text)?;
    }
    let mut command = Command::new(sandbox.program());
    command
        .arg("node")
        .arg("--config")
        .arg(home.join("node.toml"));
    // The process inherits the core from this thread, and each of its threads from it.
    pin(NODE_CORE)?;
    let node = Process::start(host, "a", command, &home.join("log"));
    pin(LAB_CORE)?;
    Ok(node?)
}

/// Ties the calling thread, and what it starts from now on, to one core.
fn pin(core: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cannot use core {core}"))
}

fn measure(
    network: &Single,
    sessions: &session::Sessions,
    args: &ForwardingArgs,
    clock: Clock,
) -> anyhow::Result<Figures> {
    let sink = Sink::start(&network.sink, sessions)?;
    let generator = Generator::start(&network.generator, sessions)?;
    std::thread::sleep(WARM_UP);
    let begun = clock.now();
    let (offered_before, arrived_before) = (generator.sent(), sink.arrived()?);
    std::thread::sleep(Duration::from_secs(args.seconds.into()));
    let (offered, arrived) = (generator.sent(), sink.arrived()?);
    let seconds = clock.now().saturating_since(begun).as_secs_f64();
    generator.stop()?;
    let (sampled, wrong) = sink.stop()?;
    let rate = |packets: u64| f64::from(u32::try_from(packets).unwrap_or(u32::MAX)) / seconds;
    Ok(Figures {
        offered_pps: rate(offered - offered_before),
        forwarded_pps: rate(arrived - arrived_before),
        sampled,
        wrong,
    })
}

fn report(args: &ForwardingArgs, figures: Figures) -> bool {
    let Figures {
        offered_pps,
        forwarded_pps,
        sampled,
        wrong,
    } = figures;
    // A node that keeps up with what it is offered has not shown what it can do.
    let pushed = offered_pps >= OVERLOAD * forwarded_pps;
    let pass = forwarded_pps >= BAR_PPS && wrong == 0 && sampled > 0 && pushed;
    let mut table = Table::new();
    table.set_header([
        "port",
        "offered",
        "forwarded",
        "a packet",
        "frames compared",
        "wrong",
    ]);
    table.add_row([
        args.port.name().to_owned(),
        format!("{:.0} kpps", offered_pps / 1e3),
        format!("{:.1} kpps", forwarded_pps / 1e3),
        format!("{:.2} us", 1e6 / forwarded_pps),
        sampled.to_string(),
        wrong.to_string(),
    ]);
    println!("\n{table}");
    println!(
        "at least {:.0} kpps: {}",
        BAR_PPS / 1e3,
        if pass { "passed" } else { "MISSED" }
    );
    if args.json {
        let case = Case {
            name: format!(
                "64-byte UDP, {} sessions, source NAT, port {}",
                args.sessions,
                args.port.name()
            ),
            ours: Some(forwarded_pps),
            peer: None,
            peer_name: "none".to_owned(),
            ratio: Some(forwarded_pps / BAR_PPS),
            bar: format!("ours >= {BAR_PPS}"),
            pass: Some(pass),
            details: json!({ "offered_pps": offered_pps, "compared": sampled, "wrong": wrong }),
        };
        println!(
            "{}",
            object("forwarding", "packets/s", &[case], &json!(offered_pps))
        );
    }
    pass
}
