//! Tasks and threads that somebody watches and stops.
//!
//! A [`Subsystem`] owns what it spawned. The first one that ends without having been asked to ends
//! the wait of [`Subsystem::first_end`], whose caller decides (restart, or end the process); the
//! others see [`Shutdown`] and drain.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// Tells tasks and threads that it is time to go.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Waits until the subsystem stops. Cancel safe.
    pub async fn requested(&mut self) {
        // An error means that the subsystem itself is gone, which is the same news.
        let _stopped_or_gone = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether it stops; for threads, which poll.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

/// How a part of a subsystem ended.
#[derive(Debug)]
pub struct SubsystemEnd {
    /// The part's name.
    pub name: &'static str,
    /// What it said, or how it panicked.
    pub outcome: Result<(), String>,
}

/// A set of named tasks and threads with one stop.
#[derive(Debug)]
pub struct Subsystem {
    stop: watch::Sender<bool>,
    parts: JoinSet<SubsystemEnd>,
}

impl Default for Subsystem {
    fn default() -> Self {
        Self {
            stop: watch::Sender::new(false),
            parts: JoinSet::new(),
        }
    }
}

impl Subsystem {
    /// The signal for parts that are started elsewhere.
    pub fn shutdown(&self) -> Shutdown {
        Shutdown(self.stop.subscribe())
    }

    /// Runs `task` on the current tokio runtime.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.parts.spawn(async move {
            let outcome = AssertNoPanic::run(task).await;
            SubsystemEnd { name, outcome }
        });
    }

    /// Runs `body` on an operating-system thread that carries `name` (15 bytes show in `ps`).
    pub fn spawn_thread(
        &mut self,
        name: &'static str,
        body: impl FnOnce(Shutdown) + Send + 'static,
    ) -> std::io::Result<()> {
        let shutdown = self.shutdown();
        let (done, ended) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let result =
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(shutdown)));
                // Nobody waits any more when the subsystem was dropped.
                let _unheard = done.send(result.map_err(|payload| panic_text(payload.as_ref())));
            })?;
        self.parts.spawn(async move {
            let outcome = ended
                .await
                .unwrap_or_else(|_| Err("the thread vanished".to_owned()));
            SubsystemEnd { name, outcome }
        });
        Ok(())
    }

    /// Waits for the first part that ends; `None` when there is none left. Cancel safe.
    pub async fn first_end(&mut self) -> Option<SubsystemEnd> {
        self.parts.join_next().await.map(|joined| {
            joined.unwrap_or_else(|error| SubsystemEnd {
                name: "task",
                outcome: Err(error.to_string()),
            })
        })
    }

    /// Asks all parts to go and waits for them, at most `patience`; tasks that stay are aborted.
    pub async fn stop(mut self, patience: Duration) {
        self.stop.send_replace(true);
        let drained = async { while self.parts.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, drained).await.is_err() {
            self.parts.abort_all();
        }
    }
}

/// Turns a panic of a task into a value, so that its name is still known.
struct AssertNoPanic;

impl AssertNoPanic {
    async fn run(task: impl Future<Output = ()>) -> Result<(), String> {
        use std::panic::{AssertUnwindSafe, catch_unwind};
        let mut task = Box::pin(task);
        std::future::poll_fn(move |context| {
            match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context))) {
                Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
                Ok(std::task::Poll::Ready(())) => std::task::Poll::Ready(Ok(())),
                Err(payload) => std::task::Poll::Ready(Err(panic_text(payload.as_ref()))),
            }
        })
        .await
    }
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panicked without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_part_that_ends_is_named_with_its_panic() {
        let mut subsystem = Subsystem::default();
        let mut shutdown = subsystem.shutdown();
        subsystem.spawn("stays", async move { shutdown.requested().await });
        subsystem.spawn("breaks", async { panic!("on purpose") });

        let end = subsystem.first_end().await.unwrap();

        assert_eq!(
            (end.name, end.outcome),
            ("breaks", Err("on purpose".to_owned()))
        );
        subsystem.stop(Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn threads_see_the_stop() {
        let mut subsystem = Subsystem::default();
        subsystem
            .spawn_thread("polls", |shutdown| {
                while !shutdown.is_requested() {
                    std::thread::yield_now();
                }
            })
            .unwrap();
        subsystem.stop(Duration::from_secs(5)).await;
    }
}
