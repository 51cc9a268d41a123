//! What must hold for any text and any tree.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use config::schema::{Branch, CONFIG, Item};
use config::{parse, render};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Values that people type, that the schema's leaves like or do not, and that no one should type.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "lan",
            "a",
            "b",
            "true",
            "false",
            "0",
            "10",
            "255",
            "192.0.2.1",
            "192.0.2.0/24",
            "::1",
            "tcp",
            "default-instance",
            "exit",
            "config",
            "02:00:00:00:00:01",
            "65536",
            "fe80::1",
            "2001:db8::/32",
        ])
        .prop_map(str::to_owned),
        "[a-z0-9./:-]{1,8}",
        "\\PC{0,6}",
        any::<String>(),
    ]
}

fn quoted(word: &str) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A line that walks down the schema by `turns` and ends with a leaf.
fn line(turns: &[Index], values: &[String]) -> String {
    let mut words = String::from("config");
    let mut values = values.iter().cycle().map(|value| quoted(value));
    let mut branch: &'static Branch = &CONFIG;
    for turn in turns {
        if branch.items.is_empty() {
            break;
        }
        match turn.get(branch.items) {
            Item::Leaf(leaf) => {
                return format!("{words} {} {}", leaf.name, values.next().unwrap());
            }
            Item::Branch(next) => {
                words.push(' ');
                words.push_str(next.name);
                for _ in next.keys {
                    words.push(' ');
                    words.push_str(&values.next().unwrap());
                }
                branch = next;
            }
        }
    }
    // No leaf on this way: the block is opened and closed again.
    format!("{words}\nexit")
}

/// Lines that load together: one that contradicts those before it is left out.
fn tree() -> impl Strategy<Value = String> {
    let lines = (vec(any::<Index>(), 1..10), vec(value(), 1..6));
    vec(
        lines.prop_map(|(turns, values)| line(&turns, &values)),
        0..25,
    )
    .prop_map(|lines| {
        lines.iter().fold(String::new(), |kept, line| {
            let more = format!("{kept}{line}\n");
            if parse(&more).is_ok() { more } else { kept }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_can_be_loaded_and_means_the_same(text in tree()) {
        let candidate = parse(&text).unwrap();
        let shown = render(&candidate);
        prop_assert_eq!(parse(&shown).unwrap(), candidate, "{}", shown);
    }

    #[test]
    fn any_tree_is_validated_without_a_panic_and_is_valid_or_has_an_error(text in tree()) {
        match parse(&text).unwrap().validate() {
            Ok(valid) => prop_assert!(valid.warnings().iter().all(|problem| !problem.is_error())),
            Err(problems) => prop_assert!(problems.iter().any(config::Problem::is_error)),
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic_and_refused_with_a_reason(text in any::<String>()) {
        if let Err(problems) = parse(&text) {
            prop_assert!(problems.iter().all(|problem| !problem.reason.is_empty()));
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn words_of_the_grammar_in_any_order_are_read_without_a_panic(
        words in vec(select(vec![
            "config", "configure", "authority", "router", "pair", "node", "a", "exit", "\n", "\n    ", "#",
            "\"", "device-interface", "vrrp", "vrid", "10", "name", "address", "tenant", "next-hop",
            "service-route", "static-route", "routing", "default-instance", "member",
        ]), 0..60)
    ) {
        let text = words.join(" ");
        if let Ok(candidate) = parse(&text) {
            prop_assert_eq!(parse(&render(&candidate)).unwrap(), candidate);
        }
    }

    #[test]
    fn any_text_is_read_as_node_toml_without_a_panic(text in any::<String>()) {
        let _ = config::bootstrap::read(&text);
    }

    #[test]
    fn the_sample_of_node_toml_with_one_line_changed_never_panics(
        line in any::<Index>(),
        replacement in prop_oneof![Just(String::new()), "[a-z-]{1,10} = (1|true|\"\"|\"x\"|\\[\\]|\\[1\\]|\\{\\})"]
    ) {
        let sample = include_str!("../examples/node.toml");
        let mut lines: Vec<&str> = sample.lines().collect();
        let index = line.index(lines.len());
        lines.splice(index..=index, [replacement.as_str()]);
        if let Err(problems) = config::bootstrap::read(&lines.join("\n")) {
            prop_assert!(!problems.is_empty());
        }
    }
}
