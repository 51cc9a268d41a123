//! How little a witness has to hear.
//!
//! As long as another node acknowledges what its leader says, nobody waits for the witness: it needs to
//! hear of the leader often enough to protect it, and may learn of entries in larger pieces. As soon as
//! that node falls silent the witness is half of the quorum, and hears everything at once.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use types::{Instant, MemberKind};

use super::client::Client;
use crate::group::GroupName;
use crate::plan::GroupTiming;

/// Entries for a witness gather for that long.
const PACE: Duration = Duration::from_millis(200);
/// A node has to have acknowledged everything for that long. Longer than one that returns is a learner,
/// whose acknowledgements commit nothing.
const STEADY: Duration = Duration::from_secs(2);
/// Heartbeats that a node may be late with.
const LATE: u32 = 3;

/// When members last acknowledged something, by group and by the number of their life.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged(Mutex<BTreeMap<(GroupName, u64), Ack>>);

#[derive(Clone, Copy, Debug)]
struct Ack {
    /// There was no gap since then.
    since: Instant,
    /// When that was sent which was acknowledged last.
    sent: Instant,
    /// When the acknowledgement came.
    came: Instant,
}

/// Longest that an acknowledging member is silent.
fn gap(timing: GroupTiming) -> Duration {
    timing.heartbeat * LATE
}

impl Acknowledged {
    fn note(&self, client: &Client, sent: Instant, now: Instant) {
        let mut known = self.0.lock();
        // Lives that are over are forgotten when there are more than members can have.
        if known.len() > 16 {
            known.retain(|_, ack| now.saturating_since(ack.came) < STEADY);
        }
        let ack = known.entry(client.line()).or_insert(Ack {
            since: now,
            sent,
            came: now,
        });
        if now.saturating_since(ack.came) > gap(client.timing()) {
            ack.since = now;
        }
        ack.sent = ack.sent.max(sent);
        ack.came = now;
    }

    fn of(&self, line: (GroupName, u64)) -> Option<Ack> {
        self.0.lock().get(&line).copied()
    }

    /// Until when a node other than `client`'s member can be taken to be there, if there is such a node.
    fn another_until(&self, client: &Client, now: Instant) -> Option<Instant> {
        let (group, target) = client.line();
        let gap = gap(client.timing());
        let known = self.0.lock();
        let others = known.iter().filter(|((of, id), ack)| {
            *of == group
                && *id != target
                && client.kind_of(*id) == MemberKind::Node
                && now.saturating_since(ack.since) >= STEADY
        });
        let until = others.map(|(_, ack)| ack.came + gap).max();
        until.filter(|until| *until > now)
    }
}

impl Client {
    /// The member has acknowledged what was sent at `sent`.
    pub(super) fn acknowledged(&self, sent: Instant) {
        let known = &self.local.acknowledged;
        known.note(self, sent, self.local.clock.now());
    }

    /// Whether the member can do without a heartbeat now.
    pub(super) fn is_spared(&self) -> bool {
        if !self.strip {
            return false;
        }
        let (known, now) = (&self.local.acknowledged, self.local.clock.now());
        // Its vote stays the leader's for as long as a lease lasts, of which there are two fifths left
        // for the next heartbeat to come, and to get there.
        let enough = self.timing().election_max * 3 / 5;
        known.another_until(self, now).is_some()
            && known
                .of(self.line())
                .is_some_and(|ack| now.saturating_since(ack.sent) < enough)
    }

    /// Returns when the member should be sent more, after something that was sent at `last`. Cancel safe.
    pub(super) async fn pace(&self, last: Option<Instant>) {
        let (true, Some(last)) = (self.strip, last) else {
            return;
        };
        let local = &self.local;
        loop {
            let now = local.clock.now();
            let Some(until) = local.acknowledged.another_until(self, now) else {
                return;
            };
            let next = (last + PACE).min(until);
            if next <= now {
                return;
            }
            local.clock.wait_until(Some(next)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proto::raft::{Header, HelloReply, HelloRequest, Reply, Request, SnapshotChunk};
    use raft_state::Incarnation;
    use types::NodeId;

    use futures::future::BoxFuture;
    use futures::stream::BoxStream;

    use super::*;
    use crate::group::MemberId;
    use crate::local::tests::pair_with_witness;
    use crate::network::Turn;
    use crate::network::transport::{Failure, Lane, Transport};

    #[derive(Debug)]
    struct Nobody;

    impl Transport for Nobody {
        fn call(
            &self,
            _: NodeId,
            _: Lane,
            _: Request,
            _: Duration,
        ) -> BoxFuture<'_, Result<Reply, Failure>> {
            unreachable!("nobody is asked")
        }

        fn snapshot(
            &self,
            _: NodeId,
            _: BoxStream<'static, SnapshotChunk>,
            _: Duration,
        ) -> BoxFuture<'_, Result<Reply, Failure>> {
            unreachable!("nobody is asked")
        }

        fn hello(
            &self,
            _: NodeId,
            _: HelloRequest,
            _: Duration,
        ) -> BoxFuture<'_, Result<HelloReply, Failure>> {
            unreachable!("nobody is asked")
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// What leads on node 1 says to node 2 and to the witness, and how the first answers.
    struct Scene {
        node: Client,
        witness: Client,
    }

    impl Scene {
        fn new() -> Self {
            let local = Arc::new(pair_with_witness(NodeId(1)));
            let client = |node, strip| {
                let id = MemberId {
                    node: NodeId(node),
                    incarnation: Incarnation(1),
                };
                Client {
                    header: Header {
                        target: id.to_u64(),
                        ..Header::default()
                    },
                    local: Arc::clone(&local),
                    group: GroupName::State,
                    peers: Arc::new(Nobody),
                    to: Some(NodeId(node)),
                    strip,
                    turn: Turn::new(None),
                    lane: Lane::Urgent,
                }
            };
            Self {
                node: client(2, false),
                witness: client(3, true),
            }
        }

        fn now(&self) -> Instant {
            self.node.local.clock.now()
        }

        /// The other node acknowledges every heartbeat for so long, the witness the last one.
        async fn steady(&self, ticks: u32) {
            for _ in 0..ticks {
                tokio::time::sleep(ms(50)).await;
                self.node.acknowledged(self.now());
            }
            self.witness.acknowledged(self.now());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_witness_is_spared_heartbeats_while_its_vote_is_still_the_leaders() {
        let scene = Scene::new();
        scene.steady(20).await;
        assert!(!scene.witness.is_spared(), "the node is not there for long");
        scene.steady(40).await;
        assert!(scene.witness.is_spared());
        assert!(!scene.node.is_spared());
        for tick in 1..=4 {
            tokio::time::sleep(ms(50)).await;
            scene.node.acknowledged(scene.now());
            assert_eq!(
                scene.witness.is_spared(),
                tick < 4,
                "after {tick} heartbeats"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_witness_hears_everything_when_the_other_node_is_silent() {
        let scene = Scene::new();
        scene.steady(60).await;
        assert!(scene.witness.is_spared());
        tokio::time::sleep(ms(150)).await;
        assert!(!scene.witness.is_spared());
        // One that comes back has to be there for a while first.
        scene.steady(5).await;
        assert!(!scene.witness.is_spared());
    }

    #[tokio::test(start_paused = true)]
    async fn entries_for_a_witness_gather_as_long_as_nobody_waits_for_it() {
        let scene = Scene::new();
        scene.steady(60).await;
        let begun = scene.now();
        let (pace, node) = (scene.witness.pace(Some(begun)), async {
            scene.steady(10).await;
        });
        let paced = async {
            pace.await;
            scene.now() - begun
        };
        let (paced, ()) = tokio::join!(paced, node);
        assert_eq!(paced, PACE);
        scene.node.pace(Some(scene.now())).await;
        // The node falls silent: the wait ends with the benefit of the doubt.
        let begun = scene.now();
        scene.witness.pace(Some(begun)).await;
        assert_eq!(scene.now() - begun, ms(150));
        scene.witness.pace(Some(begun)).await;
        assert_eq!(scene.now() - begun, ms(150));
    }
}
