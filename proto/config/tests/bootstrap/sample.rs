//! The sample, and what is expected of it once it was changed.

use config::Problem;
use config::bootstrap::{Bootstrap, read};

pub(crate) const SAMPLE: &str = include_str!("../../examples/node.toml");

pub(crate) const TLS: &str = "\n[tls]\nca = \"ca.pem\"\ncertificate = \"a.pem\"\nkey = \"a.key\"\n";
pub(crate) const LAB: &str =
    "insecure-lab = true               # no TLS, no heartbeat key: for a lab of its own only\n";

/// The sample with a text replaced, which must stand in it.
pub(crate) fn with(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "{from:?} is not in the sample");
    SAMPLE.replacen(from, to, 1)
}

/// Exactly these problems, each by path and a part of its reason.
pub(crate) fn fails(text: &str, expected: &[(&str, &str)]) {
    let found = read(text).unwrap_err();
    let shown: Vec<_> = found.iter().map(Problem::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{shown:#?}");
    for (path, reason) in expected {
        let hit = |problem: &Problem| problem.path == *path && problem.reason.contains(reason);
        assert!(found.iter().any(hit), "{path}: {reason}: {shown:#?}");
    }
}

pub(crate) fn good(text: &str) -> Bootstrap {
    read(text).unwrap()
}

/// The same file as the witness has it.
pub(crate) fn witness() -> String {
    let start = SAMPLE.find("[[ha-link]]").unwrap();
    let (text, _) = SAMPLE.split_at(start);
    text.replace("node = \"a\"\n", "node = \"w\"\n")
        .replace("configuration = \"site.conf\"       # proposed when the cluster has no configuration yet\n", "")
        .replace("port = \"raw\"\n", "")
}

/// The sample of a pair without a witness, with a table `[ha]`.
pub(crate) fn pair(ha: &str) -> String {
    let start = SAMPLE.find("[[member]]\nid = 3").unwrap();
    let end = SAMPLE.find("[[ha-link]]").unwrap();
    let (before, after) = (&SAMPLE[..start], &SAMPLE[end..]);
    format!("{before}{after}\n{ha}\n")
}
