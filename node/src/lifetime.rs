//! How a process ends: asked to, or because a part of it did.

use std::time::Duration;

use anyhow::{Context, bail};
use runtime::{Subsystem, SubsystemEnd};
use tokio::signal::unix::{SignalKind, signal};

/// What the parts get to drain: the redundancy group resigns within one of its intervals, the stores
/// have nothing that is not on disk.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits for SIGTERM or SIGINT, or for the first part that ends on its own, which is an error: a
/// process without one of its parts is worth less than its peer.
pub(crate) async fn until_the_end(mut subsystem: Subsystem) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    // Cancel safe: all three only wait.
    let end = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        end = subsystem.first_end() => end,
    };
    tracing::info!("stopping");
    subsystem.stop(PATIENCE).await;
    match end {
        None => Ok(()),
        Some(SubsystemEnd {
            name,
            outcome: Ok(()),
        }) => bail!("{name} ended without being asked to"),
        Some(SubsystemEnd {
            name,
            outcome: Err(why),
        }) => bail!("{name} failed: {why}"),
    }
}
