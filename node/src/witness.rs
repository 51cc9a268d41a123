//! A witness: it votes in both groups and holds nothing else.

use std::path::Path;

use anyhow::{Context, bail};
use config::bootstrap::Bootstrap;
use runtime::{Clock, Subsystem};

use crate::lifetime;
use crate::machine::keep_members;
use crate::plan;
use crate::removed::Farewell;

/// Votes until it is told to stop.
pub(crate) async fn run(bootstrap: &Bootstrap, file: &Path) -> anyhow::Result<()> {
    if !bootstrap.is_witness() {
        bail!("this member is a node, not a witness: start it with 'tandem node'");
    }
    let mut subsystem = Subsystem::default();
    let clock = Clock::start();
    let cluster = raft::start(plan::cluster::compile(bootstrap), clock, &mut subsystem)
        .await
        .context("the witness cannot take part in agreement")?;
    let seeds = keep_members(file.to_owned(), bootstrap.local, cluster.control.clone());
    subsystem.spawn("node.toml", seeds);
    tracing::info!(cluster = %bootstrap.cluster, "witness votes");
    let farewell = Farewell::new(bootstrap, &cluster.control, clock);
    lifetime::until_the_end(subsystem, farewell).await
}
