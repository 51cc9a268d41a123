//! A bounded queue into an actor that says what it lost.
//!
//! Two ways in, one for each policy of the style guide: [`Outlet::offer`] drops the newest and
//! counts it, [`Outlet::send`] waits. A queue without either word beside it does not exist.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

/// The actor's end.
#[derive(Debug)]
pub struct Mailbox<T> {
    queue: mpsc::Receiver<T>,
}

/// The others' end; cheap to clone.
#[derive(Debug)]
pub struct Outlet<T> {
    queue: mpsc::Sender<T>,
    lost: Arc<AtomicU64>,
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            lost: Arc::clone(&self.lost),
        }
    }
}

/// The actor is gone; what was sent is given back.
#[derive(Debug, thiserror::Error)]
#[error("the receiving actor has ended")]
pub struct Gone<T>(pub T);

/// A queue of at most `bound` messages.
pub fn mailbox<T>(bound: usize) -> (Outlet<T>, Mailbox<T>) {
    let (sender, receiver) = mpsc::channel(bound);
    (
        Outlet {
            queue: sender,
            lost: Arc::default(),
        },
        Mailbox { queue: receiver },
    )
}

impl<T> Outlet<T> {
    /// Hands `message` over or, when the queue is full, gives it back and counts the loss.
    /// Never waits: for packet workers and timers.
    pub fn offer(&self, message: T) -> Result<(), T> {
        self.queue.try_send(message).map_err(|refused| {
            self.lost.fetch_add(1, Ordering::Relaxed);
            refused.into_inner()
        })
    }

    /// Waits for room: for what must not be lost and is rare.
    pub async fn send(&self, message: T) -> Result<(), Gone<T>> {
        self.queue
            .send(message)
            .await
            .map_err(|refused| Gone(refused.0))
    }

    /// Waits for room on a thread that is not a tokio worker.
    pub fn send_blocking(&self, message: T) -> Result<(), Gone<T>> {
        self.queue
            .blocking_send(message)
            .map_err(|refused| Gone(refused.0))
    }

    /// How many messages [`Outlet::offer`] gave back.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl<T> Mailbox<T> {
    /// The next message; `None` when nobody can send any more. Cancel safe.
    pub async fn next(&mut self) -> Option<T> {
        self.queue.recv().await
    }

    /// The next message if one waits already.
    pub fn try_next(&mut self) -> Option<T> {
        self.queue.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_mailbox_gives_the_newest_back_and_counts_it() {
        let (outlet, mut mailbox) = mailbox(1);
        assert_eq!(outlet.offer(1), Ok(()));
        assert_eq!(outlet.offer(2), Err(2));
        assert_eq!(outlet.lost(), 1);
        assert_eq!(mailbox.next().await, Some(1));
    }
}
