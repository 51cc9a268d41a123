//! Where the log's and the machine's writes go: a queue to the storage loop, which makes them in order.

mod writer;

use std::io;

use runtime::{Clock, Subsystem};
use tokio::sync::{mpsc, oneshot, watch};

use super::health::StorageHealth;
use super::keyspace::{Change, KvStore};
use writer::{Writer, tick};

/// Jobs that may wait; beyond, the consensus waits, which is what a slow disk should do to it.
const QUEUE: usize = 1024;

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

/// A journal and how its store is.
pub(crate) type Opened = (Journal, watch::Receiver<StorageHealth>);

impl Journal {
    /// Starts the thread that owns `store`. It ends when the last [`Journal`] is gone.
    pub(crate) fn on_thread(
        store: impl KvStore,
        clock: Clock,
        subsystem: &mut Subsystem,
    ) -> Result<Opened, io::Error> {
        let (writer, opened) = prepare(store, clock, subsystem);
        subsystem.spawn_thread("raft-store", move |_shutdown| {
            futures::executor::block_on(writer.run());
        })?;
        Ok(opened)
    }

    /// The same as a task, for a store whose calls take no time.
    pub(crate) fn on_task(store: impl KvStore, clock: Clock, subsystem: &mut Subsystem) -> Opened {
        let (writer, opened) = prepare(store, clock, subsystem);
        subsystem.spawn("raft-store", writer.run());
        opened
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

fn prepare<S: KvStore>(store: S, clock: Clock, subsystem: &mut Subsystem) -> (Writer<S>, Opened) {
    let (jobs, queue) = mpsc::channel(QUEUE);
    // One tick: who has not taken the last one needs no other.
    let (ticker, ticks) = mpsc::channel(1);
    let (health, seen) = watch::channel(StorageHealth::default());
    subsystem.spawn("raft-store ticks", tick(ticker, subsystem.shutdown()));
    let writer = Writer::new(store, queue, ticks, clock, health);
    (writer, (Journal::Queue(jobs), seen))
}
