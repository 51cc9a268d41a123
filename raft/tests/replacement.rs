//! Members are let go, and machines followed by others; on loopback, with TLS on every connection.

mod machines;
mod support;

use std::time::Duration;

use machines::{A, B, Machine, W, found, join, led_by, pair_with_witness};
use raft::{JoinError, MemberKind, MembersError};
use raft_state::{ControlCommand, ControlOutcome, SurvivalReason};
use runtime::Clock;
use support::{eventually, put, set_config};
use types::{NodeId, Revision};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_member_is_not_heard_any_more_and_its_name_is_free() {
    let [a, mut b, _w] = pair_with_witness().await;
    let nobody = a.membership().remove("nobody", "uid 0").await.unwrap_err();
    assert!(
        matches!(nobody, MembersError::NoSuchMember { .. }),
        "{nobody}"
    );
    let itself = a.membership().remove("a", "uid 0").await.unwrap_err();
    assert!(matches!(itself, MembersError::Itself(_)), "{itself}");

    assert_eq!(a.membership().remove("b", "uid 0").await.unwrap(), B);

    a.voters_are(&[A, W]).await;
    let outcome = a
        .cluster()
        .control
        .propose(set_config(0, "without B"))
        .await;
    assert!(outcome.is_ok(), "{outcome:?}");
    // It is told why, also after a restart; nobody takes it in or tells it anything else.
    let proposal = b.cluster().control.propose(set_config(0, "by B")).await;
    assert!(proposal.is_err(), "{proposal:?}");
    assert_eq!(b.dismissal().await.by.as_deref(), Some("uid 0 on a"));
    b.stop().await;
    b.start().await;
    assert_eq!(b.dismissal().await.by.as_deref(), Some("uid 0 on a"));
    let proposal = b.cluster().control.propose(set_config(0, "by B")).await;
    assert!(proposal.is_err(), "{proposal:?}");
    assert_eq!(b.cluster().control.state().revision(), Revision(0));
    a.voters_are(&[A, W]).await;

    let mut again = join(&a.invite(MemberKind::Node).await, "b").await.unwrap();
    again.start().await;
    a.voters_are(&[A, W, NodeId(4)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn port_blocks_of_a_removed_node_are_free_for_the_others() {
    let [a, b, _w] = pair_with_witness().await;
    let claim = |node, held, count| ControlCommand::ClaimPortBlocks {
        node,
        address: "198.51.100.1".parse().unwrap(),
        held,
        count,
    };
    let granted = async |machine: &Machine, command| {
        let outcome = machine.cluster().control.propose(command).await.unwrap();
        let ControlOutcome::PortBlocks { blocks, .. } = outcome else {
            panic!("{outcome}");
        };
        blocks.len()
    };
    assert_eq!(granted(&b, claim(B, 0, 110)).await, 110);
    assert_eq!(granted(&a, claim(A, 0, 4)).await, 0, "none is left");

    a.membership().remove("b", "uid 0").await.unwrap();

    eventually("the blocks of the removed node are free", || {
        a.cluster().control.state().port_blocks().is_empty()
    })
    .await;
    assert_eq!(granted(&a, claim(A, 0, 4)).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_machine_is_followed_by_one_with_its_name_and_number() {
    let [a, mut b, _w] = pair_with_witness().await;
    a.cluster()
        .control
        .propose(set_config(0, "kept"))
        .await
        .unwrap();
    b.stop().await;
    let life = Duration::from_mins(10);
    let invitation = a.membership().replace("b", life).await.unwrap();
    let other_name = join(&invitation.token, "c").await.err().unwrap();
    assert!(
        matches!(other_name, JoinError::OtherName { .. }),
        "{other_name}"
    );

    let mut new = join(&invitation.token, "b").await.unwrap();
    assert_eq!(new.id, B);
    new.start().await;
    new.voters_are(&[A, B, W]).await;
    eventually("the configuration on the new machine", || {
        new.cluster().control.state().revision() == Revision(1)
    })
    .await;

    // The old machine comes back with its old certificate and its old disk.
    b.start().await;
    assert_eq!(b.dismissal().await.by, None, "another one took its place");
    let proposal = b
        .cluster()
        .control
        .propose(set_config(1, "from the grave"))
        .await;
    assert!(proposal.is_err(), "{proposal:?}");
    for machine in [&a, &new] {
        machine.voters_are(&[A, B, W]).await;
        assert_eq!(machine.cluster().control.state().revision(), Revision(1));
    }
}

/// Whoever is lost is followed by a new machine, whoever else leads meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_member_is_replaced_under_either_leader() {
    for (lost, leader) in [(A, B), (B, A), (W, A), (W, B)] {
        let mut machines = pair_with_witness().await;
        led_by(&mut machines, leader).await;
        let [a, b, w] = machines;
        let (mut rest, mut old): (Vec<_>, Vec<_>) = [a, b, w]
            .into_iter()
            .partition(|machine| machine.id != lost);
        old.iter_mut().next().unwrap().stop().await;
        let at_leader = rest.iter().find(|machine| machine.id == leader).unwrap();
        let name = if lost == A {
            "a"
        } else if lost == B {
            "b"
        } else {
            "w"
        };
        let life = Duration::from_mins(10);
        let invited = at_leader.membership().replace(name, life).await.unwrap();
        let mut new = join(&invited.token, name).await.unwrap();
        assert_eq!(new.id, lost);
        new.start().await;
        rest.push(new);
        for machine in &rest {
            machine.voters_are(&[A, B, W]).await;
        }
    }
}

/// Clocks of machines are set by hand, or by nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_machine_under_a_slower_clock_begins_a_later_life() {
    let [a, mut b, _w] = pair_with_witness().await;
    b.stop().await;
    let ahead = u32::try_from(Clock::start().unix_millis() / 1_000).unwrap() + 100_000;
    for noted in ["data/incarnation", "data/control/incarnation"] {
        std::fs::write(b.path(noted), format!("{ahead}\n")).unwrap();
    }
    b.start().await;
    let before = b.cluster().state.incarnation();
    assert!(before.0 > ahead);
    eventually("this life among the members", || {
        let members = a.cluster().state.status().members;
        members.iter().any(|b| b.incarnation == Some(before))
    })
    .await;
    b.stop().await;
    let life = Duration::from_mins(10);
    let invited = a.membership().replace("b", life).await.unwrap();
    let mut new = join(&invited.token, "b").await.unwrap();
    new.start().await;
    assert!(new.cluster().state.incarnation() > before);
    a.voters_are(&[A, B, W]).await;
    // Lives order what nodes say: of an earlier one nothing would be taken any more.
    new.cluster()
        .state
        .publish(vec![put(7, 1)], vec![])
        .unwrap();
    eventually("its session on A", || {
        a.cluster().state.state().session_count() == 1
    })
    .await;
}

/// Whoever took the quorum with it is removed after all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_took_the_quorum_away_is_removed_by_who_goes_on_alone() {
    let mut a = found("west", "a");
    a.start().await;
    let never = join(&a.invite(MemberKind::Node).await, "never").await;
    assert_eq!(never.unwrap().id, B);
    // It has never voted: nobody misses it.
    a.membership().remove("never", "uid 0").await.unwrap();
    a.voters_are(&[A]).await;

    let mut b = join(&a.invite(MemberKind::Node).await, "b").await.unwrap();
    b.start().await;
    a.voters_are(&[A, b.id]).await;
    b.stop().await;
    let stuck = a.membership().remove("b", "uid 0").await.unwrap_err();
    let stuck = stuck.to_string();
    assert!(stuck.contains("request cluster survive"), "{stuck}");
    let by = "uid 0".to_owned();
    let alone = a
        .cluster()
        .control
        .survive(SurvivalReason::Operator, by)
        .await;
    assert!(alone.is_ok(), "{alone:?}");
    a.membership().remove("b", "uid 0").await.unwrap();
    a.voters_are(&[A]).await;
}
