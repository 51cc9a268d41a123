//! An older disk comes back: a backup, a snapshot of the machine, a copy that runs beside it.

mod support;

use raft::{Health, StoreKind};
use raft_state::{Incarnation, SurvivalReason};
use support::backup::Backup;
use support::{Lab, eventually, next_second};
use types::{NodeId, Revision};

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const W: NodeId = NodeId(3);

/// A cluster that runs, and what B's data directory, or `part` of it, held before B's last life.
async fn after_a_backup(mut lab: Lab, part: &str) -> (Lab, Backup) {
    lab.start_all().await;
    let everybody = lab.everybody();
    lab.all_voters(&everybody).await;
    lab.stop(B).await;
    let backup = Backup::of(lab.data_dir(B).join(part));
    lab.start(B).await;
    lab.all_voters(&everybody).await;
    (lab, backup)
}

/// Waits until everybody votes, what was committed last is on B, and B can commit.
async fn whole_again(lab: &Lab, revision: u64) {
    lab.all_voters(&[A, B, W]).await;
    let control = lab.cluster(B).control.clone();
    eventually("the newest configuration", || {
        control.state().revision() == Revision(revision)
    })
    .await;
    lab.commit(B, revision, "by B").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_store_is_put_away_and_filled_again_by_the_others() {
    for kind in [StoreKind::Sled, StoreKind::Redb] {
        let mut lab = Lab::pair_with_witness();
        lab.keep_in(kind);
        let (mut lab, old) = after_a_backup(lab, "control").await;
        lab.commit(A, 0, "not in the old store").await;
        lab.stop(B).await;

        old.put_back();
        lab.start(B).await;

        whole_again(&lab, 1).await;
        assert!(lab.data_dir(B).join("control.older").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_made_in_the_last_life_gets_what_it_lacks() {
    let (mut lab, old) = after_a_backup(Lab::pair_with_witness(), "control").await;
    for revision in 0..5 {
        lab.commit(A, revision, "not in the copy").await;
    }
    lab.stop(B).await;
    old.put_back();
    // As if it had been made after the last start.
    let noted = lab.data_dir(B).join("incarnation");
    std::fs::copy(noted, lab.data_dir(B).join("control/incarnation")).unwrap();

    lab.start(B).await;

    whole_again(&lab, 5).await;
    assert!(!lab.data_dir(B).join("control.older").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_is_one_that_belongs_to_an_earlier_member() {
    let mut lab = Lab::formed().await;
    lab.stop(B).await;
    let old = Backup::of(lab.data_dir(B).join("control"));
    std::fs::remove_dir_all(lab.data_dir(B).join("control")).unwrap();
    lab.start(B).await;
    lab.all_voters(&[A, B, W]).await;
    lab.stop(B).await;

    old.put_back();
    lab.start(B).await;

    whole_again(&lab, 0).await;
    assert!(lab.data_dir(B).join("control.older").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_was_rolled_back_hears_from_the_other_node_that_it_was() {
    let (mut lab, old) = after_a_backup(Lab::pair_with_witness(), "").await;
    lab.commit(A, 0, "after the snapshot of the machine").await;
    lab.stop(B).await;

    old.put_back();
    lab.start(B).await;

    whole_again(&lab, 1).await;
    assert!(lab.data_dir(B).join("control.older").exists());
}

/// B runs on a disk of before its last life, which came `lives` later, and hears the others only when it has begun.
async fn rolled_back_in_silence(lives: u32) -> (Lab, Option<Incarnation>) {
    let mut lab = Lab::pair_with_witness().on_cables().await;
    lab.start_all().await;
    lab.all_voters(&[A, B, W]).await;
    lab.stop(B).await;
    let old = Backup::of(lab.data_dir(B));
    lab.count_on(B, lives);
    lab.start(B).await;
    lab.all_voters(&[A, B, W]).await;
    lab.commit(A, 0, "after the snapshot of the machine").await;
    lab.stop(B).await;

    let status = lab.cluster(A).control.status();
    let member = status.member(B).and_then(|member| member.incarnation);

    old.put_back();
    next_second().await;
    lab.cut();
    lab.start(B).await;
    lab.mend();
    (lab, member)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_was_rolled_back_in_silence_begins_anew_when_it_hears_of_it() {
    let (lab, before) = rolled_back_in_silence(0).await;

    eventually("it is a new member", || {
        lab.cluster(A)
            .control
            .status()
            .member(B)
            .unwrap()
            .incarnation
            > before
    })
    .await;

    whole_again(&lab, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_life_is_of_the_past_as_well_says_so_and_a_restart_mends_it() {
    // Further than the clock leads.
    let (mut lab, _) = rolled_back_in_silence(1_000).await;

    eventually("B knows that it is of the past", || {
        matches!(lab.cluster(B).control.status().health, Health::Stopped(why)
            if why.contains("knows a later life of this member"))
    })
    .await;
    let control = lab.cluster(B).control.clone();
    let alone = control.survive(SurvivalReason::Operator, "uid 0".to_owned());
    let refused = alone.await.unwrap_err();
    assert!(refused.to_string().contains("a later life"), "{refused}");
    lab.stop(B).await;
    lab.start(B).await;
    whole_again(&lab, 1).await;
    assert!(lab.data_dir(B).join("control.older").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_pair_without_a_witness_an_older_store_is_filled_again_where_it_is() {
    let (mut lab, old) = after_a_backup(Lab::pair(), "").await;
    lab.commit(B, 0, "not in the old store").await;
    lab.stop(B).await;

    old.put_back();
    lab.start(B).await;

    lab.all_voters(&[A, B]).await;
    let control = lab.cluster(B).control.clone();
    eventually("the newest configuration", || {
        control.state().revision() == Revision(1)
    })
    .await;
    lab.commit(B, 1, "by B").await;
    assert!(!lab.data_dir(B).join("control.older").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_that_nobody_reaches_takes_nothing_from_the_first_machine() {
    let (mut lab, copy) = after_a_backup(Lab::pair_with_witness(), "").await;
    let member = |lab: &Lab| {
        let status = lab.cluster(A).control.status();
        status.member(B).unwrap().incarnation
    };
    let (before, log) = (member(&lab), lab.cluster(A).control.status().last_log);

    let double = lab.start_double(B, &copy).await;

    eventually("it was noted that there is somebody else", || {
        lab.cluster(A).control.status().last_log > log
    })
    .await;
    lab.commit(B, 0, "by the first machine").await;
    lab.all_voters(&[A, B, W]).await;
    double.stop().await;
    lab.stop(B).await;
    lab.start(B).await;
    lab.all_voters(&[A, B, W]).await;
    lab.commit(B, 1, "by the first machine, once more").await;
    assert_eq!(member(&lab), before);
    assert!(!lab.data_dir(B).join("control.older").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_in_a_pair_without_a_witness() {
    let (mut lab, copy) = after_a_backup(Lab::pair(), "").await;

    let double = lab.start_double(B, &copy).await;

    for revision in 0..20 {
        lab.commit(B, revision, "by the first machine").await;
    }
    double.stop().await;
    lab.stop(B).await;
    lab.start(B).await;
    lab.all_voters(&[A, B]).await;
    lab.commit(B, 20, "once more").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_alone_may_have_its_past_back() {
    let mut lab = Lab::alone();
    lab.start(A).await;
    lab.commit(A, 0, "in the backup").await;
    lab.stop(A).await;
    let old = Backup::of(lab.data_dir(A).join("control"));
    lab.start(A).await;
    lab.commit(A, 1, "after it").await;
    lab.stop(A).await;

    old.put_back();
    lab.start(A).await;

    let control = lab.cluster(A).control.clone();
    eventually("the configuration of the backup", || {
        control
            .state()
            .config()
            .is_some_and(|config| config.text == "in the backup")
    })
    .await;
    lab.commit(A, 1, "it goes on from there").await;
    assert!(!lab.data_dir(A).join("control.older").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_gives_no_vote_for_less_than_it_knows_until_an_operator_goes_on() {
    let mut lab = Lab::node_and_witness();
    lab.start_all().await;
    lab.all_voters(&[A, W]).await;
    lab.commit(A, 0, "in the backup").await;
    lab.stop(A).await;
    let old = Backup::of(lab.data_dir(A).join("control"));
    lab.start(A).await;
    lab.all_voters(&[A, W]).await;
    lab.commit(A, 1, "after it").await;
    lab.stop(A).await;

    old.put_back();
    lab.start(A).await;

    lab.go_on_alone(A).await;
    lab.commit(A, 1, "it goes on from there").await;
    lab.all_voters(&[A, W]).await;
}

/// Whoever knew of what B has forgotten was off while B and the witness went on without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_agreed_on_is_not_given_up_for_a_leader_that_has_forgotten_it() {
    let (mut lab, old) = after_a_backup(Lab::pair_with_witness(), "").await;
    lab.stop(W).await;
    lab.commit(A, 0, "acknowledged by A and B").await;
    lab.stop(A).await;
    lab.stop(B).await;
    old.put_back();
    lab.start(W).await;
    lab.start(B).await;
    eventually("B and the witness agree", || {
        lab.cluster(B).control.status().leader.is_some()
    })
    .await;
    lab.commit(B, 0, "by a B that has forgotten it").await;

    lab.start(A).await;

    let term = lab.cluster(B).control.status().term;
    eventually("A has heard of B's term", || {
        lab.cluster(A).control.status().term >= term
    })
    .await;
    let text = |lab: &Lab, node| {
        let state = lab.cluster(node).control.state();
        state.config().map(|config| config.text.clone())
    };
    assert_eq!(text(&lab, A).as_deref(), Some("acknowledged by A and B"));

    eventually("B contradicts A", || {
        lab.cluster(A).control.status().contradicted
    })
    .await;
    // As its log says: this one is to be right.
    lab.go_on_alone(A).await;
    lab.all_voters(&[A, B, W]).await;
    eventually("what was acknowledged is there", || {
        text(&lab, B).as_deref() == Some("acknowledged by A and B")
    })
    .await;
    eventually("the other one is a candidate", || {
        lab.cluster(A).control.state().candidates().iter().count() == 1
    })
    .await;
}

/// The one that comes back on an older disk led when that was agreed on, and leads again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_for_one_that_led_then_and_counts_on_from_an_older_disk() {
    let mut lab = Lab::formed().await;
    lab.stop_all().await;
    let backups = [A, B].map(|node| Backup::of(lab.data_dir(node)));
    let leader = |lab: &Lab, node| lab.cluster(node).control.status().leader;
    lab.start(A).await;
    lab.start(B).await;
    eventually("A and B agree", || leader(&lab, A).is_some()).await;
    lab.commit(A, 0, "acknowledged by A and B").await;
    let led = leader(&lab, A).unwrap();
    lab.stop_all().await;
    let (old, other) = if led == A {
        (&backups[0], B)
    } else {
        (&backups[1], A)
    };
    old.put_back();
    // Lives follow the clock, which members that start again and again outrun.
    lab.count_on(led, 100);
    lab.start(W).await;
    lab.start(led).await;
    eventually("it leads again", || leader(&lab, led) == Some(led)).await;
    lab.commit(led, 0, "acknowledged by it and the witness")
        .await;

    lab.start(other).await;
    // It does not follow, and can agree on nothing.
    lab.go_on_alone(other).await;

    lab.all_voters(&[A, B, W]).await;
    for node in [A, B] {
        let control = lab.cluster(node).control.clone();
        eventually("nothing is lost", || {
            let state = control.state();
            let config = state.config().map(|config| config.text.as_str());
            let kept = state.candidates().iter();
            let kept: Vec<_> = kept.map(|(_, kept)| kept.record.text.as_str()).collect();
            config == Some("acknowledged by A and B")
                && kept == ["acknowledged by it and the witness"]
        })
        .await;
    }
}
