//! What becomes of a cluster when disks are replaced, damaged, or kept by another library.

mod support;

use raft::{MemberRole, StoreKind};
use support::{A, B, Lab, STORES, W, eventually, put};
use types::Revision;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_may_restart_and_the_configuration_is_there() {
    for kind in STORES {
        let mut lab = Lab::pair_with_witness();
        lab.keep_in(kind);
        lab.start_all().await;
        lab.all_voters(&[A, B, W]).await;
        lab.commit(A, 0, "durable").await;
        let generation = lab.cluster(A).state.status().generation;

        lab.stop_all().await;
        lab.start_all().await;

        lab.all_voters(&[A, B, W]).await;
        for node in [A, B] {
            let control = lab.cluster(node).control.clone();
            eventually("the configuration", || {
                control
                    .state()
                    .config()
                    .is_some_and(|config| config.text == "durable")
            })
            .await;
        }
        assert!(lab.cluster(A).state.status().generation > generation);
        lab.publish(B, vec![put(1, 1)]);
        eventually("sessions again", || {
            lab.cluster(A).state.state().session_count() == 1
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_disk_was_replaced_joins_as_a_new_member() {
    let mut lab = Lab::formed().await;
    lab.commit(A, 0, "kept by B").await;
    let before = lab
        .cluster(B)
        .control
        .status()
        .member(A)
        .unwrap()
        .incarnation;

    lab.stop(A).await;
    lab.wipe(A).await;
    lab.start(A).await;

    let returned = lab.cluster(A).clone();
    eventually("the configuration is back", || {
        returned.control.state().revision() == Revision(1)
    })
    .await;
    eventually("its new life is a voter", || {
        let status = lab.cluster(B).control.status();
        let member = status.member(A).unwrap();
        member.incarnation > before && member.role == MemberRole::Voter
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_is_moved_aside_and_restored_by_the_others() {
    for kind in STORES {
        let mut lab = Lab::pair_with_witness();
        lab.keep_in(kind);
        lab.start_all().await;
        lab.all_voters(&[A, B, W]).await;
        lab.commit(A, 0, "kept by B").await;
        lab.stop(A).await;
        lab.damage(A);

        lab.start(A).await;

        let returned = lab.cluster(A).clone();
        eventually("the configuration is back", || {
            returned.control.state().revision() == Revision(1)
        })
        .await;
        assert!(lab.data_dir(A).join("control.damaged").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whom_nobody_could_restore_refuses_to_start_on_a_damaged_store_and_touches_nothing()
{
    for kind in STORES {
        for mut lab in [Lab::alone(), Lab::node_and_witness()] {
            lab.keep_in(kind);
            lab.start_all().await;
            lab.all_voters(&lab.everybody()).await;
            lab.commit(A, 0, "only here").await;
            lab.stop(A).await;
            lab.damage(A);

            let error = lab.try_start(A).await.unwrap_err();

            let raft::StartError::OnlyStoreDamaged { path, .. } = &error else {
                panic!("{error}");
            };
            assert_eq!(*path, lab.data_dir(A).join("control"));
            assert!(!lab.data_dir(A).join("control.damaged").exists());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_refuses_to_start_on_a_store_of_the_other_library() {
    let mut lab = Lab::alone();
    lab.start(A).await;
    lab.stop(A).await;
    lab.keep_in(StoreKind::Redb);

    let error = lab.try_start(A).await.unwrap_err();

    let raft::StartError::Store(refused) = &error else {
        panic!("{error}");
    };
    let text = refused.to_string();
    assert!(
        text.contains("written by sled, and redb was chosen"),
        "{text}"
    );
    lab.keep_in(StoreKind::Sled);
    lab.start(A).await;
}
