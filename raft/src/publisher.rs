//! The one task that proposes what this node did: batches, one at a time, each until it is answered.

use std::sync::Arc;
use std::time::Duration;

use raft_state::{Batch, StateCommand};

use crate::group::MemoryGroup;
use crate::pending::Pending;
use crate::propose::Proposer;

/// While the group does not run here at all.
const REST: Duration = Duration::from_millis(100);

/// Runs until it is dropped.
///
/// A batch keeps its number however often it is proposed, so that it is applied once; the next one
/// waits, so that numbers come in order. Meanwhile further changes merge in [`Pending`].
pub(crate) async fn publish(proposer: Proposer<MemoryGroup>, pending: Arc<Pending>) {
    let local = Arc::clone(&proposer.local);
    let mut sequence = 0;
    loop {
        pending.something().await;
        if pending.len() < local.limits.batch {
            tokio::time::sleep(local.timing.linger).await;
        }
        let (sessions, neighbors) = pending.take(local.limits.batch);
        sequence += 1;
        let command = StateCommand::from(Batch {
            proposer: local.me.id,
            incarnation: local.incarnation,
            sequence,
            sessions: sessions.iter().collect(),
            neighbors,
        });
        while let Err(error) = proposer.propose(&command).await {
            tracing::debug!(%error, sequence, "a batch is proposed again");
            if !error.is_retryable() {
                tokio::time::sleep(REST).await;
            }
        }
    }
}
