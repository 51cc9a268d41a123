//! The two parts: many proposals at once, and a hundred a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use raft::Cluster;
use raft_state::ControlCommand;
use runtime::Clock;
use serde::Serialize;
use tokio::task::JoinSet;
use types::{Epoch, Name, NodeId};

use super::members::Members;

/// Between two proposals of the second part.
const INTERVAL: Duration = Duration::from_millis(10);
/// At the beginning of the first part, not counted: files grow, caches warm up.
const WARM_UP: Duration = Duration::from_millis(500);

/// Proposals at a steady rate, each timed from the moment at which it was due.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) worst_ms: f64,
}

/// Many proposals at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throughput {
    pub(super) commits_per_second: f64,
    pub(super) latency: Latency,
}

/// `proposers` tasks at the leader, each proposing its next command when the last one is on the disks
/// of a majority.
pub(super) async fn throughput(
    members: &Members,
    proposers: u16,
    length: Duration,
    clock: Clock,
) -> anyhow::Result<Throughput> {
    let cluster = members.leader()?;
    let begin = clock.now() + WARM_UP;
    let end = begin + length;
    let numbers = Arc::new(AtomicU64::new(1));
    let mut tasks = JoinSet::new();
    for _ in 0..proposers {
        let (cluster, numbers) = (cluster.clone(), Arc::clone(&numbers));
        tasks.spawn(async move {
            let mut waits = Vec::new();
            loop {
                let asked = clock.now();
                if asked >= end {
                    return anyhow::Ok(waits);
                }
                propose(&cluster, numbers.fetch_add(1, Ordering::Relaxed)).await?;
                let done = clock.now();
                if asked >= begin && done < end {
                    waits.push(done - asked);
                }
            }
        });
    }
    let mut waits = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        waits.extend(ended.context("a proposer broke")??);
    }
    let latency = summary(waits, length)?;
    Ok(Throughput {
        commits_per_second: latency.per_second,
        latency,
    })
}

/// A hundred proposals a second at one node, whether or not the earlier ones are answered.
pub(super) async fn latency(
    cluster: &Cluster,
    length: Duration,
    clock: Clock,
) -> anyhow::Result<Latency> {
    let begin = clock.now() + INTERVAL;
    let mut tasks = JoinSet::new();
    let mut due = begin;
    let mut number = 1 << 40;
    while due - begin < length {
        clock.wait_until(Some(due)).await;
        let cluster = cluster.clone();
        tasks.spawn(async move {
            propose(&cluster, number).await?;
            anyhow::Ok(clock.now() - due)
        });
        number += 1;
        due += INTERVAL;
    }
    let mut waits = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        waits.push(ended.context("a proposer broke")??);
    }
    summary(waits, length)
}

/// A small command, such as a node's word that it is active now.
async fn propose(cluster: &Cluster, number: u64) -> anyhow::Result<()> {
    let command = ControlCommand::TakeRole {
        group: Name::from("bench"),
        node: NodeId(1),
        epoch: Epoch(number << 8 | 1),
    };
    // Whatever the outcome says of the role, the command is on the disks of a majority.
    cluster.control.propose(command).await?;
    Ok(())
}

fn summary(mut waits: Vec<Duration>, length: Duration) -> anyhow::Result<Latency> {
    waits.sort_unstable();
    let count = waits.len();
    let at = |percent: usize| {
        let place = (count * percent / 100).min(count.saturating_sub(1));
        waits.get(place).map(|wait| wait.as_secs_f64() * 1e3)
    };
    let nothing = "nothing was agreed on";
    Ok(Latency {
        per_second: f64::from(u32::try_from(count)?) / length.as_secs_f64(),
        p50_ms: at(50).context(nothing)?,
        p99_ms: at(99).context(nothing)?,
        worst_ms: at(100).context(nothing)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "whole milliseconds are exact")]
    fn percentiles_are_those_of_the_sorted_waits() {
        let waits = (1..=200).rev().map(Duration::from_millis).collect();
        let latency = summary(waits, Duration::from_secs(2)).unwrap();
        let figures = [
            latency.per_second,
            latency.p50_ms,
            latency.p99_ms,
            latency.worst_ms,
        ];
        assert_eq!(figures, [100.0, 101.0, 199.0, 200.0]);
        assert!(summary(Vec::new(), Duration::from_secs(1)).is_err());
    }
}
