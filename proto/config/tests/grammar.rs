//! The operators' grammar: both forms load, errors point at the word, what is shown can be loaded.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use config::{Candidate, Problem, parse, render};

const SITE: &str = include_str!("../examples/site.conf");

fn candidate(text: &str) -> Candidate {
    parse(text).unwrap()
}

/// `line:column value: reason` of every problem.
fn faults(text: &str) -> Vec<String> {
    let show = |problem: Problem| {
        let at = problem.at.map_or("?".to_owned(), |at| at.to_string());
        let value = problem.value.unwrap_or_default();
        format!(
            "{at} {} [{value}] {} -> {}",
            problem.path, problem.reason, problem.next_step
        )
    };
    parse(text).unwrap_err().into_iter().map(show).collect()
}

#[test]
fn block_form_and_one_line_form_mean_the_same() {
    let block = candidate(
        "config\n  authority\n    name example\n    router pair\n      node a\n        \
         session-setup-scaling true\n      exit\n    exit\n  exit\nexit\n",
    );
    let lines = candidate(
        "config authority router pair node a session-setup-scaling true\n\
         configure authority name example\n",
    );
    assert_eq!(block, lines);
}

#[test]
fn a_line_may_go_on_from_an_open_block_and_open_another_deep_down() {
    let short = candidate(
        "config authority router pair node a\n  device-interface lan vrrp\n    vrid 10\n  exit\nexit\n",
    );
    let long = candidate("config authority router pair node a device-interface lan vrrp vrid 10");
    assert_eq!(short, long);
}

#[test]
fn the_sample_survives_being_shown_and_loaded_again() {
    let site = candidate(SITE);
    let shown = render(&site);
    assert_eq!(candidate(&shown), site);
    assert_eq!(render(&candidate(&shown)), shown);
}

#[test]
fn keys_are_shown_inside_their_block_as_operators_know_it() {
    let shown = render(&candidate(
        "config authority router pair redundancy-group g member a lan node a",
    ));
    assert_eq!(
        shown,
        "config\n\n    authority\n\n        router  pair\n            name  pair\n\n            \
         redundancy-group  g\n                name  g\n\n                member  a lan\n\
         \x20                   node  a\n                    device-id  lan\n                exit\n\
         \x20           exit\n        exit\n    exit\nexit\n"
    );
}

#[test]
fn comments_and_quotes_are_understood() {
    let plain = candidate("config authority name example");
    assert_eq!(
        candidate("# a site\n\nconfig authority name \"example\" # its name\r\n"),
        plain
    );
    let odd = candidate(r#"config authority name "a \"b\" \\ # c""#);
    assert_eq!(candidate(&render(&odd)), odd);
    assert!(render(&odd).contains(r#"name  "a \"b\" \\ # c""#));
}

#[test]
fn an_unknown_word_gets_its_place_and_the_nearest_known_one() {
    let found = faults(
        "config\n    authority\n        router pair\n            node a\n                \
         device-interface lan\n                    vrrp\n                        vird 10\n\
         \x20                   exit\n                exit\n            exit\n        exit\n    \
         exit\nexit\n",
    );
    assert_eq!(
        found,
        [
            "7:25 authority router pair node a device-interface lan vrrp [vird] \
          there is no such word here -> did you mean vrid?"
        ]
    );
}

#[test]
fn a_word_in_the_wrong_place_is_told_where_it_belongs() {
    assert_eq!(
        faults("config authority router pair vrid 10"),
        [
            "1:30 authority router pair [vrid] there is no such word here -> it belongs in authority \
          router <name> node <name> device-interface <name> vrrp; is an exit missing or too many?"
        ]
    );
    assert_eq!(
        faults("config authority router pair node a device-interface lan vrrp banana 10"),
        [
            "1:63 authority router pair node a device-interface lan vrrp [banana] there is no such word \
          here -> known here: enabled, vrid, priority, advertisement-interval, preempt"
        ]
    );
}

#[test]
fn one_wrong_block_is_one_problem_and_reading_goes_on_behind_it() {
    let found = faults(
        "config\n  authority\n    tenannt lan\n      security x\n      member y\n        address 1\n\
         \x20     exit\n    exit\n    naem example\n  exit\nexit\n",
    );
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with("3:5 authority [tenannt]"),
        "{found:#?}"
    );
    assert!(found[1].starts_with("9:5 authority [naem]"), "{found:#?}");
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    let whole = SITE.trim_end();
    let cut = whole.strip_suffix("exit").unwrap();
    assert_eq!(
        faults(cut),
        [
            "3:1 config [] the file ends before its exit -> add the missing exit; is the file complete?"
        ]
    );
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    assert_eq!(
        faults("config authority name one\nconfig authority name two\n"),
        [
            "2:23 authority name [two] it is already one at 1:23, and takes one value -> keep one of \
          the two lines"
        ]
    );
    assert_eq!(
        faults("config authority tenant lan name wan"),
        [
            "1:34 authority tenant lan name [wan] it is not lan, the name of this block -> type lan, \
          or leave the line out"
        ]
    );
    candidate("config authority name one\nconfig authority name one\n");
}

#[test]
fn lines_without_value_with_too_many_or_without_keys_are_refused() {
    for (text, expected) in [
        (
            "config authority name",
            "1:18 authority name [] no value follows it",
        ),
        (
            "config authority name a b",
            "1:25 authority name [b] it takes one value on a line",
        ),
        (
            "config authority tenant",
            "1:18 authority tenant [] its name is missing",
        ),
        (
            "config authority router p redundancy-group g member a",
            "1:46 authority router p redundancy-group g member [] its device-id is missing",
        ),
        ("exit", "1:1 config [exit] nothing is open"),
        (
            "authority name x",
            "1:1 config [authority] a configuration starts with config",
        ),
        (
            "config\nexit now",
            "2:6 config [now] nothing can follow exit",
        ),
        (
            "config authority name \"x",
            "1:23 quoted word [] the quoted word has no closing quote",
        ),
        (
            "config authority name \"x\"y",
            "1:23 quoted word [] something follows the closing quote",
        ),
        (
            r#"config authority name "\q""#,
            "1:23 quoted word [] 'q' cannot follow a backslash",
        ),
    ] {
        let found = faults(text);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{text}: {found:#?}"
        );
    }
}

#[test]
fn columns_count_characters_not_bytes() {
    assert_eq!(
        faults("config authority name \"äöü\" x")[0]
            .split(' ')
            .next(),
        Some("1:29")
    );
}

#[test]
fn a_misspelt_word_does_not_hide_a_value_that_is_out_of_range() {
    let text = include_str!("../examples/site.conf")
        .replacen("tenant  lan", "tennant  lan", 1)
        .replacen("priority  110", "priority  900", 1);
    let problems = config::check(&text).unwrap_err();
    let values: Vec<_> = problems
        .iter()
        .filter_map(|problem| problem.value.as_deref())
        .collect();
    assert!(values.contains(&"tennant"), "{problems:#?}");
    assert!(values.contains(&"900"), "{problems:#?}");
}
