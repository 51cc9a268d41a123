//! `tandem show` against a real server on a real socket: what people and programs read.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its site cannot be built"
)]

#[path = "../../tests/sample/mod.rs"]
mod sample;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use cli::{EXIT_COMMAND, EXIT_NOT_REACHABLE, Failure, Page, ShowCommand};
use ops::Unanswered;
use runtime::Subsystem;
use sample::{NOW_MS, Sample};
use serde_json::Value;
use tokio::net::UnixListener;

const VIEWS: [&str; 13] = [
    "ha",
    "ha drift",
    "ha links",
    "vrrp",
    "interfaces",
    "sessions",
    "cluster",
    "fib",
    "drops",
    "config",
    "neighbors",
    "processors",
    "version",
];

/// The pages as they were read and found right; a new look is a new file.
macro_rules! page {
    ($name:literal) => {
        include_str!(concat!("pages/", $name, ".txt"))
    };
}

#[tokio::test]
async fn ha_shows_the_verdict_the_reasons_the_links_and_the_film() {
    assert_page("ha", page!("ha")).await;
}

#[tokio::test]
async fn ha_drift_shows_equality_lateness_and_repairs() {
    assert_page("ha drift", page!("ha_drift")).await;
}

#[tokio::test]
async fn ha_links_show_a_line_for_each_link() {
    assert_page("ha links", page!("ha_links")).await;
}

#[tokio::test]
async fn vrrp_shows_a_line_for_each_virtual_router() {
    assert_page("vrrp", page!("vrrp")).await;
}

#[tokio::test]
async fn interfaces_show_one_address_below_the_other() {
    assert_page("interfaces", page!("interfaces")).await;
}

#[tokio::test]
async fn sessions_show_both_directions() {
    assert_page("sessions", page!("sessions")).await;
}

#[tokio::test]
async fn sessions_are_chosen_by_the_node() {
    assert_page(
        "sessions --port 40002 --protocol tcp --rows 1",
        page!("sessions_of_a_port"),
    )
    .await;
}

#[tokio::test]
async fn cluster_shows_groups_and_members() {
    assert_page("cluster", page!("cluster")).await;
}

#[tokio::test]
async fn fib_shows_where_packets_go() {
    assert_page("fib", page!("fib")).await;
}

#[tokio::test]
async fn tables_are_cut_and_say_so() {
    assert_page("fib --rows 1", page!("fib_cut")).await;
}

#[tokio::test]
async fn drops_hide_what_never_happened() {
    assert_page("drops", page!("drops")).await;
}

#[tokio::test]
async fn drops_list_every_reason_when_asked() {
    assert_page("drops --all", page!("drops_all")).await;
}

#[tokio::test]
async fn neighbors_show_who_answers() {
    assert_page("neighbors", page!("neighbors")).await;
}

#[tokio::test]
async fn processors_end_with_their_average() {
    assert_page("processors", page!("processors")).await;
}

#[tokio::test]
async fn version_shows_since_when() {
    assert_page("version", page!("version")).await;
}

#[tokio::test]
async fn config_leaves_standard_output_to_what_can_be_loaded() {
    let site = Site::open(Sample::default()).await;
    let page = site.show("config").await.unwrap();
    assert_eq!(page.out, "config\n    authority\n        name lab\n");
    assert!(
        page.err.starts_with("Sat 2026-11-21 10:40:12 UTC\n"),
        "{}",
        page.err
    );
    assert!(
        page.err
            .contains("\nConfiguration 3, committed by uid 1000 Sat 2026-11-21 10:39:12 UTC\n"),
        "{}",
        page.err
    );
    assert!(!page.err.contains("not in force"), "{}", page.err);
    site.close().await;
}

#[tokio::test]
async fn a_candidate_s_text_can_be_loaded_like_the_running_one() {
    let site = Site::open(Sample::default()).await;
    let page = site.show("config --candidate a-r4").await.unwrap();
    assert_eq!(page.out, "config\n    authority\n        name lost\n");
    assert!(site.show("config --candidate none").await.is_err());
    site.close().await;
}

#[tokio::test]
async fn json_is_one_line_with_one_object_that_says_who_answered() {
    let site = Site::open(Sample::default()).await;
    for view in VIEWS {
        let page = site.show(&format!("{view} --json")).await.unwrap();
        assert_eq!(page.err, "");
        assert_eq!(page.out.matches('\n').count(), 1, "{view}: {}", page.out);
        let object: Value = serde_json::from_str(&page.out).unwrap();
        assert_eq!(object["node"], "b", "{view}");
        assert_eq!(object["router"], "branch", "{view}");
        assert_eq!(object["unix_ms"], NOW_MS, "{view}");
    }
    site.close().await;
}

/// Names and forms that programs rely on.
#[tokio::test]
async fn ha_as_json_keeps_its_names_and_rounds_nothing() {
    let site = Site::open(Sample::default()).await;
    let page = site.show("ha --json").await.unwrap();
    let ha: Value = serde_json::from_str(&page.out).unwrap();
    assert_eq!(ha["role"], "active");
    assert_eq!(ha["epoch"], "8.2");
    assert_eq!(ha["ready"], false);
    assert_eq!(ha["reasons"][0], "the peer is silent on every HA link");
    assert_eq!(ha["peer"]["last_heard_ms"], 90_030);
    assert_eq!(ha["leaders"]["control"], "b");
    assert_eq!(ha["leaders"]["state"], Value::Null);
    assert_eq!(ha["sessions"], 200);
    assert_eq!(ha["sessions_checksum"], "9f3a6c0d11e2b47c");
    assert_eq!(ha["links"][0]["rtt_us"], 112);
    let film = &ha["failovers"][0];
    assert_eq!(film["detected_unix_ns"], "1795257522030125000");
    assert_eq!(film["first_packet_unix_ns"], Value::Null);
    site.close().await;
}

/// Larger than the four megabytes that gRPC clients take unless told otherwise.
#[tokio::test]
async fn a_large_table_arrives_whole() {
    let site = Site::open(Sample {
        sessions: 30_000,
        ..Sample::default()
    })
    .await;
    let page = site.show("sessions --json --rows all").await.unwrap();
    assert!(page.out.len() > 4 << 20);
    let reply: Value = serde_json::from_str(&page.out).unwrap();
    assert_eq!(reply["sessions"].as_array().map(Vec::len), Some(30_000));
    site.close().await;
}

#[tokio::test]
async fn a_part_that_does_not_answer_is_a_command_error() {
    let broken = Unanswered::NotRunning {
        part: "control group",
    };
    let site = Site::open(Sample {
        cluster: Some(broken),
        ..Sample::default()
    })
    .await;
    let failure = site.show("cluster").await.unwrap_err();
    assert_eq!(failure.status(), EXIT_COMMAND);
    let text = failure.to_string();
    assert!(
        text.ends_with("could not answer: the control group is not running"),
        "{text}"
    );
    site.close().await;
}

/// A node that answers "no" has answered: only what is not there or too late could not.
#[tokio::test]
async fn a_refusal_is_told_from_a_node_that_could_not_answer() {
    let reason = || "there is nothing to survive".to_owned();
    let waited = std::time::Duration::from_secs(2);
    let kinds = [
        (
            Unanswered::Refused { reason: reason() },
            "refused: there is",
        ),
        (
            Unanswered::NotYet { missing: "list" },
            "could not answer: there is no list",
        ),
        (
            Unanswered::Late {
                part: "control group",
                waited,
            },
            "could not answer: the control group did not",
        ),
    ];
    for (unanswered, said) in kinds {
        let site = Site::open(Sample {
            cluster: Some(unanswered),
            ..Sample::default()
        })
        .await;
        let failure = site.show("cluster").await.unwrap_err();
        assert_eq!(failure.status(), EXIT_COMMAND);
        assert!(failure.to_string().contains(said), "{failure}");
        site.close().await;
    }
}

#[tokio::test]
async fn without_a_socket_the_node_is_not_reachable_and_the_next_step_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let failure = show(&folder.path().join("none.sock"), "ha")
        .await
        .unwrap_err();
    assert_eq!(failure.status(), EXIT_NOT_REACHABLE);
    let text = failure.to_string();
    assert!(
        text.contains("none.sock: is `tandem node` running?"),
        "{text}"
    );
    // Programs get the same as an object.
    assert_eq!(failure.object()["error"]["what"], *text);
    assert_eq!(failure.object()["error"]["exit"], EXIT_NOT_REACHABLE);
}

#[tokio::test]
async fn a_socket_that_a_dead_node_left_behind_is_not_reachable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("left.sock");
    drop(UnixListener::bind(&path).unwrap());
    let failure = show(&path, "ha").await.unwrap_err();
    assert_eq!(failure.status(), EXIT_NOT_REACHABLE);
    assert!(
        failure.to_string().contains("its node has stopped"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_node_that_dies_while_it_is_asked_is_not_reachable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dying.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let dies = async { drop(listener.accept().await.unwrap()) };
    let (answer, ()) = tokio::join!(show(&path, "ha"), dies);
    let failure = answer.unwrap_err();
    assert_eq!(failure.status(), EXIT_NOT_REACHABLE);
    assert!(failure.to_string().contains("went away"), "{failure}");
}

#[test]
fn words_that_mean_nothing_are_usage_errors() {
    for words in [
        "nothing",
        "ha --rows 0",
        "sessions --protocol x",
        "ha --watch 0",
        "ha --nodes",
    ] {
        let refused = Line::try_parse_from(format!("show {words}").split(' ')).map(drop);
        assert_eq!(refused.unwrap_err().exit_code(), 2, "{words}");
    }
}

/// The page, but for how long it took.
async fn assert_page(words: &str, expected: &str) {
    let site = Site::open(Sample::default()).await;
    let page = site.show(words).await.unwrap();
    let (page, took) = page.out.rsplit_once("Completed in ").unwrap();
    assert!(took.ends_with(" seconds\n"), "{took}");
    assert!(
        page == expected,
        "{words} shows\n{page}\ninstead of\n{expected}"
    );
    site.close().await;
}

struct Site {
    parts: Subsystem,
    folder: tempfile::TempDir,
}

impl Site {
    async fn open(node: Sample) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut parts = Subsystem::default();
        ops::serve(
            &folder.path().join("tandem.sock"),
            Arc::new(node),
            &mut parts,
        )
        .await
        .unwrap();
        Self { parts, folder }
    }

    async fn show(&self, words: &str) -> Result<Page, Failure> {
        show(&self.folder.path().join("tandem.sock"), words).await
    }

    async fn close(self) {
        self.parts.stop(Duration::from_secs(5)).await;
    }
}

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    show: ShowCommand,
}

async fn show(socket: &Path, words: &str) -> Result<Page, Failure> {
    let words = ["show"].into_iter().chain(words.split(' ')).map(Into::into);
    let socket = ["--socket".into(), socket.as_os_str().to_owned()];
    let line = Line::try_parse_from(words.chain(socket)).unwrap();
    cli::show(&line.show).await
}
