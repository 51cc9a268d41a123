//! The two bridges of a node: what its data plane did → the state group, and what the group agreed on
//! → its data plane. Beside the second one a clerk notes when sessions of the other node have arrived.

use std::sync::Arc;
use std::time::Duration;

use forwarding::{Event, Handle};
use parking_lot::Mutex;
use raft::{Changes, Committed, StateGroup};
use runtime::mailbox::{Mailbox, Outlet, mailbox};
use runtime::{Clock, Subsystem};
use types::{NeighborRecord, SessionChange};

use super::lag::Histogram;

/// While this many changes wait, no more are handed over, as in a node.
const HIGH_WATER: usize = 150_000;
/// Between two looks at what waits.
const RETRY: Duration = Duration::from_millis(10);
/// Batches whose arrival is to be noted. When the clerk is behind, programming waits for it.
const NOTES: usize = 64;
/// Sessions of a whole state that are programmed at once.
const CHUNK: usize = 4096;

/// Lags so far. Taken for a batch by the clerk and for an answer by whoever asks.
pub(super) type Lags = Arc<Mutex<Histogram>>;

/// Tells the group what the data plane did.
pub(super) async fn replicate(mut events: Mailbox<Event>, state: StateGroup, clock: Clock) {
    while let Some(event) = events.next().await {
        while state.pending() >= HIGH_WATER {
            clock.wait_until(Some(clock.now() + RETRY)).await;
        }
        let (sessions, neighbors) = match event {
            Event::Sessions(changes) => (changes, Vec::new()),
            Event::Neighbors(records) => (Vec::new(), records),
            Event::NatBlocksLow { .. } | Event::FirstPacket { .. } => continue,
        };
        if let Err(refused) = state.publish(sessions, neighbors) {
            eprintln!("{refused}");
        }
    }
}

/// Starts programming what is agreed on, and noting when it has arrived.
pub(super) fn start_programming(
    changes: Changes,
    data_plane: &Handle,
    lags: &Lags,
    clock: Clock,
    subsystem: &mut Subsystem,
) {
    let (notes, to_note) = mailbox(NOTES);
    subsystem.spawn("program", program(changes, data_plane.clone(), notes));
    let clerk = note(to_note, data_plane.clone(), Arc::clone(lags), clock);
    subsystem.spawn("note", clerk);
}

async fn program(mut changes: Changes, data_plane: Handle, notes: Outlet<Vec<u64>>) {
    while let Some(committed) = changes.next().await {
        let done = match committed {
            Committed::Snapshot(state) => {
                let mut records = state.sessions().map(SessionChange::Put);
                loop {
                    let chunk: Vec<_> = records.by_ref().take(CHUNK).collect();
                    if chunk.is_empty() {
                        break true;
                    }
                    if data_plane.install(chunk).await.is_err() {
                        break false;
                    }
                }
            }
            Committed::Batch {
                own,
                sessions,
                neighbors,
                ..
            } => {
                let opened = if own { Vec::new() } else { opened(&sessions) };
                program_batch(&data_plane, sessions, neighbors).await
                    && (opened.is_empty() || notes.send(opened).await.is_ok())
            }
        };
        if !done {
            return;
        }
    }
}

async fn program_batch(
    data_plane: &Handle,
    sessions: Vec<SessionChange>,
    neighbors: Vec<NeighborRecord>,
) -> bool {
    (neighbors.is_empty() || data_plane.learn(neighbors).await.is_ok())
        && data_plane.install(sessions).await.is_ok()
}

/// When the first packets of new sessions were looked at, in milliseconds of Unix time.
fn opened(changes: &[SessionChange]) -> Vec<u64> {
    changes
        .iter()
        .filter_map(|change| match change {
            SessionChange::Put(record) => Some(record.opened_unix_ms),
            SessionChange::Remove { .. } => None,
        })
        .collect()
}

/// Asks the session processors a question that they answer after all that was installed before, and
/// takes that for the arrival of each session. The records' milliseconds are rounded down, so a lag is
/// never shown too short.
async fn note(mut batches: Mailbox<Vec<u64>>, data_plane: Handle, lags: Lags, clock: Clock) {
    while let Some(opened) = batches.next().await {
        data_plane.sessions(0).await;
        let arrived = clock.unix_nanos(clock.now());
        let mut lags = lags.lock();
        for at in opened {
            lags.add(arrived.saturating_sub(at.saturating_mul(1_000_000)));
        }
    }
}
