//! Offers frames as fast as one core can: a ring of ready ones, many a system call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use anyhow::Context as _;

use super::frame::{FRAME, Label, build};
use super::session::Sessions;
use crate::host::Host;
use crate::netns::NamespaceError;
use crate::sys::{BATCH, FrameSender};

/// Different frames of each session.
const SEQUENCES: u64 = 64;

/// A running generator.
#[derive(Debug)]
pub(super) struct Generator {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<anyhow::Result<()>, NamespaceError>>,
}

impl Generator {
    pub(super) fn start(host: &Host, sessions: &Sessions) -> anyhow::Result<Self> {
        // Neighbouring frames belong to different sessions, as they would on a real link.
        let ring: Vec<_> = (0..SEQUENCES)
            .flat_map(|sequence| {
                (0..)
                    .zip(&sessions.hops)
                    .map(move |(session, (hop, _))| build(hop, Label { session, sequence }))
            })
            .collect();
        let sent = Arc::<AtomicU64>::default();
        let stop = Arc::<AtomicBool>::default();
        let (count, flag) = (Arc::clone(&sent), Arc::clone(&stop));
        let thread = host.thread("generator", move || send(&ring, &count, &flag))?;
        Ok(Self { sent, stop, thread })
    }

    /// Frames that the link took.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .ok()
            .context("the generator panicked")??
    }
}

fn send(ring: &[[u8; FRAME]], sent: &AtomicU64, stop: &AtomicBool) -> anyhow::Result<()> {
    let link = FrameSender::open("lan0").context("the generator has no packet socket")?;
    for batch in ring.chunks(BATCH).cycle() {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        // A full queue is what is being looked for; the frame is simply not offered.
        let taken = link.send(batch).unwrap_or(0);
        sent.fetch_add(u64::try_from(taken).unwrap_or(0), Ordering::Relaxed);
    }
    Ok(())
}
