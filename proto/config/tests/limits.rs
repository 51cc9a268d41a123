//! Texts that are much too long, or wrong in thousands of places: the answer stays short and is in time.

use core::fmt::Write as _;
use std::io::Read as _;

use config::text_file::{ReadError, read_text};
use config::{Problems, bootstrap, check, examine, parse};

/// Many times what fits into a minute if each line searched all those before it.
const MANY: usize = 60_000;

#[test]
fn many_lines_are_read_without_searching_each_other() {
    let mut text = String::from("config authority name many\n");
    for index in 0..MANY {
        writeln!(text, "config authority tenant t{index} name t{index}").unwrap();
    }
    text.push_str("config authority service s name s\n");
    for index in 0..MANY {
        let (high, low) = (index / 256, index % 256);
        writeln!(
            text,
            "config authority service s address 10.{high}.{low}.0/24"
        )
        .unwrap();
    }
    assert!(parse(&text).is_ok());
}

/// Both halves have the same list, whose entries are compared, and each subnet is compared with the others.
#[test]
fn long_lists_of_both_halves_are_compared_without_searching_them() {
    let mut text = String::from("config authority name many\n");
    for node in ["a", "b"] {
        let port = format!("config authority router pair node {node} device-interface lan");
        writeln!(text, "{port} vrrp enabled true\n{port} vrrp vrid 1").unwrap();
        for index in 0..4_000 {
            let (high, low) = (index / 256, index % 256);
            let address = format!("{port} network-interface lan address 10.{high}.{low}.1");
            writeln!(text, "{address} prefix-length 24").unwrap();
        }
    }
    let (_, problems) = examine(&text);
    // Of the lists there is nothing to say; that there is no address to advertise from is said for each.
    assert!(problems.errors() >= 8_000, "{}", problems.errors());
}

#[test]
fn of_many_problems_the_first_thousand_are_listed_and_all_are_counted() {
    let text = "banana\n".repeat(5_000);
    let (valid, problems) = examine(&text);
    assert!(valid.is_none());
    assert_eq!(problems.listed().len(), Problems::MOST);
    assert_eq!((problems.errors(), problems.unlisted()), (5_000, 4_000));
    let lines = problems.listed().iter().filter_map(|problem| problem.at);
    assert!(lines.map(|at| at.line).eq(1..=1_000));
}

#[test]
fn a_word_that_is_too_long_is_one_problem_that_repeats_little_of_it() {
    let name = "n".repeat(1 << 20);
    let problems = check(&format!(
        "config authority tenant {name} member lan address 1"
    ))
    .unwrap_err();
    assert_eq!(problems.len(), 1);
    let said = problems[0].to_string();
    assert!(said.contains("a word has 255 characters at most"), "{said}");
    assert!(said.chars().count() < 250, "{said}");
}

#[test]
fn values_are_repeated_up_to_80_characters() {
    let long = "1".repeat(255);
    let problems = check(&format!("config authority name {long}x1")).unwrap_err();
    assert!(
        problems
            .iter()
            .all(|problem| problem.value.as_ref().unwrap().chars().count() == 81)
    );
    let problems = bootstrap::read(&format!("port = \"{long}\"")).unwrap_err();
    let port = problems
        .iter()
        .find(|problem| problem.path == "port")
        .unwrap();
    assert_eq!(port.value.as_ref().unwrap().chars().count(), 81);
}

#[test]
fn a_long_list_of_known_names_is_not_repeated_in_each_problem() {
    let mut text =
        String::from("config authority service s access-policy stranger source stranger\n");
    for index in 0..500 {
        writeln!(
            text,
            "config authority tenant tenant-number-{index} name tenant-number-{index}"
        )
        .unwrap();
    }
    let (_, problems) = examine(&text);
    let unknown = problems
        .listed()
        .iter()
        .find(|problem| problem.value.as_deref() == Some("stranger"));
    let next_step = &unknown.unwrap().next_step;
    assert!(
        next_step.ends_with(" and others") && next_step.len() < 300,
        "{next_step}"
    );
}

#[test]
fn a_byte_order_mark_is_no_word() {
    let site = include_str!("../examples/site.conf");
    assert_eq!(parse(&format!("\u{feff}{site}")), parse(site));
    let node = include_str!("../examples/node.toml");
    assert_eq!(
        bootstrap::read(&format!("\u{feff}{node}")),
        bootstrap::read(node)
    );
    // Only at the beginning, and only one.
    assert!(parse(&format!("\u{feff}\u{feff}{site}")).is_err());
}

#[test]
fn reading_stops_at_the_limit_however_much_would_follow() {
    let endless = std::io::repeat(b'#');
    assert!(matches!(
        read_text(endless, 1_000),
        Err(ReadError::TooLong { limit: 1_000 })
    ));
    let exact = std::io::repeat(b'#').take(1_000);
    assert_eq!(read_text(exact, 1_000).unwrap().len(), 1_000);
    assert!(matches!(
        read_text(&b"\xff"[..], 10),
        Err(ReadError::NotText(_))
    ));
}
