//! The manual page of the configuration comes from the schema, and the committed page is that one.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fmt::Write as _;
use std::path::Path;

use config::schema::{
    Branch, CONFIG, ICMP_TIMEOUTS, Item, Leaf, Place, Presence, TCP_TIMEOUTS, UDP_TIMEOUTS, walk,
};

/// Set to write the page instead of comparing it.
const UPDATE: &str = "TANDEM_UPDATE_MANUAL";

#[test]
fn the_committed_manual_is_the_schema_s() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate/configuration.md");
    let page = page();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/operate/configuration.md is not what the schema says; write it anew with {UPDATE}=1"
    );
}

fn page() -> String {
    let mut out = include_str!("head.md").to_owned();
    out.push_str("## The tree\n\n```\n");
    tree(&mut out, &CONFIG, 0);
    out.push_str("```\n\n");
    for place in walk() {
        if let Item::Branch(branch) = place.item {
            section(&mut out, &place, branch);
        }
    }
    timeouts(&mut out);
    out.push_str("\n## A complete example\n\n```\n");
    out.push_str(include_str!("../../examples/site.conf"));
    out.push_str("```\n\n");
    out.push_str(include_str!("tail.md"));
    out.push_str(include_str!("../../examples/node.toml"));
    out.push_str("```\n");
    out
}

fn tree(out: &mut String, branch: &Branch, depth: usize) {
    let keys = branch.keys.iter().flat_map(|key| [" <", key.name, ">"]);
    let keys: String = keys.collect();
    let leaves: Vec<_> = branch
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Leaf(leaf) => Some(leaf.name),
            Item::Branch(_) => None,
        })
        .collect();
    let leaves = match leaves.as_slice() {
        [] => String::new(),
        leaves => format!("  {{ {} }}", leaves.join(", ")),
    };
    writeln!(out, "{}{}{keys}{leaves}", "  ".repeat(depth), branch.name).unwrap();
    for item in branch.items {
        if let Item::Branch(inner) = item {
            tree(out, inner, depth + 1);
        }
    }
}

fn section(out: &mut String, place: &Place, branch: &Branch) {
    writeln!(
        out,
        "### {}\n\n{}",
        place.path.replace('<', "\\<"),
        branch.help
    )
    .unwrap();
    let mut rows = String::new();
    for key in branch.keys {
        row(&mut rows, key, "key");
    }
    for item in branch.items {
        if let Item::Leaf(leaf) = item {
            let default = match leaf.presence {
                Presence::Required => "required".to_owned(),
                Presence::Optional => "none".to_owned(),
                Presence::Default(value) => format!("`{value}`"),
                Presence::AtLeastOne => "at least one".to_owned(),
            };
            row(&mut rows, leaf, &default);
        }
    }
    if !rows.is_empty() {
        out.push_str("\n| Word | Values | Default | Unit | Disturbs | Since | Meaning |\n");
        out.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
        out.push_str(&rows);
    }
    out.push('\n');
}

fn row(out: &mut String, leaf: &Leaf, default: &str) {
    let disturbs = match (leaf.disturbs.to_string(), leaf.needs_restart()) {
        (_, true) => "restart required".to_owned(),
        (disturbs, false) => disturbs,
    };
    writeln!(
        out,
        "| `{}` | {} | {default} | {} | {disturbs} | {} | {} |",
        leaf.name,
        leaf.kind.describe(),
        leaf.unit,
        leaf.since,
        leaf.help.replace('<', "\\<"),
    )
    .unwrap();
}

fn timeouts(out: &mut String) {
    out.push_str("## Idle timeouts without a session-type\n\n");
    out.push_str("| Protocol | Established | Until established |\n| --- | --- | --- |\n");
    for of in [&TCP_TIMEOUTS, &UDP_TIMEOUTS, &ICMP_TIMEOUTS] {
        let (idle, initial) = (of.timeout_ms, of.initial_timeout_ms);
        writeln!(out, "| {} | {idle} ms | {initial} ms |", of.protocol).unwrap();
    }
}
