//! `tandem lab bench …`: Tandem beside what it replaces, in one run, on one machine.
//!
//! Absolute figures of such a laboratory move from machine to machine; the ratio of two measurements
//! of the same minute is what counts, and each bar is one.

pub mod elections;
pub mod failover;
pub mod forwarding;
mod pair;
mod peer;
pub mod raft;
pub mod replication;
mod report;
pub mod sim;

use std::process::ExitCode;

use clap::Subcommand;

pub use elections::ElectionsArgs;
pub use failover::FailoverArgs;
pub use forwarding::ForwardingArgs;
pub use raft::RaftArgs;
pub use replication::{MemberArgs, ReplicationArgs};
pub use sim::SimArgs;

/// Exit code when a peer's package is not installed.
const MISSING: u8 = 2;

/// What the laboratory can do.
#[derive(Clone, Debug, Subcommand)]
pub enum LabCommand {
    /// Measure Tandem beside what it replaces.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// One member of a measured cluster; started by the measurement itself.
    #[command(hide = true)]
    Member(MemberArgs),
    /// Run whole clusters on a virtual network, clock and disk, and break everything that can break.
    Sim(SimArgs),
}

/// What can be measured.
#[derive(Clone, Debug, Subcommand)]
pub enum BenchCommand {
    /// The leader killed again and again under load: how soon there is another one, and what is lost.
    Elections(ElectionsArgs),
    /// A node's failure: Tandem beside keepalived and conntrackd.
    Failover(FailoverArgs),
    /// Established UDP sessions with source NAT through one node, on one core.
    Forwarding(ForwardingArgs),
    /// What the durable Raft group agrees on in a second, and how soon.
    Raft(RaftArgs),
    /// New sessions on one node until the other one holds them: Tandem beside conntrackd.
    Replication(ReplicationArgs),
}

/// Runs a laboratory command; to be called before the process starts any thread.
pub fn run(command: &LabCommand) -> ExitCode {
    match command {
        LabCommand::Bench(BenchCommand::Elections(args)) => elections::run(args),
        LabCommand::Bench(BenchCommand::Failover(args)) => failover::run(args),
        LabCommand::Bench(BenchCommand::Forwarding(args)) => forwarding::run(args),
        LabCommand::Bench(BenchCommand::Raft(args)) => raft::run(args),
        LabCommand::Bench(BenchCommand::Replication(args)) => replication::run(args),
        LabCommand::Member(args) => replication::run_member(args),
        LabCommand::Sim(args) => sim::run(args),
    }
}
