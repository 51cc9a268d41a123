//! Whole clusters in one process, over real sockets: forming, failing, coming back.

mod support;

use std::io::Write;
use std::time::Duration;

use raft::{Committed, Health, MemberKind, MemberRole};
use raft_state::{ControlCommand, ControlOutcome};
use support::{A, B, Lab, STORES, W, eventually, put, set_config};
use types::{Revision, SessionId};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_and_a_witness_form_agree_and_replicate() {
    let lab = Lab::formed().await;

    let outcome = lab.cluster(B).control.propose(set_config(0, "one")).await;
    assert_eq!(
        outcome,
        Ok(ControlOutcome::ConfigSet {
            revision: Revision(1)
        })
    );
    let stale = lab.cluster(A).control.propose(set_config(0, "two")).await;
    assert_eq!(
        stale,
        Ok(ControlOutcome::ConfigStale {
            current: Revision(1)
        })
    );

    let mut changes = lab.cluster(B).state.changes();
    assert!(matches!(changes.next().await, Some(Committed::Snapshot(_))));
    lab.publish(A, vec![put(7, 1)]);
    loop {
        match changes.next().await.unwrap() {
            Committed::Snapshot(all) if all.session(SessionId(7)).is_some() => break,
            Committed::Snapshot(_) => {}
            Committed::Batch { own, sessions, .. } => {
                assert!(!own);
                assert_eq!(sessions, [put(7, 1)]);
                break;
            }
        }
    }
    eventually("equal checksums", || {
        lab.cluster(A).state.status().checksum == lab.cluster(B).state.status().checksum
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_agreed_on_is_lost_with_the_leader() {
    let mut lab = Lab::formed().await;
    for number in 0..20 {
        let command = set_config(number, &format!("configuration {number}"));
        lab.cluster(A).control.propose(command).await.unwrap();
    }
    let sessions: Vec<_> = (0..500).map(|id| put(id, 1)).collect();
    lab.publish(A, sessions);
    eventually("sessions on both", || {
        [A, B].map(|node| lab.cluster(node).state.state().session_count()) == [500, 500]
    })
    .await;

    let leader = lab.cluster(A).control.status().leader.unwrap();
    let other = if leader == A { B } else { A };
    lab.stop(leader).await;

    let outcome = lab
        .cluster(other)
        .control
        .propose(set_config(20, "after"))
        .await;
    assert_eq!(
        outcome,
        Ok(ControlOutcome::ConfigSet {
            revision: Revision(21)
        })
    );
    let survivor = lab.cluster(other).clone();
    survivor.state.publish(vec![put(1000, 1)], vec![]).unwrap();
    eventually("the survivor's new session", || {
        survivor.state.state().session_count() == 501
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_returns_gets_every_session_under_a_new_incarnation() {
    let mut lab = Lab::formed().await;
    let first_life = lab.cluster(A).state.incarnation();
    lab.stop(A).await;
    let sessions: Vec<_> = (0..3_000).map(|id| put(id, 1)).collect();
    lab.publish(B, sessions);
    lab.commit(B, 0, "while away").await;

    lab.start(A).await;

    let returned = lab.cluster(A).clone();
    assert!(returned.state.incarnation() > first_life);
    eventually("all sessions are back", || {
        returned.state.state().session_count() == 3_000
            && returned.state.status().checksum == lab.cluster(B).state.status().checksum
    })
    .await;
    eventually("the configuration is back", || {
        returned.control.state().revision() == Revision(1)
    })
    .await;
    eventually("its new life is a voter", || {
        let status = lab.cluster(B).state.status();
        let member = status.member(A).unwrap();
        member.incarnation == Some(returned.state.incarnation()) && member.role == MemberRole::Voter
    })
    .await;

    // And the other way round: what was agreed on while A was back survives B.
    lab.stop(B).await;
    returned.state.publish(vec![put(9_999, 1)], vec![]).unwrap();
    eventually("A goes on alone with the witness", || {
        returned.state.state().session_count() == 3_001
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_votes_and_keeps_nothing() {
    let mut lab = Lab::formed().await;
    lab.commit(A, 0, "secret-of-the-nodes").await;
    lab.publish(A, vec![put(1, 1)]);
    let applied = |group: raft::GroupStatus| (group.applied, group.last_log);
    eventually("the witness is level", || {
        let (node, witness) = (lab.cluster(A), lab.cluster(W));
        node.state.state().session_count() == 1
            && applied(witness.control.status()) == applied(node.control.status())
            && applied(witness.state.status()) == applied(node.state.status())
    })
    .await;

    let witness = lab.cluster(W).clone();
    assert_eq!(witness.control.state().config(), None);
    assert_eq!(witness.state.state().session_count(), 0);
    lab.stop_all().await;
    let secret = b"secret-of-the-nodes";
    let holds = |bytes: Vec<u8>| bytes.windows(secret.len()).any(|window| window == secret);
    assert!(!holds(lab.bytes_on_disk(W)));
    assert!(holds(lab.bytes_on_disk(B)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_when_the_state_group_loses_its_majority() {
    let mut lab = Lab::formed().await;
    lab.publish(A, vec![put(1, 1), put(2, 1)]);
    eventually("sessions on B", || {
        lab.cluster(B).state.state().session_count() == 2
    })
    .await;

    // Node and witness at once: of the three lives that could agree, one is left.
    lab.stop(A).await;
    lab.stop(W).await;
    lab.start(W).await;

    let survivor = lab.cluster(B).clone();
    survivor.state.publish(vec![put(3, 1)], vec![]).unwrap();
    eventually("a new generation with all sessions", || {
        survivor.state.state().session_count() == 3 && survivor.state.status().health == Health::Ok
    })
    .await;
    lab.start(A).await;
    let returned = lab.cluster(A).clone();
    eventually("A has them too", || {
        returned.state.state().session_count() == 3
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_alone_agrees_with_itself_and_remembers() {
    for kind in STORES {
        let mut lab = Lab::alone();
        lab.keep_in(kind);
        lab.start(A).await;
        lab.commit(A, 0, "one").await;
        lab.publish(A, vec![put(1, 1)]);
        eventually("the session", || {
            lab.cluster(A).state.state().session_count() == 1
        })
        .await;
        lab.stop(A).await;
        lab.start(A).await;
        let outcome = lab.cluster(A).control.propose(set_config(1, "two")).await;
        assert_eq!(
            outcome,
            Ok(ControlOutcome::ConfigSet {
                revision: Revision(2)
            })
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_strangers_do_not_hurt() {
    let lab = Lab::formed().await;
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 4096],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00",
    ] {
        let mut socket = std::net::TcpStream::connect(lab.address(A)).unwrap();
        // The other end may hang up in the middle.
        let _cut = socket.write_all(garbage);
    }
    let mut stranger = Lab::stranger_to(&lab);
    stranger.start(B).await;

    lab.commit(B, 0, "undisturbed").await;
    assert_eq!(lab.cluster(A).control.status().health, Health::Ok);
    let refused = stranger
        .cluster(B)
        .control
        .propose(set_config(0, "other cluster"))
        .await;
    assert!(refused.unwrap_err().is_retryable());
    assert_eq!(
        stranger.cluster(B).control.status().member(A).unwrap().role,
        MemberRole::Absent
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_for_long_is_brought_up_by_a_snapshot() {
    let mut lab = Lab::pair_with_witness();
    lab.snapshot_often();
    lab.start_all().await;
    lab.all_voters(&[A, B, W]).await;
    lab.stop(A).await;
    lab.stop(W).await;
    lab.start(W).await;
    let survivor = lab.cluster(B).clone();
    for number in 0..40 {
        let command = set_config(number, &format!("configuration {number}"));
        survivor.control.propose(command).await.unwrap();
        survivor
            .state
            .publish(vec![put(number.into(), 1)], vec![])
            .unwrap();
        let count = usize::try_from(number).unwrap() + 1;
        eventually("the session", || {
            survivor.state.state().session_count() == count
        })
        .await;
    }

    lab.start(A).await;

    let returned = lab.cluster(A).clone();
    eventually("everything is back", || {
        returned.control.state().revision() == Revision(40)
            && returned.state.state().session_count() == 40
            && returned.state.status().checksum == survivor.state.status().checksum
    })
    .await;
    // And once more from what is on the disks: the snapshot and the few entries after it.
    lab.stop_all().await;
    lab.start_all().await;
    lab.all_voters(&[A, B, W]).await;
    for node in [A, B] {
        let control = lab.cluster(node).control.clone();
        eventually("the configuration", || {
            control.state().revision() == Revision(40)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_without_a_witness_freezes_alone_and_goes_on_together() {
    let mut lab = Lab::pair();
    lab.start_all().await;
    lab.all_voters(&[A, B]).await;
    lab.publish(A, vec![put(1, 1)]);
    eventually("the session on B", || {
        lab.cluster(B).state.state().session_count() == 1
    })
    .await;

    lab.stop(A).await;
    let left = lab.cluster(B).clone();
    let frozen = left.control.propose(set_config(0, "alone")).await;
    assert!(frozen.unwrap_err().is_retryable());
    left.state.publish(vec![put(2, 1)], vec![]).unwrap();
    lab.start(A).await;

    eventually("both sessions on both", || {
        [A, B].map(|node| lab.cluster(node).state.state().session_count()) == [2, 2]
    })
    .await;
    eventually("agreement", || left.control.status().health == Health::Ok).await;
    // What was proposed alone may have been agreed on meanwhile: any answer will do.
    let together = lab.cluster(A).control.propose(set_config(0, "both")).await;
    assert!(together.is_ok(), "{together:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_link_of_four_is_enough() {
    let mut lab = Lab::pair_with_witness().with_dead_links(3);
    lab.start_all().await;
    lab.all_voters(&[A, B, W]).await;
    lab.commit(A, 0, "over the link that is left").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_changes_merge_and_are_refused_beyond_the_bound() {
    let mut lab = Lab::pair_with_witness();
    lab.limit_pending(10);
    lab.start(A).await;
    let alone = lab.cluster(A).clone();
    for version in 1..=100 {
        alone.state.publish(vec![put(1, version)], vec![]).unwrap();
    }
    let many: Vec<_> = (0..20).map(|id| put(id, 1)).collect();
    let refused = alone.state.publish(many, vec![]).unwrap_err();
    assert!(refused.refused >= 9, "{refused}");
    assert_eq!(
        alone.state.refused(),
        u64::try_from(refused.refused).unwrap()
    );

    lab.start(B).await;
    lab.start(W).await;

    eventually("what was accepted is agreed on", || {
        alone.state.pending() == 0
            && lab
                .cluster(B)
                .state
                .state()
                .session(SessionId(1))
                .is_some_and(|session| session.version == 100)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn port_blocks_are_claimed_through_either_node_and_never_twice() {
    let lab = Lab::formed().await;
    let claim = |node| ControlCommand::ClaimPortBlocks {
        node,
        address: "198.51.100.1".parse().unwrap(),
        held: 0,
        count: 3,
    };
    let (a, b) = tokio::join!(
        lab.cluster(A).control.propose(claim(A)),
        lab.cluster(B).control.propose(claim(B)),
    );
    let blocks = |outcome| match outcome {
        Ok(ControlOutcome::PortBlocks { blocks, .. }) => blocks,
        other => panic!("{other:?}"),
    };
    let mut all = [blocks(a), blocks(b)].concat();
    all.sort_unstable();
    assert_eq!(all, [16, 17, 18, 19, 20, 21]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_names_everybody_and_a_silent_member_grows_old() {
    let mut lab = Lab::formed().await;
    let status = lab.cluster(B).control.status();
    let kinds: Vec<_> = status.members.iter().map(|member| member.kind).collect();
    assert_eq!(
        kinds,
        [MemberKind::Node, MemberKind::Node, MemberKind::Witness]
    );
    // Also those who have nothing to say to each other.
    for node in [A, B, W] {
        let cluster = lab.cluster(node).clone();
        eventually("everybody is heard", || {
            let heard =
                |member: &raft::MemberStatus| member.id == node || member.heard_ago.is_some();
            cluster.control.status().members.iter().all(heard)
        })
        .await;
    }
    lab.stop(A).await;
    let survivor = lab.cluster(B).clone();
    eventually("A is not heard any more", || {
        survivor
            .state
            .status()
            .member(A)
            .and_then(|member| member.heard_ago)
            .is_some_and(|ago| ago > Duration::from_millis(900))
    })
    .await;
}
