//! What is turned away before anything of it is read: no certificate, too much, too slow, too many.

#![expect(
    clippy::unwrap_used,
    reason = "what cannot be made or read here fails the test"
)]

mod machines;
mod support;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use identity::{Secret, Token, client_of_token};
use machines::{Machine, found, join};
use proto::raft::admission_client::AdmissionClient;
use proto::raft::peering_client::PeeringClient;
use proto::raft::{JoinReply, JoinRequest, Request};
use raft::MemberKind;
use tonic::Code;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;

/// Only a failing test takes so long.
const DEADLINE: Duration = Duration::from_secs(10);

/// A node, and somebody who knows a token of its cluster and has no certificate.
async fn node_and_stranger() -> (Machine, Token, Channel) {
    let mut node = found("west", "a");
    node.start().await;
    let token = Token::parse(&node.invite(MemberKind::Node).await).unwrap();
    let channel = stranger(&node, &token).await;
    (node, token, channel)
}

async fn stranger(node: &Machine, token: &Token) -> Channel {
    let (config, name) = client_of_token(token).unwrap();
    let address = node.address;
    let connector = tower::service_fn(move |_uri| {
        let (config, name) = (Arc::clone(&config), name.clone());
        async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            let connector = tokio_rustls::TlsConnector::from(config);
            let stream = connector.connect(name, stream).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }
    });
    tonic::transport::Endpoint::from_static("http://member")
        .connect_with_connector(connector)
        .await
        .unwrap()
}

fn question(token: &Token) -> JoinRequest {
    JoinRequest {
        cluster_id: token.cluster.to_string(),
        protocol: raft::seam::PROTOCOL,
        secret: token.secret.to_bytes().into(),
        name: "b".to_owned(),
        addresses: vec!["192.0.2.1:4000".to_owned()],
        ..JoinRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_what_a_stranger_has_to_say_to_members() {
    let (_node, _token, channel) = node_and_stranger().await;
    let mut client = PeeringClient::new(channel);
    let snapshot = client.snapshot(futures::stream::pending());
    let refused = tokio::time::timeout(DEADLINE, snapshot).await;
    let refused = refused.unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
    let append = client.append(futures::stream::pending::<Request>());
    let refused = tokio::time::timeout(DEADLINE, append).await;
    let refused = refused.unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_short_and_comes_at_once() {
    let (node, token, channel) = node_and_stranger().await;
    let before = node.membership().records();
    let mut client = AdmissionClient::new(channel.clone());
    let long = JoinRequest {
        software: "x".repeat(16 << 10),
        ..question(&token)
    };
    let refused = client.join(long).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");

    let mut raw = tonic::client::Grpc::new(channel);
    raw.ready().await.unwrap();
    let never = futures::stream::pending::<JoinRequest>();
    let silent = raw.client_streaming::<_, _, JoinReply, _>(
        tonic::Request::new(never),
        PathAndQuery::from_static("/tandem.raft.Admission/Join"),
        tonic_prost::ProstCodec::default(),
    );
    let refused = tokio::time::timeout(DEADLINE, silent).await;
    let refused = refused.unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded, "{refused}");

    assert_eq!(node.membership().records(), before);
    assert_eq!(node.membership().open_tokens(), 1);
    join(&token.to_text().unwrap(), "b").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_told_to_ask_again_and_keeps_nobody_out_for_long() {
    let (node, token, channel) = node_and_stranger().await;
    let unknown = Token {
        secret: Secret::random().unwrap(),
        ..token.clone()
    };
    let crowd = (0..100).map(|_| {
        let (mut client, question) = (AdmissionClient::new(channel.clone()), question(&unknown));
        async move { client.join(question).await.unwrap_err().code() }
    });
    let told: Vec<_> = futures::stream::iter(crowd)
        .buffer_unordered(100)
        .collect()
        .await;
    let count = |code| told.iter().filter(|told| **told == code).count();
    // Each of them is looked at for two seconds, in case that its token is on its way.
    assert!(count(Code::ResourceExhausted) > 50, "{told:?}");
    assert!(count(Code::FailedPrecondition) > 0, "{told:?}");
    assert_eq!(
        count(Code::ResourceExhausted) + count(Code::FailedPrecondition),
        100
    );
    assert_eq!(node.membership().open_tokens(), 1);
    join(&token.to_text().unwrap(), "b").await.unwrap();
}
