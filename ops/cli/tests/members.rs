//! `tandem cluster …` against a node over a real socket.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its site cannot be built"
)]

#[path = "../../tests/sample/mod.rs"]
mod sample;

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use cli::{ClusterCommand, EXIT_COMMAND, Failure, MembersQuestion, Page};
use runtime::Subsystem;
use sample::Sample;
use serde_json::Value;

#[tokio::test]
async fn a_token_is_shown_once_with_what_it_is_good_for() {
    let page = ask("token --kind witness --life 15m").await.unwrap();
    assert!(
        page.out.contains(
            "A token for one witness, good once and until Sat 2026-11-21 10:55:12 UTC:\n\n\
             tandem1example\n"
        ),
        "{}",
        page.out
    );
    let page = ask("token --json").await.unwrap();
    let reply: Value = serde_json::from_str(&page.out).unwrap();
    assert_eq!(
        (&reply["token"], &reply["kind"]),
        (&"tandem1example".into(), &"node".into())
    );
    assert!(reply["name"].is_null());
}

#[tokio::test]
async fn who_is_replaced_stands_beside_the_token() {
    let page = ask("replace a").await.unwrap();
    assert!(page.out.contains("takes the place of a"), "{}", page.out);
}

#[tokio::test]
async fn a_refusal_is_a_command_error_with_the_nodes_own_words() {
    let failure = ask("remove b").await.unwrap_err();
    assert_eq!(failure.status(), EXIT_COMMAND);
    assert!(failure.to_string().ends_with("remove it on another node"));
    let failure = ask("remove a").await.unwrap_err();
    assert_eq!(failure.status(), cli::EXIT_NEEDS_FORCE);
    assert!(failure.to_string().contains("add --force"), "{failure}");
    assert!(ask("remove a --force").await.is_ok());
    let page = ask("remove w").await.unwrap();
    assert!(page.out.contains("Member 3 w is removed"), "{}", page.out);
}

#[tokio::test]
async fn status_names_everybody_with_standing_and_certificate() {
    let page = ask("status").await.unwrap();
    for words in [
        "Cluster west-4f2a9c: open tokens: 1",
        "voter (leads)",
        "leaving",
        "198.18.0.3:7400",
        "2026-11-21",
    ] {
        assert!(page.out.contains(words), "{words}: {}", page.out);
    }
    let page = ask("status --json").await.unwrap();
    let reply: Value = serde_json::from_str(&page.out).unwrap();
    assert_eq!(reply["members"].as_array().unwrap().len(), 3);
    assert!(reply["members"][1]["heard_ms"].is_null());
}

#[tokio::test]
async fn a_renewal_says_until_when() {
    let page = ask("rotate").await.unwrap();
    assert!(
        page.out.contains("Valid until Sat 2026-11-21"),
        "{}",
        page.out
    );
}

#[test]
fn what_init_and_join_need_is_asked_for() {
    let missing = |words: &str| {
        Line::try_parse_from(words.split(' '))
            .unwrap_err()
            .to_string()
    };
    assert!(missing("cluster init --cluster west").contains("--address"));
    assert!(missing("cluster join --address 198.18.0.2:7400").contains("--token"));
    assert!(missing("cluster token --life 1y").contains("15m"));
}

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: ClusterCommand,
}

async fn ask(words: &str) -> Result<Page, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("tandem.sock");
    let mut subsystem = Subsystem::default();
    ops::serve(&socket, Arc::new(Sample::default()), &mut subsystem)
        .await
        .unwrap();
    let line = format!("cluster {words} --socket {}", socket.display());
    let question = match Line::parse_from(line.split(' ')).command {
        ClusterCommand::Token(args) => MembersQuestion::Token(args),
        ClusterCommand::Remove(args) => MembersQuestion::Remove(args),
        ClusterCommand::Replace(args) => MembersQuestion::Replace(args),
        ClusterCommand::Rotate(options) => MembersQuestion::Rotate(options),
        ClusterCommand::Status(options) => MembersQuestion::Status(options),
        ClusterCommand::Init(_) | ClusterCommand::Join(_) => unreachable!("they ask no node"),
    };
    let page = cli::members(&question).await;
    subsystem.stop(Duration::from_secs(5)).await;
    page
}
