//! Machines become members with tokens, are known by their certificates, and are let go; on loopback,
//! with TLS on every connection.

#![expect(
    clippy::unwrap_used,
    reason = "what cannot be made or read here fails the test"
)]

mod machines;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use identity::{Certificate, Label, MemberKey, Secret, Token, client_of_token};
use machines::{Machine, found, join, join_with};
use raft::{JoinError, MemberKind, MembersError};
use raft_state::{ControlCommand, ControlOutcome, SurvivalReason};
use runtime::Clock;
use support::{eventually, put, set_config};
use types::{Fingerprint, NodeId, Revision};

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const W: NodeId = NodeId(3);

/// A cluster of two nodes and a witness, made as an operator makes it.
async fn pair_with_witness() -> [Machine; 3] {
    let mut a = found("west", "a");
    a.start().await;
    a.listed().await;
    grow(&a).await;
    let mut b = join(&a.invite(MemberKind::Node).await, "b").await.unwrap();
    b.start().await;
    a.voters_are(&[A, B]).await;
    // The second node can make members, too.
    let mut w = join(&b.invite(MemberKind::Witness).await, "w")
        .await
        .unwrap();
    w.start().await;
    for machine in [&a, &b, &w] {
        machine.voters_are(&[A, B, W]).await;
    }
    [a, b, w]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_grows_from_one_node_to_two_and_a_witness() {
    let [mut a, b, w] = pair_with_witness().await;
    assert!(!w.path("ca-key.pem").exists(), "a witness cannot sign");
    let outcome = b.cluster().control.propose(set_config(0, "one")).await;
    let revision = Revision(1);
    assert_eq!(outcome, Ok(ControlOutcome::ConfigSet { revision }));
    a.cluster().state.publish(vec![put(7, 1)], vec![]).unwrap();
    eventually("the session on B", || {
        b.cluster().state.state().session_count() == 1
    })
    .await;
    eventually("everybody's version", || {
        let members = w.cluster().control.status().members;
        members.iter().all(|member| member.software.is_some())
    })
    .await;

    // node.toml of the first node still names itself alone: the agreed list says more.
    a.stop().await;
    a.start().await;
    for machine in [&a, &b, &w] {
        machine.voters_are(&[A, B, W]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_good_once_and_in_time_and_nowhere_else() {
    let mut a = found("west", "a");
    a.start().await;
    let used = a.invite(MemberKind::Node).await;
    join(&used, "b").await.unwrap();
    let refused = async |token: &str, name| join(token, name).await.err().unwrap().to_string();
    let again = refused(&used, "c").await;
    assert!(again.contains("used already, by b"), "{again}");

    let expired = a
        .membership()
        .invite(MemberKind::Witness, Duration::ZERO)
        .await;
    let expired = refused(&expired.unwrap().token, "w").await;
    assert!(expired.contains("expired"), "{expired}");

    let third = refused(&a.invite(MemberKind::Node).await, "c").await;
    assert!(third.contains("2 members of kind node"), "{third}");
    let namesake = refused(&a.invite(MemberKind::Witness).await, "a").await;
    assert!(namesake.contains("has the name a already"), "{namesake}");

    let mut unknown = Token::parse(&a.invite(MemberKind::Witness).await).unwrap();
    unknown.secret = Secret::random().unwrap();
    let unknown = refused(&unknown.to_text().unwrap(), "w").await;
    assert!(unknown.contains("does not know this token"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_talks_to_the_cluster_of_its_token_alone() {
    let (mut a, mut other) = (found("west", "a"), found("west", "a"));
    a.start().await;
    other.start().await;
    let token = Token::parse(&a.invite(MemberKind::Node).await).unwrap();
    let address = "127.0.0.1:9".parse().unwrap();
    let refused = async |token: &Token| {
        let refused = join_with(token, "b", address).await.unwrap_err();
        assert!(
            matches!(refused, JoinError::Unreachable { .. }),
            "{refused}"
        );
        refused.to_string()
    };
    let wrong_print = Token {
        authority: Fingerprint([7; 32]),
        ..token.clone()
    };
    let reason = refused(&wrong_print).await;
    assert!(reason.contains("another authority"), "{reason}");
    // Names are the same there, the authority is not.
    let astray = Token {
        addresses: vec![other.address],
        ..token.clone()
    };
    let reason = refused(&astray).await;
    assert!(reason.contains("another authority"), "{reason}");
    let wrong_cluster = Token {
        cluster: Label::new("east").unwrap(),
        ..token.clone()
    };
    let reason = refused(&wrong_cluster).await;
    assert!(reason.contains("not valid for name"), "{reason}");
    let nobody = Token {
        addresses: vec![address],
        ..token.clone()
    };
    let reason = refused(&nobody).await;
    assert!(reason.contains("127.0.0.1:9"), "{reason}");
    // All that used nothing up.
    assert!(join_with(&token, "b", address).await.is_ok());
}

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

/// Has `wanted` lead the control group of two nodes and a witness: the other node goes until it does.
async fn led_by([a, b, w]: &mut [Machine; 3], wanted: NodeId) {
    let leader = |machine: &Machine| machine.cluster().control.status().leader;
    let rival = if wanted == A { &mut *b } else { &mut *a };
    rival.stop().await;
    eventually("its election", || leader(w) == Some(wanted)).await;
    rival.start().await;
    for machine in [a, b, w] {
        machine.voters_are(&[A, B, W]).await;
        assert_eq!(leader(machine), Some(wanted));
    }
}

/// Fills the log with more than one message carries, so that nobody learns the lists of members in one go.
async fn grow(machine: &Machine) {
    for _ in 0..30 {
        let name = "nobody's".into();
        let command = ControlCommand::DropCandidate { name };
        machine.cluster().control.propose(command).await.unwrap();
    }
}

/// A newcomer learns the past from whoever leads, and in the past that one was not always a member.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_joins_under_either_leader() {
    let fourth = NodeId(4);
    for leader in [A, B] {
        let mut machines = pair_with_witness().await;
        led_by(&mut machines, leader).await;
        let [a, b, gone] = machines;
        let inviter = if leader == A { &b } else { &a };
        inviter.membership().remove("w", "uid 0").await.unwrap();
        let mut w = join(&inviter.invite(MemberKind::Witness).await, "w")
            .await
            .unwrap();
        assert_eq!(w.id, fourth);
        let name = if leader == A { "b" } else { "a" };
        let by = format!("uid 0 on {name}");
        assert_eq!(gone.dismissal().await.by, Some(by));
        w.start().await;
        for machine in [&a, &b, &w] {
            machine.voters_are(&[A, B, fourth]).await;
        }
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
    std::fs::write(b.path("data/incarnation"), ahead.to_string()).unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_renewed_while_traffic_goes_on() {
    let machines = pair_with_witness().await;
    let [a, b, w] = &machines;
    let stop = Arc::new(AtomicBool::new(false));
    let committed = Arc::new(AtomicU64::new(0));
    let load = {
        let (stop, committed) = (Arc::clone(&stop), Arc::clone(&committed));
        let (control, state) = (b.cluster().control.clone(), a.cluster().state.clone());
        async move {
            while !stop.load(Ordering::Relaxed) {
                let base = committed.load(Ordering::Relaxed);
                state.publish(vec![put(base.into(), 1)], vec![]).unwrap();
                // Every single one must be answered: a gap would show here.
                let outcome = control.propose(set_config(base, "load")).await;
                let revision = Revision(base + 1);
                assert_eq!(outcome, Ok(ControlOutcome::ConfigSet { revision }));
                committed.store(base + 1, Ordering::Relaxed);
            }
        }
    };
    let terms = || [a, b].map(|machine| machine.cluster().control.status().term);
    let before = terms();
    let renewing = async {
        for round in 1..=2 {
            for machine in [a, b, w] {
                let old = machine.membership().certificate();
                machine.membership().renew().await.unwrap();
                let new = machine.membership().certificate();
                assert_ne!(old.fingerprint(), new.fingerprint());
                let kept = std::fs::read(machine.path("member.pem")).unwrap();
                assert_eq!(Certificate::all_from_pem(&kept).unwrap(), [new]);
                let goal = committed.load(Ordering::Relaxed) + 5;
                eventually("traffic under the new certificate", || {
                    committed.load(Ordering::Relaxed) >= goal
                })
                .await;
                let shown = a.membership().records();
                let record = shown.iter().find(|record| record.id == machine.id).unwrap();
                assert_eq!(record.certificates.len(), round + 1);
            }
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(load, renewing);
    assert_eq!(terms(), before, "nobody lost its leader on the way");
    let published = usize::try_from(committed.load(Ordering::Relaxed)).unwrap();
    eventually("every session on B", || {
        b.cluster().state.state().session_count() >= published
    })
    .await;

    // And from the files.
    let [mut a, mut b, w] = machines;
    for machine in [&mut a, &mut b] {
        machine.stop().await;
        machine.start().await;
    }
    for machine in [&a, &b, &w] {
        machine.voters_are(&[A, B, W]).await;
    }
}

/// Whoever was refused, or did not hear the answer, asks again with the same token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_a_member_costs_no_token() {
    let mut a = found("west", "a");
    a.start().await;
    let token = Token::parse(&a.invite(MemberKind::Witness).await).unwrap();
    let address = "127.0.0.1:9".parse().unwrap();
    let key = MemberKey::generate().unwrap();
    let ask = async |name: &str, address: &str, key| {
        let name = Label::new(name).unwrap();
        let addresses = [address.parse().unwrap()];
        let joined = raft::join(&token, &name, &addresses, key).await;
        joined.map_err(|error| error.to_string())
    };
    let refused = ask("nobody", "127.0.0.1:9", &key).await.unwrap_err();
    assert!(refused.contains("there is no node nobody"), "{refused}");
    let refused = ask("w", "0.0.0.0:9", &key).await.unwrap_err();
    assert!(refused.contains("none that others can reach"), "{refused}");
    assert_eq!(a.membership().records().len(), 1);
    assert_eq!(a.membership().open_tokens(), 1);

    let first = ask("w", "127.0.0.1:9", &key).await.unwrap();
    assert_eq!(first.members.last().unwrap().addresses, [address]);
    let again = ask("w", "127.0.0.1:9", &key).await.unwrap();
    assert_eq!((first.id, &first.members), (again.id, &again.members));
    let stolen = MemberKey::generate().unwrap();
    let refused = ask("w", "127.0.0.1:9", &stolen).await.unwrap_err();
    assert!(refused.contains("used already, by w"), "{refused}");
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

/// Whoever was away knows its peers by certificates that they show no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_away_while_the_others_renewed_comes_back() {
    let [a, mut b, w] = pair_with_witness().await;
    b.stop().await;
    for machine in [&a, &w] {
        machine.membership().renew().await.unwrap();
    }
    b.start().await;
    for machine in [&a, &b, &w] {
        machine.voters_are(&[A, B, W]).await;
    }
}

/// Joining is the one thing that may be asked without a certificate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_may_ask_to_join_and_nothing_else() {
    use proto::raft::peering_client::PeeringClient;
    use proto::raft::{Header, HelloRequest, Request};

    let mut a = found("west", "a");
    a.start().await;
    let token = Token::parse(&a.invite(MemberKind::Node).await).unwrap();
    let (config, name) = client_of_token(&token).unwrap();
    let address = a.address;
    let connector = tower::service_fn(move |_uri| {
        let (config, name) = (Arc::clone(&config), name.clone());
        async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            let connector = tokio_rustls::TlsConnector::from(config);
            let stream = connector.connect(name, stream).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }
    });
    let channel = tonic::transport::Endpoint::from_static("http://member")
        .connect_with_connector(connector)
        .await
        .unwrap();
    let mut client = PeeringClient::new(channel);
    let hello = HelloRequest {
        notice_seen: None,
        cluster_id: "west".to_owned(),
        node: 1,
        source: 1,
        protocol: 3,
    };
    let refused = client.hello(hello).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated, "{refused}");
    let header = Header {
        cluster_id: "west".to_owned(),
        group: 1,
        target: 0,
        source: 1 << 32,
        generation: 0,
        protocol: 3,
    };
    let call = Request {
        header: Some(header),
        ..Request::default()
    };
    let refused = client.call(call).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated, "{refused}");
}
