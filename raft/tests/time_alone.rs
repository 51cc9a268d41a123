//! A backup comes back of a time when its node went on alone, and its own vote was enough.

mod support;

use raft::Health;
use support::backup::Backup;
use support::{A, B, Lab, W, eventually, set_config};

/// A has a backup of the time when it went on alone and its own vote was enough; B alone has what both agreed on
/// since.
async fn of_the_time_alone(mut lab: Lab, part: &str) -> Lab {
    lab.start_all().await;
    let everybody = lab.everybody();
    lab.all_voters(&everybody).await;
    for other in everybody.iter().filter(|member| **member != A) {
        lab.stop(*other).await;
    }
    lab.go_on_alone(A).await;
    lab.commit(A, 0, "in the backup").await;
    lab.stop(A).await;
    let old = Backup::of(lab.data_dir(A).join(part));
    lab.start_all().await;
    lab.all_voters(&everybody).await;
    lab.commit(A, 1, "agreed on by both").await;
    lab.stop_all().await;
    old.put_back();
    if part.is_empty() {
        // Lives follow the clock, which members that start again and again outrun.
        lab.count_on(A, 100);
    }
    lab
}

/// B goes on with what both agreed on, and A joins it.
async fn b_is_right(lab: &Lab, candidates: &[&str]) {
    lab.go_on_alone(B).await;
    together(lab, candidates).await;
}

/// Everybody votes, and has what both agreed on; what A decided alone is a candidate.
async fn together(lab: &Lab, candidates: &[&str]) {
    lab.all_voters(&lab.everybody()).await;
    for node in [A, B] {
        let control = lab.cluster(node).control.clone();
        eventually("what both agreed on", || {
            let state = control.state();
            let kept = state.candidates().iter();
            let kept: Vec<_> = kept.map(|(_, kept)| &kept.record.text).collect();
            kept == candidates
                && state
                    .config()
                    .is_some_and(|config| config.text == "agreed on by both")
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_the_time_alone_does_not_decide_without_the_other_node() {
    for part in ["", "control"] {
        let mut lab = of_the_time_alone(Lab::pair(), part).await;
        lab.start(B).await;
        lab.start(A).await;
        b_is_right(&lab, &[]).await;
    }
}

/// It is kept, and all that there is when the other node dies before it has told what it knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_can_go_on_with_it_when_the_other_node_is_gone() {
    let mut lab = of_the_time_alone(Lab::pair(), "").await;
    lab.start(B).await;
    lab.start(A).await;
    let control = lab.cluster(A).control.clone();
    eventually("A decides nothing alone", || {
        control.status().health == Health::NoQuorum
    })
    .await;
    for member in [B, A] {
        lab.stop(member).await;
    }
    lab.start(A).await;
    let goes_on = |lab: &Lab, text: &str| {
        let state = lab.cluster(A).control.state();
        state.config().is_some_and(|config| config.text == text)
    };
    eventually("it starts with it", || goes_on(&lab, "in the backup")).await;
    lab.go_on_alone(A).await;
    lab.commit(A, 1, "without the other node").await;
    assert!(goes_on(&lab, "without the other node"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_where_only_its_data_directory_tells() {
    let mut lab = of_the_time_alone(Lab::pair(), "control").await;
    lab.start(A).await;
    let alone = lab.cluster(A).control.propose(set_config(1, "alone"));
    assert!(alone.await.unwrap_err().is_retryable());
    lab.start(B).await;
    b_is_right(&lab, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_decided_in_silence_is_not_followed_and_what_it_decided_is_kept() {
    let mut lab = of_the_time_alone(Lab::pair(), "").await;
    lab.start(A).await;
    lab.commit(A, 1, "decided in silence").await;
    lab.start(B).await;
    b_is_right(&lab, &["decided in silence"]).await;
}

/// B and the witness are enough: A hears of them what its store has forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_witness_the_others_go_on_by_themselves() {
    let mut lab = of_the_time_alone(Lab::pair_with_witness(), "").await;
    lab.start(A).await;
    lab.commit(A, 1, "decided in silence").await;
    lab.start(B).await;
    lab.start(W).await;
    together(&lab, &["decided in silence"]).await;
    lab.commit(A, 2, "by everybody").await;
}

/// The witness can give nothing back, so an operator may go on with what is here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_that_knows_better_is_believed_until_an_operator_goes_on() {
    let mut lab = of_the_time_alone(Lab::pair_with_witness(), "").await;
    lab.start(W).await;
    lab.start(A).await;
    let control = lab.cluster(A).control.clone();
    eventually("A decides nothing alone", || {
        control.status().health == Health::NoQuorum
    })
    .await;
    lab.go_on_alone(A).await;
    let revision = control.state().revision().0;
    lab.commit(A, revision, "it goes on from there").await;
    lab.all_voters(&[A, W]).await;
}
