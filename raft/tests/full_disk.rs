//! Members whose disk is full: they hold up nobody who can do without them, and go on by themselves.
//!
//! Members run on one thread whose time is the test's own, on disks that are maps and a network that is a
//! function call.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: what fails here fails the test"
)]

mod room;

use std::time::Duration;

use raft::seam::Key;
use raft::{Health, ProposeError, SurviveError};
use raft_state::{ControlCommand, ControlOutcome, SurvivalReason};
use room::{Cast, Room};
use runtime::Clock;
use types::{NodeId, Revision};

/// For a commit when nothing is in its way.
const SOON: Duration = Duration::from_millis(500);
/// For somebody else to lead: an election and the wait for it, both at their longest.
const ELECTION: Duration = Duration::from_millis(2_500);
/// Far longer than anybody waits for anybody.
const LONG: Duration = Duration::from_secs(20);

/// A configuration on top of what the node knows, and the revision that it became.
async fn commit(room: &Room, node: NodeId) -> Result<Revision, ProposeError> {
    let control = &room.cluster(node).control;
    let command = ControlCommand::SetConfig {
        base: control.state().revision(),
        text: "router r {}".to_owned(),
        author: "test".to_owned(),
        at_unix_ms: 1,
    };
    let outcome = control.propose(command).await?;
    let ControlOutcome::ConfigSet { revision } = outcome else {
        panic!("{outcome:?}");
    };
    Ok(revision)
}

/// Commits that nothing holds up, each above all that were acknowledged before.
async fn commits(room: &Room, node: NodeId, count: u64) {
    for _ in 0..count {
        let newest = room.newest_revision();
        room.eventually("the node knows what there is", || {
            room.revision(node) == newest
        })
        .await;
        let before = room.revision(node);
        let committed = tokio::time::timeout(SOON, commit(room, node)).await;
        assert!(committed.unwrap().unwrap() > before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_with_a_full_disk_holds_up_nobody_and_catches_up() {
    let room = Room::of(Cast::PairWitness, 1).await;
    let (leader, full) = room.leader_and_other().await;
    commits(&room, full, 3).await;
    room.fill(full);
    commits(&room, leader, 5).await;
    // What reaches it is applied, and so it can propose.
    commits(&room, full, 1).await;
    commits(&room, leader, 30).await;

    tokio::time::sleep(LONG).await;
    let of_leader = room.cluster(leader).control.status();
    assert_eq!(
        (of_leader.health, of_leader.leader),
        (Health::Ok, Some(leader))
    );
    // What is not on its disk counts nowhere.
    let held = room.last_on_disk(full);
    assert!(held + 36 <= of_leader.last_log, "{held}");
    let matched = |node| {
        let of_leader = room.cluster(leader).control.status();
        of_leader.member(node).unwrap().matched
    };
    assert!(matched(full).unwrap() <= held);
    let storage = room.cluster(full).control.storage();
    assert!(storage.full.unwrap().error.contains("no room"));

    room.empty(full);
    room.eventually("everything is on the disk", || {
        let last = room.cluster(leader).control.status().last_log;
        room.last_on_disk(full) == last && matched(full) == Some(last)
    })
    .await;
    assert_eq!(room.revision(leader), Revision(39));
    assert_eq!(room.cluster(full).control.storage().full, None);
    commits(&room, full, 3).await;
    commits(&room, leader, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_with_a_full_disk_leads_as_long_as_it_can_and_then_another_does() {
    let room = Room::of(Cast::PairWitness, 2).await;
    let (full, other) = room.leader_and_other().await;
    room.fill(full);
    commits(&room, full, 50).await;
    commits(&room, other, 50).await;
    assert_eq!(room.cluster(full).control.status().leader, Some(full));

    // Its queue fills. Whoever proposes meanwhile is told the truth, and nothing is lost: each commit
    // names the one before as its base.
    let mut acknowledged = room.revision(other);
    let mut longest = Duration::ZERO;
    for _ in 0..1_000 {
        let clock = Clock::start();
        match commit(&room, other).await {
            Ok(revision) => {
                assert!(revision > acknowledged);
                acknowledged = revision;
                longest = longest.max(clock.now() - types::Instant::START);
            }
            Err(ProposeError::Unknown { .. } | ProposeError::NoLeader { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let status = room.cluster(other).control.status();
    assert_eq!((status.health, status.leader), (Health::Ok, Some(other)));
    assert!(room.revision(other) >= acknowledged);
    println!("the longest commit took {longest:?}, revision {acknowledged}");
    assert!(acknowledged >= Revision(1_050), "{acknowledged}");
    assert!(longest <= ELECTION, "{longest:?}");
    // It waits with a vote or an entry, and knows of no leader.
    let status = room.cluster(full).control.status();
    assert_eq!(status.health, Health::NoQuorum);

    room.empty(full);
    room.eventually("it has caught up", || {
        room.revision(full) == room.revision(other)
            && room.cluster(full).control.status().health == Health::Ok
    })
    .await;
    commits(&room, full, 3).await;
    commits(&room, other, 3).await;
}

#[tokio::test(start_paused = true)]
async fn no_vote_is_given_that_is_not_on_the_disk() {
    let mut room = Room::of(Cast::PairWitness, 3).await;
    let (leader, full) = room.leader_and_other().await;
    commits(&room, full, 5).await;
    let before = room.on_disk(full, Key::Vote);
    room.fill(full);
    room.crash(leader);

    // Alone with the witness, its own vote is the one that is missing.
    room.eventually("the leader is given up", || {
        let ids = [full, Room::WITNESS];
        let leaders = ids.map(|id| room.cluster(id).control.status().leader);
        leaders == [None, None]
    })
    .await;
    for _ in 0..20 {
        tokio::time::sleep(LONG / 20).await;
        let status = room.cluster(full).control.status();
        assert_eq!(status.leader, None);
        let witness = room.cluster(Room::WITNESS).control.status();
        assert_eq!(witness.leader, None);
    }
    assert_eq!(room.on_disk(full, Key::Vote), before);
    let refused = commit(&room, full).await.unwrap_err();
    assert!(matches!(
        refused,
        ProposeError::NoLeader { .. } | ProposeError::Unknown { .. }
    ));
    assert_eq!(room.revision(full), Revision(5));

    room.empty(full);
    room.eventually("it leads", || {
        room.cluster(full).control.status().leader == Some(full)
    })
    .await;
    assert_ne!(room.on_disk(full, Key::Vote), before);
    commits(&room, full, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_witness_with_a_full_disk_is_missed_only_when_its_vote_is() {
    let mut room = Room::of(Cast::PairWitness, 4).await;
    let (leader, other) = room.leader_and_other().await;
    room.fill(Room::WITNESS);
    commits(&room, leader, 5).await;
    commits(&room, other, 5).await;
    room.crash(leader);
    tokio::time::sleep(LONG).await;
    assert_eq!(room.cluster(other).control.status().leader, None);
    room.empty(Room::WITNESS);
    room.eventually("the other node leads", || {
        room.cluster(other).control.status().leader == Some(other)
    })
    .await;
    assert_eq!(room.revision(other), Revision(10));
    commits(&room, other, 3).await;
}

#[tokio::test(start_paused = true)]
async fn two_nodes_without_a_witness_wait_for_each_others_disk_and_for_nothing_else() {
    for leads in [true, false] {
        let room = Room::of(Cast::Pair, 5).await;
        let (leader, other) = room.leader_and_other().await;
        let full = if leads { leader } else { other };
        commits(&room, leader, 3).await;
        room.fill(full);
        for node in [leader, other] {
            let unheard = commit(&room, node).await.unwrap_err();
            assert!(matches!(
                unheard,
                ProposeError::Unknown { .. } | ProposeError::NoLeader { .. }
            ));
            assert_eq!(room.revision(node), Revision(3));
        }
        room.empty(full);
        // What was unknown may come true now, and does not come twice.
        room.eventually("both agree", || {
            let both = [leader, other].map(|node| room.revision(node));
            let status = room.cluster(other).control.status();
            both[0] == both[1] && status.health == Health::Ok && status.applied == status.last_log
        })
        .await;
        assert!(room.revision(other) <= Revision(4));
        tokio::time::sleep(LONG).await;
        commits(&room, leader, 3).await;
        commits(&room, other, 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_goes_on_alone_with_a_full_disk() {
    let mut room = Room::of(Cast::Pair, 6).await;
    let (leader, full) = room.leader_and_other().await;
    commits(&room, leader, 3).await;
    room.fill(full);
    room.crash(leader);
    tokio::time::sleep(LONG).await;
    let control = &room.cluster(full).control;
    let order = || control.survive(SurvivalReason::Operator, "test".to_owned());
    // Nothing need be written before somebody is to be elected.
    let refused = tokio::time::timeout(SOON, order()).await.unwrap();
    assert!(
        matches!(&refused, Err(SurviveError::Stopped(why)) if why.contains("no room")),
        "{refused:?}"
    );
    room.empty(full);
    room.eventually("there is room", || control.storage().lacks_room().is_none())
        .await;
    order().await.unwrap();
    room.eventually("it leads", || control.status().leader == Some(full))
        .await;
    assert_eq!(control.state().revision(), Revision(3));
    commits(&room, full, 3).await;
}
