//! Two nodes without a witness: one goes on alone, both do, and they meet again.

#![expect(clippy::panic, reason = "a test may fail where it stands")]

mod support;

use raft::{Cluster, Health, ProposeError, SurviveError};
use raft_state::{ControlCommand, ControlLineage, ControlOutcome, SurvivalReason};
use support::{A, B, Lab, W, eventually, put, set_config};
use types::{Name, Revision};

async fn commit(cluster: &Cluster, base: u64, text: &str) {
    let outcome = cluster.control.propose(set_config(base, text)).await;
    assert_eq!(
        outcome,
        Ok(ControlOutcome::ConfigSet {
            revision: Revision(base + 1)
        })
    );
}

async fn survive(cluster: &Cluster) -> ControlLineage {
    let order = || {
        cluster
            .control
            .survive(SurvivalReason::Evidence, "policy".to_owned())
    };
    // Losing a quorum takes a moment to be noticed.
    for _ in 0..200 {
        match order().await {
            Ok(lineage) => return lineage,
            Err(SurviveError::HasQuorum) => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it has a quorum");
}

fn text(cluster: &Cluster) -> String {
    let state = cluster.control.state();
    state
        .config()
        .map(|config| config.text.clone())
        .unwrap_or_default()
}

/// Both are voters of one lineage and hold the same.
async fn together(lab: &Lab, expected: ControlLineage) {
    lab.all_voters(&[A, B]).await;
    eventually("one lineage", || {
        [A, B].iter().all(|node| {
            let view = lab.cluster(*node).control.lineage();
            view.lineage == Some(expected) && !view.frozen && view.aside == 0
        })
    })
    .await;
    eventually("equal state", || {
        let checksum = |node| lab.cluster(node).control.state().checksum();
        checksum(A) == checksum(B)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lost_its_peer_goes_on_alone_and_the_peer_joins_it_when_it_returns() {
    let mut lab = Lab::pair();
    lab.start_all().await;
    lab.all_voters(&[A, B]).await;
    commit(lab.cluster(A), 0, "together").await;
    let refused = lab
        .cluster(A)
        .control
        .survive(SurvivalReason::Operator, "root".to_owned());
    assert_eq!(refused.await, Err(SurviveError::HasQuorum));
    lab.stop(B).await;

    let left = lab.cluster(A).clone();
    // Frozen: nothing is agreed on without the other one.
    let frozen = left.control.propose(set_config(1, "frozen")).await;
    assert!(frozen.unwrap_err().is_retryable());
    let begun = survive(&left).await;
    assert_eq!((begun.generation, begun.founder), (2, A));
    // What was proposed while frozen is in the log, and may count now.
    let base = left.control.state().revision().0;
    commit(&left, base, "alone").await;
    assert_eq!(left.control.status().health, Health::Ok);
    assert_eq!(
        (
            left.control.status().generation,
            left.control.status().founder
        ),
        (2, Some(A))
    );

    lab.start(B).await;
    together(&lab, begun).await;
    let state = lab.cluster(B).control.state();
    assert_eq!(text(lab.cluster(B)), "alone");
    assert!(state.candidates().is_empty(), "{:?}", state.candidates());
    let survivals: Vec<_> = state
        .survivals()
        .iter()
        .map(|survival| (survival.lineage, survival.reason, survival.by.as_str()))
        .collect();
    assert_eq!(survivals, [(begun, SurvivalReason::Evidence, "policy")]);
    let base = state.revision().0;
    commit(lab.cluster(B), base, "together again").await;
    eventually("it on A", || text(lab.cluster(A)) == "together again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_survivor_that_is_restarted_is_still_the_survivor() {
    let mut lab = Lab::pair();
    lab.start_all().await;
    lab.all_voters(&[A, B]).await;
    commit(lab.cluster(A), 0, "together").await;
    eventually("it on B", || text(lab.cluster(B)) == "together").await;
    lab.stop(A).await;
    let begun = survive(lab.cluster(B)).await;
    commit(lab.cluster(B), 1, "alone").await;

    lab.stop(B).await;
    lab.start(B).await;

    let cluster = lab.cluster(B);
    assert!(
        !text(cluster).is_empty(),
        "what is on the disk is known at once"
    );
    eventually("a quorum of one", || {
        cluster.control.status().health == Health::Ok
    })
    .await;
    commit(cluster, 2, "alone again").await;
    lab.start(A).await;
    together(&lab, begun).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_survivors_exactly_one_wins_and_the_other_s_commits_are_kept_by_name() {
    let mut lab = Lab::pair().on_cables().await;
    lab.start_all().await;
    lab.all_voters(&[A, B]).await;
    commit(lab.cluster(A), 0, "together").await;
    eventually("it on B", || text(lab.cluster(B)) == "together").await;
    lab.cut();
    let of_a = survive(lab.cluster(A)).await;
    let of_b = survive(lab.cluster(B)).await;
    commit(lab.cluster(A), 1, "A 2").await;
    for base in 1..8 {
        commit(lab.cluster(B), base, &format!("B {}", base + 1)).await;
    }

    lab.mend();

    together(&lab, of_b).await;
    for node in [A, B] {
        let state = lab.cluster(node).control.state();
        assert_eq!(text(lab.cluster(node)), "B 8");
        let candidates: Vec<_> = state
            .candidates()
            .iter()
            .map(|(name, candidate)| (name.as_str().to_owned(), candidate.record.text.clone()))
            .collect();
        assert_eq!(candidates, [("node-1-r2".to_owned(), "A 2".to_owned())]);
        assert_eq!(state.candidates().get("node-1-r2").unwrap().lineage, of_a);
    }
    let drop = ControlCommand::DropCandidate {
        name: Name::from("node-1-r2"),
    };
    let dropped = lab.cluster(A).control.propose(drop).await;
    assert_eq!(dropped, Ok(ControlOutcome::CandidateDropped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loser_that_is_killed_while_it_gives_way_finishes_in_its_next_life() {
    let mut lab = Lab::pair().on_cables().await;
    lab.start_all().await;
    lab.all_voters(&[A, B]).await;
    lab.cut();
    survive(lab.cluster(A)).await;
    let of_b = survive(lab.cluster(B)).await;
    commit(lab.cluster(A), 0, "A 1").await;
    for base in 0..6 {
        commit(lab.cluster(B), base, "B").await;
    }
    lab.mend();
    eventually("A gives way", || {
        lab.cluster(A).control.lineage().lineage == Some(of_b)
    })
    .await;
    // Most likely before anything was handed over; the test holds wherever it was.
    lab.cut();
    lab.stop(A).await;
    lab.start(A).await;
    assert!(
        !text(lab.cluster(A)).is_empty(),
        "it goes on with what it had"
    );
    lab.mend();
    together(&lab, of_b).await;
    let state = lab.cluster(B).control.state();
    assert_eq!(
        state.candidates().get("node-1-r1").unwrap().record.text,
        "A 1"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_higher_generation_wins_however_little_it_has() {
    let mut lab = Lab::pair().on_cables().await;
    lab.start_all().await;
    lab.all_voters(&[A, B]).await;
    lab.cut();
    let begun = survive(lab.cluster(A)).await;
    for base in 0..5 {
        commit(lab.cluster(A), base, "A").await;
    }
    // B never went on: what A committed is younger by its generation alone.
    let waiting = lab
        .cluster(B)
        .control
        .propose(set_config(0, "B waits"))
        .await;
    assert!(matches!(
        waiting,
        Err(ProposeError::NoLeader { .. } | ProposeError::Unknown { .. })
    ));
    lab.mend();
    together(&lab, begun).await;
    assert_eq!(text(lab.cluster(B)), "A");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_follows_the_survivor_and_can_be_none() {
    let mut lab = Lab::pair_with_witness();
    lab.start_all().await;
    lab.all_voters(&[A, B, W]).await;
    commit(lab.cluster(A), 0, "together").await;
    eventually("it on B", || text(lab.cluster(B)) == "together").await;
    lab.stop(A).await;
    lab.stop(B).await;
    let order = |cluster: &Cluster| {
        let control = cluster.control.clone();
        async move {
            let by = "root".to_owned();
            control.survive(SurvivalReason::Operator, by).await
        }
    };
    assert_eq!(order(lab.cluster(W)).await, Err(SurviveError::Witness));
    lab.stop(W).await;

    lab.start(B).await;
    let begun = survive(lab.cluster(B)).await;
    commit(lab.cluster(B), 1, "alone").await;
    lab.start(W).await;
    lab.start(A).await;

    lab.all_voters(&[A, B, W]).await;
    eventually("one lineage", || {
        [A, B, W].iter().all(|node| {
            let view = lab.cluster(*node).control.lineage();
            view.lineage == Some(begun) && view.aside == 0
        })
    })
    .await;
    assert_eq!(text(lab.cluster(A)), "alone");
    assert_eq!(text(lab.cluster(W)), "", "a witness holds no configuration");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_both_survivors_are_there_when_they_are_together_again() {
    let mut lab = Lab::pair().on_cables().await;
    lab.start_all().await;
    lab.all_voters(&[A, B]).await;
    lab.cut();
    survive(lab.cluster(A)).await;
    survive(lab.cluster(B)).await;
    let publish = |node, id| {
        let state = &lab.cluster(node).state;
        assert!(state.publish(vec![put(id, 1)], vec![]).is_ok());
    };
    publish(A, 1);
    publish(B, 2);
    let count = |node| lab.cluster(node).state.state().session_count();
    eventually("each its own", || [A, B].map(count) == [1, 1]).await;

    lab.mend();

    eventually("both on both", || [A, B].map(count) == [2, 2]).await;
}
