//! A question over a real Unix socket and back, as any program would ask it.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its site cannot be built"
)]

mod sample;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use ops::{ServeError, Unanswered};
use proto::ops::operator_client::OperatorClient;
use proto::ops::{CommitConfigRequest, ShowClusterRequest, ShowHaRequest, ShowSessionsRequest};
use runtime::Subsystem;
use sample::{NOW_MS, Sample};
use tokio::net::UnixStream;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn every_reply_says_who_answered_and_when() {
    let site = Site::open(Sample::default()).await;

    let reply = site
        .client()
        .await
        .show_ha(ShowHaRequest {})
        .await
        .unwrap()
        .into_inner();

    assert_eq!(
        (reply.node.as_str(), reply.router.as_str()),
        ("b", "branch")
    );
    assert_eq!((reply.unix_ms, reply.sessions), (NOW_MS, 200));
    site.close().await;
}

#[tokio::test]
async fn a_filter_reaches_the_node() {
    let site = Site::open(Sample::default()).await;
    let mut client = site.client().await;

    let asked = ShowSessionsRequest {
        port: Some(40_002),
        ..ShowSessionsRequest::default()
    };
    let reply = client.show_sessions(asked).await.unwrap().into_inner();
    assert_eq!(
        (reply.total, reply.matched, reply.sessions.len()),
        (2, 1, 1)
    );

    let nonsense = ShowSessionsRequest {
        address: Some("x".to_owned()),
        ..ShowSessionsRequest::default()
    };
    let refused = client.show_sessions(nonsense).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    site.close().await;
}

#[tokio::test]
async fn a_part_that_is_gone_is_named() {
    let broken = Unanswered::NotRunning {
        part: "control group",
    };
    let site = Site::open(Sample {
        cluster: Some(broken),
        ..Sample::default()
    })
    .await;

    let refused = site
        .client()
        .await
        .show_cluster(ShowClusterRequest {})
        .await
        .unwrap_err();

    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(refused.message(), "the control group is not running");
    site.close().await;
}

#[tokio::test]
async fn a_commit_reaches_the_node_with_its_base_and_comes_back_with_its_outcome() {
    let site = Site::open(Sample::default()).await;
    let mut client = site.client().await;
    let commit = |base| CommitConfigRequest {
        text: "config\nexit\n".to_owned(),
        base,
    };
    let told = client.commit_config(commit(None)).await.unwrap();
    let told = told.into_inner();
    assert_eq!(
        (&*told.outcome, told.base, told.revision),
        ("committed", 3, 4)
    );
    assert_eq!((&*told.node, told.unix_ms), ("b", NOW_MS));
    let told = client.commit_config(commit(Some(1))).await.unwrap();
    let told = told.into_inner();
    assert_eq!((&*told.outcome, told.since.len()), ("stale", 2));
    // What may be done is told by a code of its own.
    for (base, code) in [(99, Code::Unknown), (98, Code::FailedPrecondition)] {
        let refused = client.commit_config(commit(Some(base))).await;
        assert_eq!(refused.unwrap_err().code(), code);
    }
    site.close().await;
}

#[tokio::test]
async fn a_text_that_no_cluster_takes_does_not_reach_the_node() {
    let site = Site::open(Sample::default()).await;
    let mut client = site.client().await;
    let commit = |bytes| CommitConfigRequest {
        text: "#".repeat(bytes),
        base: Some(3),
    };
    let largest = types::MAX_CONFIGURATION_BYTES;
    client.commit_config(commit(largest)).await.unwrap();
    let refused = client.commit_config(commit(2 * largest)).await;
    assert_eq!(refused.unwrap_err().code(), Code::OutOfRange);
    site.close().await;
}

#[tokio::test]
async fn a_second_node_on_the_same_socket_is_refused_and_the_end_removes_it() {
    let site = Site::open(Sample::default()).await;
    let mut second = Subsystem::default();
    let node = Arc::new(Sample::default());

    let refused = ops::serve(&site.path(), node, &mut second)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ServeError::Occupied { .. }),
        "{refused:?}"
    );

    let path = site.path();
    site.client().await.show_ha(ShowHaRequest {}).await.unwrap();
    let Site { parts, folder } = site;
    parts.stop(PATIENCE).await;
    assert!(
        !path.exists(),
        "the socket stays behind after an orderly stop"
    );
    drop(folder);
}

#[tokio::test]
async fn who_says_nothing_does_not_hold_up_the_end() {
    let site = Site::open(Sample::default()).await;
    let path = site.path();
    let _silent = UnixStream::connect(&path).await.unwrap();
    site.client().await.show_ha(ShowHaRequest {}).await.unwrap();
    let Site { parts, folder } = site;
    let stopped = tokio::time::timeout(PATIENCE / 2, parts.stop(PATIENCE)).await;
    assert!(
        stopped.is_ok(),
        "the end waits for a connection that says nothing"
    );
    assert!(!path.exists(), "the socket stays behind");
    drop(folder);
}

struct Site {
    parts: Subsystem,
    folder: tempfile::TempDir,
}

impl Site {
    async fn open(node: Sample) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut parts = Subsystem::default();
        let path = folder.path().join("tandem.sock");
        ops::serve(&path, Arc::new(node), &mut parts).await.unwrap();
        Self { parts, folder }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("tandem.sock")
    }

    async fn client(&self) -> OperatorClient<Channel> {
        let path = Arc::<Path>::from(self.path());
        let connect = tower::service_fn(move |_| {
            let path = Arc::clone(&path);
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://tandem")
            .connect_with_connector(connect)
            .await
            .unwrap();
        OperatorClient::new(channel)
    }

    async fn close(self) {
        self.parts.stop(PATIENCE).await;
    }
}
