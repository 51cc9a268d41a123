//! `tandem validate FILE`: what people and programs read about files that are right and wrong.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its files are missing"
)]

use std::path::{Path, PathBuf};

use cli::{EXIT_COMMAND, ValidateArgs, Verdict};
use serde_json::Value;

#[test]
fn the_example_of_the_manual_is_valid() {
    let folder = Folder::new();
    let verdict = folder.validate("site.conf", &site(), false);
    assert_eq!(
        verdict.page.out,
        format!("{} is valid\n", folder.path("site.conf").display())
    );
    assert!(verdict.valid);
}

#[test]
fn every_error_is_listed_with_number_place_path_and_value() {
    let folder = Folder::new();
    let text = three_errors();
    let verdict = folder.validate("site.conf", &text, false);
    assert!(!verdict.valid);
    let lines: Vec<_> = verdict.page.out.lines().collect();
    let path = folder.path("site.conf");
    assert_eq!(
        lines.first().copied(),
        Some(&*format!("{} is not valid: 3 errors", path.display()))
    );
    for expected in [
        &*format!(
            "1. error in line {}, column 25",
            line_of(&text, "sometimes")
        ),
        "   path:   authority service internet6 source-nat",
        "   value:  sometimes",
        &*format!("2. error in line {}, column 35", line_of(&text, "999")),
        "   path:   authority router pair node a device-interface lan vrrp priority",
        "   path:   authority router pair node a device-interface wan vrrp priority",
        "   value:  999",
    ] {
        assert!(
            lines.contains(&expected),
            "'{expected}' is not in\n{}",
            verdict.page.out
        );
    }
    let said = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!((said("   reason: "), said("   next:   ")), (3, 3));
}

/// A pipe without a writer, a device without an end: nobody waits for either.
#[test]
fn what_is_no_file_is_refused_at_once_with_what_it_is() {
    let folder = Folder::new();
    let pipe = folder.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let socket = folder.path("socket");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let others = [
        (pipe, "a pipe"),
        (socket, "a socket"),
        (folder.0.path().to_owned(), "a directory"),
        (PathBuf::from("/dev/zero"), "a device"),
    ];
    for (file, what) in others {
        let (told, answer) = std::sync::mpsc::sync_channel(1);
        let asked = file.clone();
        std::thread::spawn(move || {
            let json = false;
            told.send(cli::validate(&ValidateArgs { file: asked, json }))
        });
        let answer = answer.recv_timeout(std::time::Duration::from_secs(10));
        let failure = answer.unwrap().unwrap_err();
        assert_eq!(failure.status(), EXIT_COMMAND);
        let expected = format!(
            "cannot read {}: it is {what}, not a file: name the file that holds the text, or save the text \
             to one first",
            file.display()
        );
        assert_eq!(failure.to_string(), expected);
    }
}

#[test]
fn json_is_one_line_with_one_object() {
    let folder = Folder::new();
    let text = three_errors();
    let verdict = folder.validate("site.conf", &text, true);
    assert_eq!(verdict.page.out.matches('\n').count(), 1);
    let report: Value = serde_json::from_str(&verdict.page.out).unwrap();
    assert_eq!(report["valid"], false);
    assert_eq!(report["problems"].as_array().map(Vec::len), Some(3));
    let first = &report["problems"][0];
    assert_eq!(first["severity"], "error");
    assert_eq!(
        (&first["line"], &first["column"]),
        (&line_of(&text, "sometimes").into(), &25.into())
    );
    assert_eq!(first["path"], "authority service internet6 source-nat");
    assert_eq!(first["value"], "sometimes");
    assert!(
        first["reason"].is_string() && first["next_step"].is_string(),
        "{first}"
    );

    let verdict = folder.validate("site.conf", &site(), true);
    let report: Value = serde_json::from_str(&verdict.page.out).unwrap();
    assert_eq!(
        (&report["valid"], &report["problems"]),
        (&Value::from(true), &Value::Array(vec![]))
    );
}

#[test]
fn a_bootstrap_file_is_checked_together_with_the_configuration_it_names() {
    let folder = Folder::new();
    folder.validate("site.conf", &site(), false);
    let verdict = folder.validate("node.toml", &bootstrap(), false);
    assert!(verdict.valid, "{}", verdict.page.out);

    let elsewhere = bootstrap().replace("router = \"pair\"", "router = \"other\"");
    let verdict = folder.validate("node.toml", &elsewhere, false);
    assert!(
        !verdict.valid && verdict.page.out.contains("   value:  other\n"),
        "{}",
        verdict.page.out
    );

    folder.validate("site.conf", &three_errors(), false);
    let verdict = folder.validate("node.toml", &bootstrap(), false);
    assert!(
        !verdict.valid && verdict.page.out.contains("not valid: 3 errors"),
        "{}",
        verdict.page.out
    );
}

#[test]
fn a_configuration_that_is_not_there_yet_is_a_warning() {
    let folder = Folder::new();
    let verdict = folder.validate("node.toml", &bootstrap(), false);
    assert!(verdict.valid);
    assert!(
        verdict
            .page
            .out
            .contains("is valid: 1 warning\n\n1. warning\n"),
        "{}",
        verdict.page.out
    );
}

#[test]
fn a_bootstrap_file_with_errors_is_not_valid() {
    let folder = Folder::new();
    let text = bootstrap().replace("id = 1", "id = 0");
    let verdict = folder.validate("node.toml", &text, false);
    assert!(
        !verdict.valid
            && verdict
                .page
                .out
                .contains("   path:   member[1].id\n   value:  0\n"),
        "{}",
        verdict.page.out
    );
}

#[test]
fn a_file_that_is_not_there_is_a_command_error_that_names_it() {
    let file = Folder::new().path("none.conf");
    let failure = cli::validate(&ValidateArgs { file, json: true }).unwrap_err();
    assert_eq!(failure.status(), EXIT_COMMAND);
    assert!(failure.to_string().contains("none.conf: "), "{failure}");
}

#[test]
fn programs_are_told_of_a_failure_in_one_object() {
    let file = Folder::new().path("none.conf");
    let failure = cli::validate(&ValidateArgs { file, json: true }).unwrap_err();
    assert_eq!(
        failure.object(),
        serde_json::json!({ "error": { "what": failure.to_string(), "exit": EXIT_COMMAND } })
    );
}

#[test]
fn a_file_longer_than_a_cluster_takes_is_not_read_to_its_end() {
    for (name, limit) in [("site.conf", 4 << 20), ("node.toml", 64 << 10)] {
        let folder = Folder::new();
        let file = folder.path(name);
        let write = |length| std::fs::write(&file, "#".repeat(length)).unwrap();
        let validate = || {
            let file = file.clone();
            cli::validate(&ValidateArgs { file, json: false })
        };
        write(limit);
        assert!(!validate().unwrap().valid);
        write(limit + 1);
        let failure = validate().unwrap_err();
        assert_eq!(failure.status(), EXIT_COMMAND);
        let said = failure.to_string();
        assert!(
            said.contains(name) && said.contains(&format!("more than {limit} bytes")),
            "{said}"
        );
    }
}

#[test]
fn of_many_problems_a_hundred_are_printed_and_programs_get_a_thousand() {
    let folder = Folder::new();
    let text = "banana\n".repeat(1_234);
    let page = folder.validate("site.conf", &text, false).page.out;
    assert!(page.contains(" is not valid: 1234 errors\n"), "{page}");
    assert!(
        page.contains("\n100. error") && !page.contains("\n101. error"),
        "{page}"
    );
    assert!(
        page.ends_with("\n… and 1134 more: mend these first, then validate again\n"),
        "{page}"
    );

    let page = folder.validate("site.conf", &text, true).page.out;
    let report: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(report["problems"].as_array().map(Vec::len), Some(1_000));
    let counts = (&report["errors"], &report["warnings"], &report["unlisted"]);
    assert_eq!(counts, (&1_234.into(), &0.into(), &234.into()));
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let folder = Folder::new();
    let site = format!("\u{feff}{}", site());
    assert!(folder.validate("site.conf", &site, false).valid);
    let node = format!("\u{feff}{}", bootstrap());
    assert!(folder.validate("node.toml", &node, false).valid);
}

/// Lines count from 1.
fn line_of(text: &str, word: &str) -> usize {
    1 + text.lines().position(|line| line.contains(word)).unwrap()
}

fn three_errors() -> String {
    site().replace("priority  110", "priority  999").replacen(
        "source-nat  disabled",
        "source-nat  sometimes",
        1,
    )
}

fn site() -> String {
    example("site.conf")
}

fn bootstrap() -> String {
    example("node.toml")
}

fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/config/examples");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn validate(&self, name: &str, text: &str, json: bool) -> Verdict {
        let file = self.path(name);
        std::fs::write(&file, text).unwrap();
        cli::validate(&ValidateArgs { file, json }).unwrap()
    }
}
