//! The witness is told last.
//!
//! A witness holds places of entries and no content, and its place counts all the same: nobody whose log
//! is shorter gets its vote. An entry that only the leader and the witness have is therefore lost with
//! the leader, and with it everybody's chance to lead. So an entry goes to the witness
//!
//! - when the other node has it, as long as that one is there and keeps up. A node that is being taken in
//!   counts from the entry on that makes it a voter: before, it could not lead with what it has;
//! - else when the leader has it on its disk, since a power cut would leave the witness alone with it.
//!   Leader and witness go on alone then, knowingly: the leader's disk is all that there is.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use tokio::sync::watch;

use crate::group::{Consensus, Group, Position, position};
use crate::store::Kept;

/// Whose turn it is to hear of an entry; one for each running instance of a group.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    reach: Arc<watch::Sender<Reach>>,
    voters: Arc<OnceLock<Voters>>,
    /// How far this instance's own log is on the disk, if it is on one.
    kept: Option<Kept>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Reach {
    /// The last entry that the other node holds; `None` while it is away or too slow.
    held: Option<Position>,
    /// The last entry that the witness was told of.
    told: Position,
}

/// With which entry the member of this number became a voter, if it is one.
struct Voters(Box<dyn Fn(u64) -> Option<Position> + Send + Sync>);

impl fmt::Debug for Voters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Voters")
    }
}

impl Turn {
    pub(crate) fn new(kept: Option<Kept>) -> Self {
        Self {
            reach: Arc::new(watch::Sender::new(Reach::default())),
            voters: Arc::default(),
            kept,
        }
    }

    /// Learns from the instance itself who its voters are, agreed on or not.
    pub(crate) fn follow<G: Group>(&self, raft: &Consensus<G>) {
        let metrics = raft.metrics();
        self.follow_voters(move |id| {
            let metrics = metrics.borrow_watched();
            let newest = &metrics.membership_config;
            let votes = newest.membership().voter_ids().any(|voter| voter == id);
            votes.then(|| newest.log_id().as_ref().map_or((0, 0), position::<G>))
        });
    }

    fn follow_voters(&self, since: impl Fn(u64) -> Option<Position> + Send + Sync + 'static) {
        let _once = self.voters.set(Voters(Box::new(since)));
    }

    /// Whether who holds everything up to `at` could lead with it.
    fn could_lead(&self, id: u64, at: Position) -> bool {
        let voters = self.voters.get();
        let since = voters.and_then(|voters| voters.0(id));
        since.is_some_and(|since| at >= since)
    }

    /// The other node, the member `id`, holds everything up to `at`. One that was away is waited for
    /// again when it has caught up with the witness.
    pub(super) fn holds(&self, id: u64, at: Position) {
        if !self.could_lead(id, at) {
            return;
        }
        self.reach.send_if_modified(|reach| {
            let follows = reach.held.is_some() || at >= reach.told;
            let news = follows && reach.held < Some(at);
            if news {
                reach.held = Some(at);
            }
            news
        });
    }

    /// The other node is not there.
    pub(super) fn away(&self) {
        self.reach
            .send_if_modified(|reach| reach.held.take().is_some());
    }

    /// Waits until the witness may hear of `at`: for the other node up to `patience`, for this member's
    /// disk as long as it takes. Cancel safe.
    pub(super) async fn of_witness(&mut self, at: Position, patience: Duration) {
        let (mut there, mut gone) = (self.reach.subscribe(), self.reach.subscribe());
        let kept = &mut self.kept;
        let alone = async {
            let away = gone.wait_for(|reach| reach.held.is_none());
            // Whether it has gone or is only late: the disk decides.
            let _gone = tokio::time::timeout(patience, away).await.is_ok();
            if let Some(kept) = kept {
                kept.until(at).await;
            }
        };
        let held = async { there.wait_for(|reach| reach.held >= Some(at)).await.is_ok() };
        let in_time = tokio::select! {
            biased;
            held = held => held,
            () = alone => false,
        };
        self.reach.send_modify(|reach| {
            reach.told = reach.told.max(at);
            if !in_time {
                reach.held = None;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::store::Keeping;

    const PATIENCE: Duration = Duration::from_millis(300);

    /// The other node, a voter since the entry (1, 2).
    const NODE: u64 = 2;

    fn turn(kept: Option<Kept>) -> Turn {
        let turn = Turn::new(kept);
        turn.follow_voters(|id| (id == NODE).then_some((1, 2)));
        turn
    }

    async fn took(turn: &mut Turn, at: Position) -> Duration {
        let clock = runtime::Clock::start_at(0);
        turn.of_witness(at, PATIENCE).await;
        clock.now() - types::Instant::START
    }

    #[tokio::test(start_paused = true)]
    async fn the_witness_waits_for_a_node_that_keeps_up() {
        let mut turn = turn(None);
        turn.holds(NODE, (1, 4));
        let mut witness = turn.clone();
        let mut waiting = Box::pin(witness.of_witness((1, 5), PATIENCE));
        assert!(waiting.as_mut().now_or_never().is_none());
        turn.holds(NODE, (1, 5));
        assert!(waiting.as_mut().now_or_never().is_some());
        assert_eq!(took(&mut turn, (1, 3)).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_falls_silent_is_waited_for_once_and_again_when_it_has_caught_up() {
        let mut turn = turn(None);
        assert_eq!(
            took(&mut turn, (1, 4)).await,
            Duration::ZERO,
            "nobody is there"
        );
        turn.holds(NODE, (1, 4));
        assert_eq!(took(&mut turn, (1, 5)).await, PATIENCE);
        assert_eq!(took(&mut turn, (1, 9)).await, Duration::ZERO);
        turn.holds(NODE, (1, 8));
        assert_eq!(
            took(&mut turn, (1, 10)).await,
            Duration::ZERO,
            "it is still behind"
        );
        turn.holds(NODE, (1, 10));
        assert_eq!(took(&mut turn, (1, 11)).await, PATIENCE);
        turn.holds(NODE, (1, 11));
        turn.away();
        assert_eq!(took(&mut turn, (1, 12)).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_could_not_lead_with_an_entry_does_not_count_as_having_it() {
        let keeping = Keeping::from((1, 0));
        let mut turn = turn(Some(keeping.watch()));
        let waits = async |turn: &mut Turn, at| {
            let told = tokio::time::timeout(10 * PATIENCE, turn.of_witness(at, PATIENCE));
            told.await.is_err()
        };
        turn.holds(NODE, (1, 1));
        assert!(waits(&mut turn, (1, 1)).await, "a learner at that entry");
        turn.holds(NODE + 1, (1, 5));
        assert!(waits(&mut turn, (1, 5)).await, "no voter at all");
        turn.holds(NODE, (1, 5));
        assert!(!waits(&mut turn, (1, 5)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn either_the_other_node_has_it_or_the_leaders_disk() {
        let keeping = Keeping::from((1, 4));
        let mut turn = turn(Some(keeping.watch()));
        let mut waiting = Box::pin(turn.of_witness((1, 5), PATIENCE));
        assert!(
            waiting.as_mut().now_or_never().is_none(),
            "nobody would have it"
        );
        keeping.reached((1, 5));
        assert!(waiting.as_mut().now_or_never().is_some());
        drop(waiting);
        turn.holds(NODE, (1, 9));
        assert_eq!(took(&mut turn, (1, 9)).await, Duration::ZERO, "a full disk");
    }
}
