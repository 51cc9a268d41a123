//! The storage loop: all writes of the durable group, in order, one flush for all that wait.
//!
//! It has a thread of its own, because a disk makes whoever calls it wait; in a simulation, whose disk
//! is a map, it is a task among others. Time comes to it as ticks, so that it needs no timer of its own;
//! when no more of them come, the member is shutting down.
//!
//! ```text
//!   jobs ──► some hundred of them ──► write ──► flush ──► each one's `done`
//!   (1024)                             │  ▲
//!                              no room ▼  │ a tick: try again
//!                                    wait ── shutdown, or nobody is left ──► an error for all
//! ```
//!
//! # A full disk
//!
//! A write that finds no room has changed nothing, so it is made again every second until it succeeds,
//! and whatever came after it waits behind it. What that means for the consensus:
//!
//! - An entry that is not on the disk is not acknowledged. A leader does not count itself then; it goes
//!   on sending entries and heartbeats, and commits and applies what the others acknowledge. A follower
//!   does not answer: it is sent the same entries again, applies those that are committed, and falls
//!   behind after a dozen. Where the others are no majority nothing is committed, whoever leads: the vote
//!   that is missing is this member's.
//! - A vote is given when it is on the disk and not before. The consensus waits for it, and answers
//!   nobody meanwhile: an election that this member is asked in stops it until there is room, and is won
//!   by others if they are a majority.
//! - When the queue is full the consensus waits as well. A leader's heartbeats end with that, so it
//!   steps down within an election timeout: the others elect somebody whose disk has room, and carry on
//!   from the entries that they hold, which are all that were ever committed. To hand leadership over
//!   before that would help nobody: it would take the vote of this member, and stop it sooner.
//!
//! In each of these cases the member goes on by itself as soon as there is room.

use std::io;
use std::time::Duration;

use runtime::{Clock, Shutdown};
use tokio::sync::{mpsc, watch};
use types::Instant;

use super::super::health::{NoRoom, StorageHealth};
use super::super::keyspace::{Change, KvStore, StoreError};
use super::{Job, JobBox};

/// Jobs that share one flush. A flush takes milliseconds, so that more hardly ever wait.
const GROUP: usize = 256;
/// Between two tries to write to a full disk.
const TICK: Duration = Duration::from_secs(1);
/// Between two looks at how much room there is, while nothing is wrong.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks at whether the store should be built anew: everything waits while it is.
const TIDY: Duration = Duration::from_mins(3);

/// Sends ticks until the shutdown.
pub(super) async fn tick(ticks: mpsc::Sender<()>, mut shutdown: Shutdown) {
    loop {
        // Cancel safe: both only wait.
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            () = tokio::time::sleep(TICK) => {
                // The last one may not have been taken yet, or the loop may be gone.
                let _missed = ticks.try_send(());
            }
        }
    }
}

/// The one that owns the store.
pub(super) struct Writer<S> {
    store: S,
    queue: mpsc::Receiver<Box<JobBox>>,
    ticks: mpsc::Receiver<()>,
    clock: Clock,
    health: watch::Sender<StorageHealth>,
    /// Set by the first failure that is not a lack of room, and never cleared: after it nobody knows what
    /// the disk holds.
    broken: Option<String>,
    looked_at: Instant,
    /// Entries were removed since the store was last looked at for waste.
    untidy: bool,
    tidied_at: Instant,
    /// Something was written since the last tick.
    busy: bool,
}

impl<S: KvStore> Writer<S> {
    pub(super) fn new(
        store: S,
        queue: mpsc::Receiver<Box<JobBox>>,
        ticks: mpsc::Receiver<()>,
        clock: Clock,
        health: watch::Sender<StorageHealth>,
    ) -> Self {
        let now = clock.now();
        Self {
            store,
            queue,
            ticks,
            clock,
            health,
            broken: None,
            looked_at: now,
            untidy: false,
            // A store was built anew when it was opened, if it had to be.
            tidied_at: now,
            busy: false,
        }
    }

    /// Writes until nobody is left who could want it.
    pub(super) async fn run(mut self) {
        self.look();
        loop {
            // Cancel safe: a job or a tick is taken when its branch wins. Ticks come first, because the
            // queue may never be empty.
            tokio::select! {
                biased;
                Some(()) = self.ticks.recv() => self.ticked(),
                job = self.queue.recv() => match job {
                    Some(first) => self.serve(first.0).await,
                    None => return,
                },
            }
        }
    }

    /// Keeps `first` and whatever else is waiting.
    async fn serve(&mut self, first: Job) {
        let mut jobs = vec![first];
        while jobs.len() < GROUP
            && let Ok(next) = self.queue.try_recv()
        {
            jobs.push(next.0);
        }
        let outcome = match &self.broken {
            Some(text) => Err(text.clone()),
            None => self.keep(&mut jobs).await.map_err(|error| {
                let text = describe(&error);
                tracing::error!(error = %text, "the store takes no more writes");
                self.broken = Some(text.clone());
                text
            }),
        };
        for job in jobs {
            if let Some(done) = job.done {
                done(outcome.clone().map_err(io::Error::other));
            }
        }
    }

    async fn keep(&mut self, jobs: &mut [Job]) -> Result<(), StoreError> {
        let changes: Vec<Change> = jobs
            .iter_mut()
            .flat_map(|job| std::mem::take(&mut job.changes))
            .collect();
        self.write(&changes).await?;
        self.busy = true;
        self.untidy |= changes
            .iter()
            .any(|change| matches!(change, Change::Delete(_)));
        if jobs.iter().any(|job| job.done.is_some()) {
            self.store.before_sync().await;
            self.store.sync()?;
        }
        Ok(())
    }

    /// Writes as soon as there is room. Fails for any other reason, or when the member shuts down.
    async fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let full = match self.store.write(changes) {
            Err(error @ StoreError::NoSpace { .. }) => error,
            result => return result,
        };
        let since = self.clock.now();
        self.show_full(since, &full);
        tracing::error!(
            event = "storage-full", error = %full,
            "the control group waits for room on the disk; packets go on"
        );
        self.tidy();
        loop {
            match self.store.write(changes) {
                Err(error @ StoreError::NoSpace { .. }) => {
                    self.show_full(since, &error);
                    // A tick that lay there already only makes this try an early one.
                    if self.ticks.recv().await.is_none() || self.queue.is_closed() {
                        return Err(error);
                    }
                }
                result => {
                    self.look();
                    let waited_s = (self.clock.now() - since).as_secs();
                    if result.is_ok() {
                        tracing::info!(
                            event = "storage-has-room",
                            waited_s,
                            "there is room on the disk again: the control group goes on"
                        );
                    }
                    return result;
                }
            }
        }
    }

    fn ticked(&mut self) {
        let now = self.clock.now();
        if now - self.looked_at >= LOOK {
            self.look();
        }
        let calm = !std::mem::take(&mut self.busy) && self.queue.is_empty();
        if self.untidy && calm && self.broken.is_none() && now - self.tidied_at >= TIDY {
            self.tidy();
        }
    }

    /// Gives back what nobody needs, if it has become too much. A failure that matters shows at the next
    /// write.
    fn tidy(&mut self) {
        self.untidy = false;
        self.tidied_at = self.clock.now();
        if let Err(error) = self.store.rebuild_if_wasteful() {
            tracing::warn!(error = %describe(&error), "the store could not be built anew");
        }
    }

    /// Shows how much room there is.
    fn look(&mut self) {
        self.looked_at = self.clock.now();
        let room = self
            .store
            .headroom()
            .inspect_err(|error| tracing::debug!(%error, "how full the disk is cannot be told"))
            .ok();
        self.health.send_replace(StorageHealth { room, full: None });
    }

    /// Shows that `error` holds everything up.
    fn show_full(&mut self, since: Instant, error: &StoreError) {
        self.look();
        let needed_bytes = match error {
            StoreError::NoSpace { needed_bytes, .. } => *needed_bytes,
            StoreError::Damaged { .. }
            | StoreError::OtherKind { .. }
            | StoreError::InUse { .. }
            | StoreError::Io { .. } => 0,
        };
        let full = NoRoom {
            since,
            needed_bytes,
            error: error.to_string(),
        };
        self.health.send_modify(|health| health.full = Some(full));
    }
}

/// The error with its causes in one line: it crosses the consensus library as text.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
