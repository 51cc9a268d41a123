//! A watch channel that wakes in order.
//!
//! The value lives in tokio's channel; the waiting is a [`Notify`], whose queue is first come, first
//! served. The order in which tasks wake is part of what a simulation must be able to repeat.

use std::sync::Arc;

use openraft::OptionalSend;
use openraft::async_runtime::{Watch, WatchReceiver, WatchSender, watch};
use openraft::rt::OptionalSync;
use tokio::sync::{Notify, watch as channel};

/// The channel's kind.
pub(crate) struct Fair;

/// The writing end; clones share it.
pub(crate) struct Sender<T>(Arc<Writer<T>>);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Writer<T> {
    value: channel::Sender<T>,
    /// Told last of all, when the channel above is closed already.
    news: Farewell,
}

struct Farewell(Arc<Notify>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

/// A reading end.
pub(crate) struct Receiver<T> {
    value: channel::Receiver<T>,
    news: Arc<Notify>,
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            news: Arc::clone(&self.news),
        }
    }
}

impl Watch for Fair {
    type Sender<T: OptionalSend + OptionalSync> = Sender<T>;
    type Receiver<T: OptionalSend + OptionalSync> = Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = channel::Ref<'a, T>;

    fn channel<T: OptionalSend + OptionalSync>(init: T) -> (Sender<T>, Receiver<T>) {
        let (sender, value) = channel::channel(init);
        let news = Arc::<Notify>::default();
        let writer = Writer {
            value: sender,
            news: Farewell(Arc::clone(&news)),
        };
        (Sender(Arc::new(writer)), Receiver { value, news })
    }
}

impl<T: OptionalSend + OptionalSync> WatchSender<Fair, T> for Sender<T> {
    fn send(&self, value: T) -> Result<(), watch::SendError<T>> {
        self.0
            .value
            .send(value)
            .map_err(|refused| watch::SendError(refused.0))?;
        self.0.news.0.notify_waiters();
        Ok(())
    }

    fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        let modified = self.0.value.send_if_modified(modify);
        if modified {
            self.0.news.0.notify_waiters();
        }
        modified
    }

    fn borrow_watched(&self) -> channel::Ref<'_, T> {
        self.0.value.borrow()
    }

    fn subscribe(&self) -> Receiver<T> {
        Receiver {
            value: self.0.value.subscribe(),
            news: Arc::clone(&self.0.news.0),
        }
    }
}

impl<T: OptionalSend + OptionalSync> WatchReceiver<Fair, T> for Receiver<T> {
    /// Cancel safe: the value is marked as seen without waiting after that.
    async fn changed(&mut self) -> Result<(), watch::RecvError> {
        loop {
            // Waiting begins before the look, so that no news falls between the two.
            let mut notified = std::pin::pin!(self.news.notified());
            notified.as_mut().enable();
            match self.value.has_changed() {
                Ok(true) => break,
                Ok(false) => notified.await,
                // Closed: what came before the end is still to be told.
                Err(_) if self.value.borrow_and_update().has_changed() => break,
                Err(_) => return Err(watch::RecvError(())),
            }
        }
        self.value.mark_unchanged();
        Ok(())
    }

    fn borrow_watched(&self) -> channel::Ref<'_, T> {
        self.value.borrow()
    }

    fn borrow_and_update(&mut self) -> channel::Ref<'_, T> {
        self.value.borrow_and_update()
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[tokio::test]
    async fn who_waits_first_wakes_first() {
        let (sender, receiver) = Fair::channel(0);
        let woken = Arc::<Mutex<Vec<u32>>>::default();
        let mut waiting = tokio::task::JoinSet::new();
        for place in 0..16 {
            let (mut receiver, woken) = (receiver.clone(), Arc::clone(&woken));
            waiting.spawn(async move {
                receiver.changed().await.unwrap();
                woken.lock().push(place);
            });
        }
        tokio::task::yield_now().await;
        sender.send(1).unwrap();
        waiting.join_all().await;
        assert_eq!(*woken.lock(), (0..16).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn the_last_value_counts_and_then_the_end() {
        let (sender, mut receiver) = Fair::channel(0);
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        drop(sender);
        // As with tokio's: news that came before the end are still told.
        assert!(receiver.changed().await.is_ok());
        assert_eq!(*receiver.borrow_watched(), 2);
        assert!(receiver.changed().await.is_err());
    }
}
