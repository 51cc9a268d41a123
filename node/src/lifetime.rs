//! How a process ends: asked to, or because a part of it did.

use std::time::Duration;

use anyhow::{Context, bail};
use runtime::{Subsystem, SubsystemEnd};
use tokio::signal::unix::{SignalKind, signal};

use crate::removed::Farewell;

/// What the parts get to drain: the redundancy group resigns within one of its intervals, the stores
/// have nothing that is not on disk.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits for SIGTERM or SIGINT, or for the first part that ends on its own, which is an error: a
/// process without one of its parts is worth less than its peer. Or until this machine is a member no more.
pub(crate) async fn until_the_end(
    mut subsystem: Subsystem,
    mut farewell: Farewell,
) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    // Cancel safe: all four only wait.
    let (end, removed) = tokio::select! {
        _ = terminate.recv() => (None, None),
        _ = interrupt.recv() => (None, None),
        removed = farewell.come() => (None, Some(removed)),
        end = subsystem.first_end() => (end, None),
    };
    tracing::info!("stopping");
    subsystem.stop(PATIENCE).await;
    match (end, removed) {
        (None, None) => Ok(()),
        (_, Some(removed)) => Err(removed.into()),
        (Some(end), None) => ended(end),
    }
}

fn ended(end: SubsystemEnd) -> anyhow::Result<()> {
    match end {
        SubsystemEnd {
            name,
            outcome: Ok(()),
        } => bail!("{name} ended without being asked to"),
        SubsystemEnd {
            name,
            outcome: Err(why),
        } => bail!("{name} failed: {why}"),
    }
}
