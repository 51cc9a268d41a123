//! A witness: it votes in both groups and holds nothing else.

use anyhow::{Context, bail};
use config::bootstrap::Bootstrap;
use runtime::{Clock, Subsystem};

use crate::lifetime;
use crate::plan;

/// Votes until it is told to stop.
pub(crate) async fn run(bootstrap: &Bootstrap) -> anyhow::Result<()> {
    if !bootstrap.is_witness() {
        bail!("this member is a node, not a witness: start it with 'tandem node'");
    }
    let mut subsystem = Subsystem::default();
    let _cluster = raft::start(
        plan::cluster::compile(bootstrap),
        Clock::start(),
        &mut subsystem,
    )
    .await
    .context("the witness cannot take part in agreement")?;
    tracing::info!(cluster = %bootstrap.cluster, "witness votes");
    lifetime::until_the_end(subsystem).await
}
