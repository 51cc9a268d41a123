//! Session changes that wait to be agreed on.
//!
//! Packet workers never wait for a quorum: they hand changes over and go on. While a batch is on its
//! way, or nobody leads, changes of one session merge into its newest; beyond the bound, changes of
//! further sessions are refused and counted. A session that was refused lives on its owner alone until
//! its next change.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use ahash::RandomState;
use parking_lot::Mutex;
use tokio::sync::Notify;
use types::{Giid, NeighborRecord, SessionChange, SessionId};

use crate::error::PublishRefused;

/// Shared between those who publish and the proposer.
#[derive(Debug)]
pub(crate) struct Pending {
    // Held for the time of a few map operations, never across a wait.
    queue: Mutex<Queue>,
    limit: usize,
    news: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Changes in the order in which their sessions first came.
    sessions: VecDeque<SessionChange>,
    /// Where each session stands, counted from the first change that ever came; ids are made by nodes
    /// and not by clients, and random in part. Its own order decides nothing.
    places: HashMap<SessionId, u64, RandomState>,
    /// How many changes were taken.
    taken: u64,
    // In an order that is the same in every repetition.
    neighbors: BTreeMap<(Giid, IpAddr), NeighborRecord>,
    /// What an earlier generation of the group knew; sent when nothing newer waits. Its bound is the
    /// table that it comes from.
    backlog: VecDeque<SessionChange>,
    refused: u64,
}

impl Queue {
    /// Takes a change over; `false` if it is of a session that finds no room.
    fn add(&mut self, change: SessionChange, full: bool) -> bool {
        let next = self.taken + self.sessions.len() as u64;
        match self.places.entry(change.id()) {
            Entry::Vacant(_) if full => return false,
            Entry::Vacant(place) => {
                place.insert(next);
                self.sessions.push_back(change);
            }
            Entry::Occupied(place) => {
                let ahead = usize::try_from(place.get() - self.taken).ok();
                let known = ahead.and_then(|ahead| self.sessions.get_mut(ahead));
                if let Some(known) = known
                    && change.rank() > known.rank()
                {
                    *known = change;
                }
            }
        }
        true
    }

    fn len(&self) -> usize {
        self.sessions.len() + self.neighbors.len()
    }
}

impl Pending {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            queue: Mutex::default(),
            limit,
            news: Notify::new(),
        }
    }

    /// Takes changes over, as many as fit.
    pub(crate) fn add(
        &self,
        sessions: Vec<SessionChange>,
        neighbors: Vec<NeighborRecord>,
    ) -> Result<(), PublishRefused> {
        let mut refused = 0;
        let mut queue = self.queue.lock();
        for change in sessions {
            let full = queue.len() >= self.limit;
            refused += usize::from(!queue.add(change, full));
        }
        for neighbor in neighbors {
            let key = (neighbor.interface, neighbor.ip);
            if queue.len() >= self.limit && !queue.neighbors.contains_key(&key) {
                refused += 1;
            } else {
                queue.neighbors.insert(key, neighbor);
            }
        }
        let pending = queue.len();
        queue.refused += u64::try_from(refused).unwrap_or(u64::MAX);
        drop(queue);
        self.news.notify_one();
        if refused == 0 {
            Ok(())
        } else {
            Err(PublishRefused { refused, pending })
        }
    }

    /// Takes over what a new generation of the group has to be told.
    pub(crate) fn add_backlog(&self, changes: impl Iterator<Item = SessionChange>) {
        self.queue.lock().backlog.extend(changes);
        self.news.notify_one();
    }

    /// Takes over again what was taken once and is lost. What waits is newer, and stays as it is.
    pub(crate) fn put_back(&self, sessions: Vec<SessionChange>, neighbors: Vec<NeighborRecord>) {
        let mut queue = self.queue.lock();
        queue.backlog.extend(sessions);
        for neighbor in neighbors {
            let key = (neighbor.interface, neighbor.ip);
            queue.neighbors.entry(key).or_insert(neighbor);
        }
        drop(queue);
        self.news.notify_one();
    }

    /// Waits until there is something to take. Cancel safe.
    pub(crate) async fn something(&self) {
        while self.is_empty() {
            self.news.notified().await;
        }
    }

    /// Whether there is nothing to take.
    pub(crate) fn is_empty(&self) -> bool {
        let queue = self.queue.lock();
        queue.len() == 0 && queue.backlog.is_empty()
    }

    /// The oldest changes, at most `limit` of them.
    pub(crate) fn take(&self, limit: usize) -> (Vec<SessionChange>, Vec<NeighborRecord>) {
        let mut queue = self.queue.lock();
        let neighbors: Vec<_> = std::mem::take(&mut queue.neighbors).into_values().collect();
        let count = limit.min(queue.sessions.len());
        let mut sessions: Vec<_> = queue.sessions.drain(..count).collect();
        for change in &sessions {
            queue.places.remove(&change.id());
        }
        queue.taken += count as u64;
        let room = limit - sessions.len();
        let old = room.min(queue.backlog.len());
        sessions.extend(queue.backlog.drain(..old));
        (sessions, neighbors)
    }

    /// How many changes wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.lock().len()
    }

    /// How many changes of an earlier generation wait.
    pub(crate) fn backlog(&self) -> usize {
        self.queue.lock().backlog.len()
    }

    /// How many changes were refused since the start.
    pub(crate) fn refused(&self) -> u64 {
        self.queue.lock().refused
    }
}

#[cfg(test)]
mod tests {
    use types::Epoch;

    use super::*;

    fn end(id: u128, version: u32) -> SessionChange {
        SessionChange::Remove {
            id: SessionId(id),
            epoch: Epoch(1),
            version,
        }
    }

    #[test]
    fn changes_of_one_session_merge_into_the_newest_and_keep_their_place() {
        let pending = Pending::new(10);
        pending
            .add(vec![end(1, 1), end(2, 1), end(1, 3), end(1, 2)], vec![])
            .unwrap();
        assert_eq!(pending.take(10).0, [end(1, 3), end(2, 1)]);
        assert_eq!(pending.len(), 0);
    }

    #[test]
    fn beyond_the_bound_new_sessions_are_refused_and_known_ones_still_change() {
        let pending = Pending::new(2);
        let refused = pending.add(vec![end(1, 1), end(2, 1), end(3, 1), end(2, 2)], vec![]);
        assert_eq!(
            refused,
            Err(PublishRefused {
                refused: 1,
                pending: 2
            })
        );
        assert_eq!(pending.refused(), 1);
        assert_eq!(pending.take(1).0, [end(1, 1)]);
        assert_eq!(pending.take(1).0, [end(2, 2)]);
    }

    #[test]
    fn what_is_put_back_does_not_take_the_place_of_news() {
        let neighbor = |last| NeighborRecord {
            interface: Giid(1),
            ip: IpAddr::V4([192, 0, 2, 9].into()),
            mac: types::MacAddr([2, 0, 0, 0, 0, last]),
        };
        let pending = Pending::new(4);
        pending.add(vec![end(1, 2)], vec![neighbor(2)]).unwrap();
        pending.put_back(vec![end(1, 1), end(3, 1)], vec![neighbor(1)]);
        let (sessions, neighbors) = pending.take(4);
        assert_eq!(sessions, [end(1, 2), end(1, 1), end(3, 1)]);
        assert_eq!(neighbors, [neighbor(2)]);
        assert!(pending.is_empty());
    }

    #[test]
    fn what_an_earlier_generation_knew_comes_after_the_news() {
        let pending = Pending::new(2);
        pending.add_backlog([end(7, 1), end(8, 1)].into_iter());
        pending.add(vec![end(1, 1)], vec![]).unwrap();
        assert_eq!(pending.take(2).0, [end(1, 1), end(7, 1)]);
        assert_eq!(pending.take(2).0, [end(8, 1)]);
    }
}
