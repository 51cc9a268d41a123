//! Machines become members with tokens and are known by their certificates; on loopback,
//! with TLS on every connection.

mod machines;
mod support;

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use identity::{Certificate, Label, MemberKey, Secret, Token, client_of_token};
use machines::{A, B, HEARTBEAT_KEY, W, found, join, join_with, led_by, pair_with_witness};
use raft::{JoinError, MemberKind};
use raft_state::ControlOutcome;
use support::{eventually, put, set_config};
use types::{Fingerprint, NodeId, Revision};

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

/// A node without the key of the heartbeats could not run, and would have a vote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_taken_in_with_the_key_of_the_heartbeats_or_not_at_all() {
    let mut a = found("west", "a");
    let key = a.path("heartbeat.key");
    a.start().await;
    let token = Token::parse(&a.invite(MemberKind::Node).await).unwrap();
    let address = "127.0.0.1:9".parse().unwrap();
    let refused = async || {
        let error = join_with(&token, "b", address).await.unwrap_err();
        error.to_string()
    };
    std::fs::write(&key, "\n").unwrap();
    let empty = refused().await;
    assert!(empty.contains("heartbeat.key on a is empty"), "{empty}");
    std::fs::remove_file(&key).unwrap();
    let missing = refused().await;
    assert!(
        missing.contains("heartbeat.key on a cannot be read") && missing.contains("still good"),
        "{missing}"
    );
    assert_eq!(a.membership().records().len(), 1);

    std::fs::write(&key, HEARTBEAT_KEY).unwrap();
    let joined = join_with(&token, "b", address).await.unwrap();
    assert_eq!(joined.heartbeat_key.as_deref(), Some(HEARTBEAT_KEY));
}

/// Each signed certificate takes the place of an earlier one in the list, at last of the one that is in use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_could_not_be_kept_asks_for_no_certificate() {
    let [a, b, _w] = pair_with_witness().await;
    let known = || {
        let records = a.membership().records();
        let record = records.into_iter().find(|record| record.id == b.id);
        record.map(|record| record.certificates)
    };
    let before = known();
    let in_the_way = b.path("member.pem.new");
    std::fs::create_dir(&in_the_way).unwrap();
    for _ in 0..6 {
        let refused = b.membership().renew().await.unwrap_err();
        let refused = refused.source().unwrap().to_string();
        assert!(
            refused.contains("member.pem.new") && refused.contains("the old one goes on"),
            "{refused}"
        );
    }
    assert_eq!(known(), before);

    std::fs::remove_dir(&in_the_way).unwrap();
    b.membership().renew().await.unwrap();
    assert_ne!(known(), before);
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
        protocol: raft::seam::PROTOCOL,
    };
    let refused = client.hello(hello).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated, "{refused}");
    let header = Header {
        cluster_id: "west".to_owned(),
        group: 1,
        target: 0,
        source: 1 << 32,
        generation: 0,
        protocol: raft::seam::PROTOCOL,
    };
    let call = Request {
        header: Some(header),
        ..Request::default()
    };
    let refused = client.call(call).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated, "{refused}");
}
