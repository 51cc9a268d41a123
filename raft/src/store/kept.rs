//! How far a member's own log is on its disk.
//!
//! What a witness may hear of depends on it: see `network::turn`.

use std::sync::Arc;

use tokio::sync::watch;

use crate::group::Position;

/// Says how far the log is on the disk. Clones say it of the same log.
#[derive(Clone, Debug)]
pub(crate) struct Keeping(Arc<watch::Sender<Position>>);

impl Keeping {
    pub(crate) fn from(position: Position) -> Self {
        Self(Arc::new(watch::Sender::new(position)))
    }

    pub(crate) fn reached(&self, position: Position) {
        self.0.send_if_modified(|known| {
            let news = position > *known;
            *known = position.max(*known);
            news
        });
    }

    pub(crate) fn watch(&self) -> Kept {
        Kept(self.0.subscribe())
    }
}

/// Watches how far the log is on the disk.
#[derive(Clone, Debug)]
pub(crate) struct Kept(watch::Receiver<Position>);

impl Kept {
    /// Waits until the entry at `position`, and all before it, are on the disk. Cancel safe.
    /// For ever, if the store has ended: then there is nothing to be told either.
    pub(crate) async fn until(&mut self, position: Position) {
        if self.0.wait_for(|kept| *kept >= position).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn an_entry_of_a_later_term_is_not_kept_because_a_longer_log_was() {
        let keeping = Keeping::from((1, 9));
        let is_kept = |term, index| {
            keeping
                .watch()
                .until((term, index))
                .now_or_never()
                .is_some()
        };
        assert!(is_kept(1, 9) && is_kept(1, 4));
        assert!(!is_kept(2, 6));
        keeping.reached((2, 6));
        assert!(is_kept(2, 6) && !is_kept(2, 7));
        keeping.reached((2, 5));
        assert!(is_kept(2, 6), "what was kept stays kept");
    }
}
