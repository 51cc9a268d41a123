//! `tandem request …` against a node over a real socket.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its site cannot be built"
)]

#[path = "../../tests/sample/mod.rs"]
mod sample;

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use cli::{EXIT_COMMAND, EXIT_NEEDS_FORCE, Failure, Page, RequestCommand};
use runtime::Subsystem;
use sample::Sample;
use serde_json::Value;

#[tokio::test]
async fn surviving_while_the_peer_is_heard_needs_force_and_says_where_it_is_heard() {
    let failure = tell("cluster survive").await.unwrap_err();
    assert_eq!(failure.status(), EXIT_NEEDS_FORCE);
    let text = failure.to_string();
    assert!(
        text.ends_with("the peer is heard on ha0. If you know better, add --force"),
        "{text}"
    );
}

#[tokio::test]
async fn a_forced_survivor_says_which_generation_it_has_begun() {
    let page = tell("cluster survive --force").await.unwrap();
    assert!(
        page.out.contains(
            "Generation 3 of the control group has begun, founded by b with configuration 3.\n"
        ),
        "{}",
        page.out
    );
    let page = tell("cluster survive --force --json").await.unwrap();
    let reply: Value = serde_json::from_str(&page.out).unwrap();
    assert_eq!(
        (&reply["generation"], &reply["founder"]),
        (&3.into(), &"b".into())
    );
    assert_eq!(reply["node"], "b");
}

#[tokio::test]
async fn a_refusal_is_a_command_error_with_the_node_s_own_words() {
    let failure = tell("cluster thaw").await.unwrap_err();
    assert_eq!(failure.status(), EXIT_COMMAND);
    assert!(failure.to_string().ends_with("this node has not frozen"));
}

#[tokio::test]
async fn a_candidate_is_forgotten_by_its_name() {
    let page = tell("cluster drop-candidate a-r4").await.unwrap();
    assert!(page.out.ends_with("Candidate a-r4 is forgotten.\n"));
}

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    request: RequestCommand,
}

async fn tell(words: &str) -> Result<Page, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("tandem.sock");
    let mut parts = Subsystem::default();
    ops::serve(&socket, Arc::new(Sample::default()), &mut parts)
        .await
        .unwrap();
    let words = ["request"]
        .into_iter()
        .chain(words.split(' '))
        .map(Into::into);
    let socket = ["--socket".into(), socket.as_os_str().to_owned()];
    let line = Line::try_parse_from(words.chain(socket)).unwrap();
    let told = cli::request(&line.request).await;
    parts.stop(Duration::from_secs(5)).await;
    told
}
