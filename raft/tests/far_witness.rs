//! A witness that answers after a tenth of a second: it is a member like any other.

mod memory;
mod support;

use std::time::Duration;

use raft::{GroupStatus, Health, Timing};
use runtime::Clock;
use types::{Instant, NodeId};

use memory::{A, B, Trio, W, eventually, virtual_time};
use support::{put, set_config};

const RTT: Duration = Duration::from_millis(100);
/// For an election to come that nobody needs.
const LONG: Duration = Duration::from_secs(30);

async fn far() -> Trio {
    let mut trio = Trio::new();
    trio.timing = Timing::default().across(RTT);
    trio.wires.put_away(W, RTT / 2);
    trio.formed().await
}

fn groups(trio: &Trio, id: NodeId) -> [GroupStatus; 2] {
    let cluster = trio.cluster(id);
    [cluster.control.status(), cluster.state.status()]
}

/// For half a minute `members` stay well, `leader` leads in the term in which it does, and everything that
/// nodes say is agreed on. Returns the longest that a configuration took.
async fn stays_well(trio: &Trio, leader: NodeId, members: &[NodeId]) -> Duration {
    let terms = groups(trio, leader).map(|status| status.term);
    let clock = Clock::start();
    let (mut slowest, mut number) = (Duration::ZERO, 0);
    while clock.now() < Instant::START + LONG {
        for id in members {
            for (status, term) in groups(trio, *id).into_iter().zip(terms) {
                assert_eq!(status.health, Health::Ok, "{} on {id}", status.group);
                assert_eq!(status.term, term, "{} on {id}", status.group);
                assert_eq!(status.leader, Some(leader), "{} on {id}", status.group);
            }
        }
        // Virtual time: half a minute of it is what is watched.
        tokio::time::sleep(Duration::from_millis(20)).await;
        number += 1;
        if number % 50 != 0 {
            continue;
        }
        let cluster = trio.cluster(leader);
        let asked = clock.now();
        let base = cluster.control.state().revision().0;
        let committed = cluster.control.propose(set_config(base, "text")).await;
        assert!(committed.is_ok(), "{committed:?}");
        slowest = slowest.max(clock.now() - asked);
        let session = put(u128::from(base), 1);
        assert!(cluster.state.publish(vec![session], vec![]).is_ok());
        let state = &cluster.state;
        eventually("the session is agreed on", || state.pending() == 0).await;
    }
    slowest
}

#[test]
fn with_everybody_there_nobody_waits_for_the_far_one() {
    virtual_time().block_on(async {
        let trio = far().await;
        let slowest = stays_well(&trio, A, &[A, B, W]).await;
        assert!(slowest < RTT, "{slowest:?}");
    });
}

#[test]
fn the_leader_and_the_far_witness_go_on_when_the_other_node_dies() {
    virtual_time().block_on(async {
        let mut trio = far().await;
        let terms = groups(&trio, A).map(|status| status.term);
        trio.kill(B).await;
        let slowest = stays_well(&trio, A, &[A, W]).await;
        // The first of them waits for the dead node: three heartbeats of 100 ms and the way.
        assert!(slowest < 6 * RTT, "{slowest:?}");
        assert_eq!(groups(&trio, A).map(|status| status.term), terms);
        trio.start(B).await;
        trio.all_vote().await;
        stays_well(&trio, A, &[A, B, W]).await;
    });
}

#[test]
fn the_other_node_and_the_far_witness_go_on_when_the_leader_dies() {
    virtual_time().block_on(async {
        let mut trio = far().await;
        trio.kill(A).await;
        let clock = Clock::start();
        eventually("the other node leads", || {
            groups(&trio, B)
                .iter()
                .all(|status| status.leader == Some(B) && status.health == Health::Ok)
        })
        .await;
        let took = clock.now() - Instant::START;
        // The control group is the slower one: a lease and a candidacy of a second each.
        assert!(took < Duration::from_secs(3), "{took:?}");
        // The generation is the same: the witness has given its vote in time.
        assert_eq!(trio.cluster(B).state.status().generation, 1);
        eventually("the witness hears the new leader", || {
            groups(&trio, W)
                .iter()
                .all(|status| status.leader == Some(B))
        })
        .await;
        stays_well(&trio, B, &[B, W]).await;
        trio.start(A).await;
        trio.all_vote().await;
        stays_well(&trio, B, &[A, B, W]).await;
    });
}
