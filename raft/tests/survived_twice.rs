//! A backup is put back, and the node goes on alone from there, as it did once before: two lineages of one
//! generation and one founder.

mod support;

use raft_state::ControlLineage;
use support::backup::Backup;
use support::{A, B, Lab, eventually};

/// A went on alone twice from one and the same backup: the lineage that it began first, with B and whoever else is
/// started, and then A alone in the second one.
async fn two_survivals_of_one_backup(mut lab: Lab) -> (Lab, [ControlLineage; 2]) {
    lab.start_all().await;
    let everybody = lab.everybody();
    lab.all_voters(&everybody).await;
    lab.commit(A, 0, "in the backup").await;
    lab.stop_all().await;
    let old = Backup::of(lab.data_dir(A));

    lab.start(A).await;
    let first = lab.go_on_alone(A).await;
    start_the_others(&mut lab).await;
    lab.all_voters(&everybody).await;
    lab.commit(A, 1, "acknowledged by everybody").await;
    lab.stop_all().await;

    old.put_back();
    // Lives follow the clock, which members that start again and again outrun.
    lab.count_on(A, 100);
    lab.start(A).await;
    let second = lab.go_on_alone(A).await;
    lab.commit(A, 1, "acknowledged by A alone").await;
    (lab, [first, second])
}

async fn start_the_others(lab: &mut Lab) {
    for member in lab.everybody().into_iter().filter(|member| *member != A) {
        lab.start(member).await;
    }
}

/// Everybody votes in `lineage`, which has `runs`; the other one is a candidate.
async fn one_is_left(lab: &Lab, lineage: ControlLineage, (runs, kept): (&str, &str)) {
    let everybody = lab.everybody();
    eventually("one lineage", || {
        everybody.iter().all(|member| {
            let view = lab.cluster(*member).control.lineage();
            view.lineage == Some(lineage) && view.aside == 0
        })
    })
    .await;
    lab.all_voters(&everybody).await;
    for node in [A, B] {
        let control = lab.cluster(node).control.clone();
        eventually("what runs, and what is kept", || {
            let state = control.state();
            let candidates = state.candidates().iter();
            let texts: Vec<_> = candidates.map(|(_, kept)| &kept.record.text).collect();
            state.config().is_some_and(|config| config.text == runs) && texts == [kept]
        })
        .await;
    }
    lab.commit(B, 2, "together").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_survivals_of_one_backup_the_one_that_got_further_wins() {
    let (mut lab, [first, second]) = two_survivals_of_one_backup(Lab::pair_with_witness()).await;
    assert_ne!(first, second);
    assert_eq!(
        (first.generation, first.founder),
        (second.generation, second.founder)
    );

    start_the_others(&mut lab).await;

    one_is_left(
        &lab,
        first,
        ("acknowledged by everybody", "acknowledged by A alone"),
    )
    .await;
}

/// B can come to no agreement without A in the first one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_pair_without_a_witness_the_later_one_wins() {
    let (mut lab, [_, second]) = two_survivals_of_one_backup(Lab::pair()).await;

    start_the_others(&mut lab).await;

    one_is_left(
        &lab,
        second,
        ("acknowledged by A alone", "acknowledged by everybody"),
    )
    .await;
}
