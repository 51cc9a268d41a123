//! `tandem configure commit` against a node over a real socket.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its site cannot be built"
)]

#[path = "../../tests/sample/mod.rs"]
mod sample;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use cli::{
    Committed, ConfigureCommand, EXIT_COMMAND, EXIT_NOT_REACHABLE, EXIT_STALE, EXIT_UNKNOWN,
    Failure,
};
use config::text_file::ReadError;
use runtime::Subsystem;
use sample::Sample;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixListener;

#[tokio::test]
async fn a_commit_says_its_revision_and_whether_the_node_runs_it() {
    let done = commit(&site(), "--base 3").await.unwrap();
    assert_eq!(done.exit, 0);
    assert!(
        done.page.out.ends_with(
            "Configuration 4 is committed, based on 3.\nNode b runs it.\nTakes effect when node b is \
             started again: VRRP is another.\n"
        ),
        "{}",
        done.page.out
    );
    let other = site().replace("vrid  10", "vrid  11");
    let done = commit(&other, "--base 3").await.unwrap();
    assert!(
        done.page.out.contains("Node b does not run it (yet)"),
        "{}",
        done.page.out
    );
}

#[tokio::test]
async fn without_a_base_the_nodes_own_is_taken_and_said() {
    let done = commit(&site(), "").await.unwrap();
    assert!(
        done.page
            .out
            .ends_with("it is based on 3, the newest that node b knew of when it was asked.\n"),
        "{}",
        done.page.out
    );
    let done = commit(&site(), "--json").await.unwrap();
    let reply: Value = serde_json::from_str(&done.page.out).unwrap();
    assert_eq!(
        (&reply["outcome"], &reply["revision"], &reply["base"]),
        (&"committed".into(), &4.into(), &3.into())
    );
    assert_eq!((&reply["node"], done.page.err.as_str()), (&"b".into(), ""));
}

#[tokio::test]
async fn a_stale_base_names_who_has_committed_since() {
    let done = commit(&site(), "--base 1").await.unwrap();
    assert_eq!((done.exit, done.page.out.as_str()), (EXIT_STALE, ""));
    for words in [
        "it is based on 1, and the cluster has 3",
        "commit with --base 3",
        "uid 1000",
        "Sat 2026-11-21",
    ] {
        assert!(done.page.err.contains(words), "{words}: {}", done.page.err);
    }
    let done = commit(&site(), "--base 1 --json").await.unwrap();
    let object: Value = serde_json::from_str(&done.page.out).unwrap();
    assert_eq!(object["error"]["exit"], EXIT_STALE);
    assert_eq!(
        (&object["outcome"], &object["revision"]),
        (&"stale".into(), &3.into())
    );
    assert_eq!(object["since"][1]["revision"], 3);

    let done = commit(&site(), "--base 0").await.unwrap();
    assert!(
        done.page.err.contains("1 more, before these"),
        "{}",
        done.page.err
    );
    let done = commit(&site(), "--base 7").await.unwrap();
    assert!(
        done.page.err.contains("There is no configuration 7 yet"),
        "{}",
        done.page.err
    );
}

#[tokio::test]
async fn an_unknown_outcome_says_what_to_do_before_trying_again() {
    let failure = commit(&site(), "--base 99").await.unwrap_err();
    assert_eq!(failure.status(), EXIT_UNKNOWN);
    let text = failure.to_string();
    assert!(
        text.contains("did not answer within 5s") && text.contains("Read `tandem show config`"),
        "{text}"
    );
    assert_eq!(failure.object()["error"]["exit"], EXIT_UNKNOWN);
}

#[tokio::test]
async fn a_refusal_is_a_command_error_with_the_nodes_own_words() {
    let failure = commit(&site(), "--base 98").await.unwrap_err();
    assert_eq!(failure.status(), EXIT_COMMAND);
    assert!(failure.to_string().ends_with("nothing was changed"));
}

/// A pipe without a writer, a device without an end: nobody waits for either.
#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (file, what) in [(pipe, "a pipe"), (PathBuf::from("/dev/zero"), "a device")] {
        let (told, answer) = std::sync::mpsc::sync_channel(1);
        let command = command_of(&file, &folder.path().join("none.sock"), "");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            told.send(runtime.unwrap().block_on(cli::configure(&command)))
        });
        let answer = answer.recv_timeout(Duration::from_secs(10));
        let failure = answer.unwrap().unwrap_err();
        assert_eq!(failure.status(), EXIT_COMMAND);
        let text = failure.to_string();
        assert!(
            text.contains(&format!("it is {what}, not a file")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn nothing_is_sent_of_a_file_with_errors() {
    let text = site().replace("vrid  10", "vrid  256");
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens: whoever tried to send it would say so.
    let nowhere = folder.path().join("none.sock");
    let done = commit_to(&nowhere, &text, "").await.unwrap();
    assert_eq!((done.exit, done.page.out.as_str()), (EXIT_COMMAND, ""));
    for words in ["   value:  256\n", "nothing was sent"] {
        assert!(done.page.err.contains(words), "{words}: {}", done.page.err);
    }
    let done = commit_to(&nowhere, &text, "--json").await.unwrap();
    let object: Value = serde_json::from_str(&done.page.out).unwrap();
    assert_eq!(object["error"]["exit"], EXIT_COMMAND);
    assert_eq!(
        (&object["valid"], &object["problems"][0]["value"]),
        (&false.into(), &"256".into())
    );

    let failure = commit_to(&nowhere, &site(), "").await.unwrap_err();
    assert_eq!(failure.status(), EXIT_NOT_REACHABLE);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_or_is_too_long_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("none.sock");
    let long = "#".repeat(types::MAX_CONFIGURATION_BYTES + 1);
    let failure = commit_to(&nowhere, &long, "").await.unwrap_err();
    assert_eq!(failure.status(), EXIT_COMMAND);
    assert!(
        matches!(&failure, Failure::Unreadable { cause, .. } if matches!(cause, ReadError::TooLong { .. })),
        "{failure}"
    );
    let command = command_of(Path::new("/nonexistent/site.conf"), &nowhere, "");
    let failure = cli::configure(&command).await.unwrap_err();
    assert_eq!(failure.status(), EXIT_COMMAND);
    assert!(failure.to_string().contains("/nonexistent/site.conf"));
}

/// The file is on its way when the node dies: perhaps it arrived.
#[tokio::test]
async fn a_node_that_dies_while_it_is_told_leaves_the_outcome_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dying.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let dies = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        // More than what surrounds the text.
        let mut heard = vec![0; site().len()];
        stream.read_exact(&mut heard).await.unwrap();
    };
    let text = site();
    let (answer, ()) = tokio::join!(commit_to(&path, &text, ""), dies);
    let failure = answer.unwrap_err();
    assert_eq!(failure.status(), EXIT_UNKNOWN);
    assert!(
        failure.to_string().contains("went away before it answered"),
        "{failure}"
    );
}

#[test]
fn words_that_mean_nothing_are_usage_errors() {
    for words in [
        "commit",
        "commit a b",
        "commit a --base x",
        "commit a --base -1",
    ] {
        let refused = Line::try_parse_from(format!("configure {words}").split(' ')).map(drop);
        assert_eq!(refused.unwrap_err().exit_code(), 2, "{words}");
    }
}

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: ConfigureCommand,
}

/// The example of the manual.
fn site() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/config/examples/site.conf");
    std::fs::read_to_string(file).unwrap()
}

async fn commit(text: &str, words: &str) -> Result<Committed, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("tandem.sock");
    let mut parts = Subsystem::default();
    ops::serve(&socket, Arc::new(Sample::default()), &mut parts)
        .await
        .unwrap();
    let done = commit_to(&socket, text, words).await;
    parts.stop(Duration::from_secs(5)).await;
    done
}

async fn commit_to(socket: &Path, text: &str, words: &str) -> Result<Committed, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.conf");
    std::fs::write(&file, text).unwrap();
    cli::configure(&command_of(&file, socket, words)).await
}

fn command_of(file: &Path, socket: &Path, words: &str) -> ConfigureCommand {
    let line = format!(
        "configure commit {} --socket {} {words}",
        file.display(),
        socket.display()
    );
    Line::parse_from(line.split_whitespace()).command
}
