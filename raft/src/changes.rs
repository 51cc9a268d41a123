//! Committed changes of the state group on their way to the local consumer.
//!
//! The consumer programs the standby's tables; the consensus must never wait for it. So the queue is
//! bounded, and a consumer that falls behind does not get what it missed but all there is: the state is
//! a cheap frozen clone, and taking it over twice changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use raft_state::{Batch, ClusterState, Names, StateCommand, StateOutcome};
use tokio::sync::{Notify, mpsc};
use types::{NeighborRecord, NodeId, SessionChange};

use crate::group::MemoryGroup;
use crate::store::{Applied, Observer};

/// What the state group agreed on.
#[derive(Clone, Debug)]
pub enum Committed {
    /// Everything, as it is now: the first thing that a consumer gets, and what it gets instead of
    /// changes that it was too slow for. What the consumer holds beyond it may be newer: nothing is to
    /// be deleted because it is missing here, but by an audit ([`Changes::checkpoint`]).
    Snapshot(Arc<ClusterState>),
    /// What one node did.
    Batch {
        /// Which node.
        proposer: NodeId,
        /// Whether this node proposed it, so that its tables hold it already.
        own: bool,
        /// Changes of sessions; those that came too late are not among them.
        sessions: Vec<SessionChange>,
        /// Neighbours that were resolved.
        neighbors: Vec<NeighborRecord>,
    },
}

/// One consumer's view of what is committed, in order.
#[derive(Debug)]
pub struct Changes {
    me: NodeId,
    queue: mpsc::Receiver<Merged>,
    names: Names,
    lag: Arc<Lag>,
    applied: Arc<Applied<MemoryGroup>>,
}

/// A batch that became part of the state. Unpacked by the consumer, so that the consensus need not.
#[derive(Debug)]
struct Merged {
    batch: Arc<Batch>,
    /// Places of the changes that came too late; nearly always empty.
    stale: Vec<u32>,
}

impl Merged {
    fn unpack(self, me: NodeId, names: &mut Names) -> Committed {
        let Self { batch, stale } = self;
        let is_stale = |place: u32| !stale.is_empty() && stale.contains(&place);
        let changes = (0..).zip(batch.sessions.iter());
        Committed::Batch {
            proposer: batch.proposer,
            own: batch.proposer == me,
            sessions: changes
                .filter(|(place, _)| !is_stale(*place))
                .filter_map(|(_, change)| change.unpack(names))
                .collect(),
            neighbors: batch.neighbors.clone(),
        }
    }
}

#[derive(Debug)]
struct Lag {
    behind: AtomicBool,
    news: Notify,
}

impl Changes {
    /// What waits to be consumed, and the answer of the state that it leads to, both of one moment: so
    /// whoever has consumed it can compare. `None` while the consumer is behind, and its next change is
    /// everything.
    ///
    /// Nothing is applied meanwhile: ask what is quickly answered. A clone would be quick, too, but each
    /// shard that changes while it lives is copied.
    pub fn checkpoint<T>(
        &mut self,
        question: impl FnOnce(&ClusterState) -> T,
    ) -> Option<(Vec<Committed>, T)> {
        // Changes are queued while the state is held, so nothing comes between the two.
        let (waiting, answer) = self.applied.ask(|state| {
            if self.lag.behind.load(Ordering::Acquire) {
                return None;
            }
            let mut waiting = Vec::new();
            while let Ok(merged) = self.queue.try_recv() {
                waiting.push(merged);
            }
            Some((waiting, question(state)))
        })?;
        let unpack = |merged: Merged| merged.unpack(self.me, &mut self.names);
        Some((waiting.into_iter().map(unpack).collect(), answer))
    }

    /// The next change; `None` when the group has ended for good. Cancel safe: nothing is taken from
    /// the queue before it is returned.
    pub async fn next(&mut self) -> Option<Committed> {
        loop {
            // The publisher sets the mark after the state has changed, so a clone taken after the
            // mark was cleared holds everything that was dropped until then.
            if self.lag.behind.swap(false, Ordering::AcqRel) {
                while self.queue.try_recv().is_ok() {}
                return Some(Committed::Snapshot(Arc::new(self.applied.state())));
            }
            // Both branches only wait.
            tokio::select! {
                biased;
                () = self.lag.news.notified() => {}
                next = self.queue.recv() => {
                    return Some(next?.unpack(self.me, &mut self.names));
                }
            }
        }
    }
}

/// Hands committed changes to all consumers.
#[derive(Debug)]
pub(crate) struct Hub {
    me: NodeId,
    unread: usize,
    // Taken by the applier for microseconds and by whoever subscribes, once.
    consumers: Mutex<Vec<Consumer>>,
    applied: Arc<Applied<MemoryGroup>>,
}

#[derive(Debug)]
struct Consumer {
    queue: mpsc::Sender<Merged>,
    lag: Arc<Lag>,
}

impl Consumer {
    fn fall_behind(&self) {
        self.lag.behind.store(true, Ordering::Release);
        self.lag.news.notify_one();
    }
}

impl Hub {
    pub(crate) fn new(me: NodeId, unread: usize) -> Self {
        Self {
            me,
            unread,
            consumers: Mutex::default(),
            applied: Arc::default(),
        }
    }

    pub(crate) const fn agreed(&self) -> &Arc<Applied<MemoryGroup>> {
        &self.applied
    }

    pub(crate) fn subscribe(&self) -> Changes {
        let (queue, receiver) = mpsc::channel(self.unread);
        let lag = Arc::new(Lag {
            behind: AtomicBool::new(true),
            news: Notify::new(),
        });
        self.consumers.lock().push(Consumer {
            queue,
            lag: Arc::clone(&lag),
        });
        Changes {
            me: self.me,
            queue: receiver,
            names: Names::default(),
            lag,
            applied: Arc::clone(&self.applied),
        }
    }
}

impl Observer<MemoryGroup> for Hub {
    fn applied(
        &self,
        _index: u64,
        _state: &ClusterState,
        command: &StateCommand,
        outcome: &StateOutcome,
    ) {
        let (StateCommand::Batch(batch), StateOutcome::Applied { stale }) = (command, outcome)
        else {
            return;
        };
        let mut consumers = self.consumers.lock();
        consumers.retain(|consumer| !consumer.queue.is_closed());
        for consumer in consumers.iter() {
            let Ok(place) = consumer.queue.try_reserve() else {
                consumer.fall_behind();
                continue;
            };
            place.send(Merged {
                batch: Arc::clone(batch),
                stale: stale.clone(),
            });
        }
    }

    fn replaced(&self, _index: u64, _state: &ClusterState) {
        self.consumers.lock().iter().for_each(Consumer::fall_behind);
    }
}

#[cfg(test)]
mod tests {
    use raft_state::{Incarnation, Packed};

    use super::*;

    fn batch(sequence: u64) -> StateCommand {
        StateCommand::from(Batch {
            proposer: NodeId(2),
            incarnation: Incarnation(1),
            sequence,
            sessions: Packed::default(),
            neighbors: Vec::new(),
        })
    }

    fn apply(hub: &Hub, sequence: u64) {
        let outcome = StateOutcome::Applied { stale: Vec::new() };
        hub.applied(1, &hub.agreed().state(), &batch(sequence), &outcome);
    }

    #[tokio::test]
    async fn a_consumer_begins_with_everything_and_goes_on_with_changes() {
        let hub = Hub::new(NodeId(1), 4);
        let mut changes = hub.subscribe();
        assert!(matches!(changes.next().await, Some(Committed::Snapshot(_))));
        apply(&hub, 1);
        assert!(matches!(
            changes.next().await,
            Some(Committed::Batch { own: false, .. })
        ));
    }

    #[tokio::test]
    async fn a_checkpoint_is_what_waits_and_the_state_that_it_leads_to() {
        let hub = Hub::new(NodeId(1), 2);
        let mut changes = hub.subscribe();
        let sessions = ClusterState::session_count;
        assert!(
            changes.checkpoint(sessions).is_none(),
            "it begins with everything"
        );
        assert!(matches!(changes.next().await, Some(Committed::Snapshot(_))));
        apply(&hub, 1);
        apply(&hub, 2);
        let (waiting, held) = changes.checkpoint(sessions).unwrap();
        assert_eq!((waiting.len(), held), (2, 0));
        let (waiting, _) = changes.checkpoint(sessions).unwrap();
        assert_eq!(waiting.len(), 0);
        for sequence in 3..=5 {
            apply(&hub, sequence);
        }
        assert!(changes.checkpoint(sessions).is_none(), "it fell behind");
        assert!(matches!(changes.next().await, Some(Committed::Snapshot(_))));
    }

    #[tokio::test]
    async fn a_consumer_that_is_too_slow_gets_everything_instead() {
        let hub = Hub::new(NodeId(2), 2);
        let mut changes = hub.subscribe();
        assert!(matches!(changes.next().await, Some(Committed::Snapshot(_))));
        for sequence in 1..=3 {
            apply(&hub, sequence);
        }
        assert!(matches!(changes.next().await, Some(Committed::Snapshot(_))));
        apply(&hub, 4);
        assert!(matches!(
            changes.next().await,
            Some(Committed::Batch { own: true, .. })
        ));
        drop(hub);
        assert!(changes.next().await.is_none());
    }
}
