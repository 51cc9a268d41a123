//! `tandem lab bench …`: Tandem beside what it replaces, in one run, on one machine.
//!
//! Absolute figures of such a laboratory move from machine to machine; the ratio of two measurements
//! of the same minute is what counts, and each bar is one.

pub mod failover;
pub mod forwarding;
mod peer;
mod report;
pub mod sim;

use std::process::ExitCode;

use clap::Subcommand;

pub use failover::FailoverArgs;
pub use forwarding::ForwardingArgs;
pub use sim::SimArgs;

/// Exit code when a peer's package is not installed.
const MISSING: u8 = 2;

/// What the laboratory can do.
#[derive(Clone, Debug, Subcommand)]
pub enum LabCommand {
    /// Measure Tandem beside what it replaces.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Run whole clusters on a virtual network, clock and disk, and break everything that can break.
    Sim(SimArgs),
}

/// What can be measured.
#[derive(Clone, Debug, Subcommand)]
pub enum BenchCommand {
    /// A node's failure: Tandem beside keepalived and conntrackd.
    Failover(FailoverArgs),
    /// Established UDP sessions with source NAT through one node, on one core.
    Forwarding(ForwardingArgs),
}

/// Runs a laboratory command; to be called before the process starts any thread.
pub fn run(command: &LabCommand) -> ExitCode {
    match command {
        LabCommand::Bench(BenchCommand::Failover(args)) => failover::run(args),
        LabCommand::Bench(BenchCommand::Forwarding(args)) => forwarding::run(args),
        LabCommand::Sim(args) => sim::run(args),
    }
}
