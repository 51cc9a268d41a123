//! The storage loop: all writes of the durable group, in order, one flush for all that wait.
//!
//! It has a thread of its own, because a disk makes whoever calls it wait; in a simulation, whose disk
//! is a map, it is a task among others.

use std::io;

use runtime::Subsystem;
use tokio::sync::{mpsc, oneshot};

use super::keyspace::{Change, KvStore, StoreError};

/// Jobs that may wait; beyond, the consensus waits, which is what a slow disk should do to it.
const QUEUE: usize = 1024;
/// Jobs that share one flush. A flush takes milliseconds, so that more hardly ever wait.
const GROUP: usize = 256;

/// Called when a job is on the disk, or is known not to be.
pub(crate) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

struct Job {
    changes: Vec<Change>,
    /// Absent: nobody waits, and no flush is needed.
    done: Option<Done>,
}

/// Where the log store's writes go.
#[derive(Clone, Debug)]
pub(crate) enum Journal {
    /// Nowhere: the log is in memory only.
    None,
    /// To the storage loop.
    Queue(mpsc::Sender<Box<JobBox>>),
}

/// Keeps the queue's element small and its content private.
pub(crate) struct JobBox(Job);

impl std::fmt::Debug for JobBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({} changes)", self.0.changes.len())
    }
}

impl Journal {
    /// Starts the thread that owns `store`. It ends when the last [`Journal`] is gone.
    pub(crate) fn on_thread(
        store: impl KvStore,
        subsystem: &mut Subsystem,
    ) -> Result<Self, io::Error> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        subsystem.spawn_thread("raft-store", move |_shutdown| {
            futures::executor::block_on(run(store, queue));
        })?;
        Ok(Self::Queue(jobs))
    }

    /// The same as a task, for a store whose calls take no time.
    pub(crate) fn on_task(store: impl KvStore, subsystem: &mut Subsystem) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        subsystem.spawn("raft-store", run(store, queue));
        Self::Queue(jobs)
    }

    /// Whether nothing is kept, and encoding would be in vain.
    pub(crate) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Hands `changes` over; `done` is called when they are on the disk.
    pub(crate) async fn submit(&self, changes: Vec<Change>, done: Done) {
        match self {
            Self::None => done(Ok(())),
            Self::Queue(jobs) => {
                let job = Job {
                    changes,
                    done: Some(done),
                };
                if let Err(refused) = jobs.send(Box::new(JobBox(job))).await
                    && let Some(done) = refused.0.0.done
                {
                    done(Err(stopped()));
                }
            }
        }
    }

    /// Waits until `changes` are on the disk.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> io::Result<()> {
        let (done, written) = oneshot::channel();
        self.submit(
            changes,
            Box::new(move |result| {
                // Nobody waits any more when the consensus was stopped.
                let _unheard = done.send(result);
            }),
        )
        .await;
        written.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Writes `changes` at some time: for what is only a hint.
    pub(crate) async fn note(&self, changes: Vec<Change>) -> io::Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Queue(jobs) => jobs
                .send(Box::new(JobBox(Job {
                    changes,
                    done: None,
                })))
                .await
                .map_err(|_| stopped()),
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("the storage loop has ended")
}

async fn run(mut store: impl KvStore, mut queue: mpsc::Receiver<Box<JobBox>>) {
    // Set by the first failure, and never cleared: after it nobody knows what the disk holds.
    let mut broken: Option<String> = None;
    while let Some(first) = queue.recv().await {
        let mut jobs = vec![first.0];
        while jobs.len() < GROUP
            && let Ok(next) = queue.try_recv()
        {
            jobs.push(next.0);
        }
        if broken.is_none()
            && let Err(error) = perform(&mut store, &mut jobs).await
        {
            let text = describe(&error);
            tracing::error!(error = %text, "the store takes no more writes");
            broken = Some(text);
        }
        for job in jobs {
            if let Some(done) = job.done {
                done(
                    broken
                        .clone()
                        .map_or(Ok(()), |text| Err(io::Error::other(text))),
                );
            }
        }
    }
}

async fn perform(store: &mut impl KvStore, jobs: &mut [Job]) -> Result<(), StoreError> {
    let changes: Vec<Change> = jobs
        .iter_mut()
        .flat_map(|job| std::mem::take(&mut job.changes))
        .collect();
    store.write(&changes)?;
    if jobs.iter().any(|job| job.done.is_some()) {
        store.before_sync().await;
        store.sync()?;
    }
    Ok(())
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
