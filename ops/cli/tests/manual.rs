//! The manual tells the truth: every command and every column of a page stands in it.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its files are missing"
)]

use std::path::Path;

use clap::{CommandFactory, Parser};
use cli::{RequestCommand, ShowCommand};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    _show: ShowCommand,
}

#[derive(Parser)]
struct Order {
    #[command(subcommand)]
    _request: RequestCommand,
}

#[test]
fn every_order_has_its_section_and_its_options() {
    let manual = manual();
    let line = Order::command();
    let orders = line.get_subcommands().flat_map(|group| {
        group
            .get_subcommands()
            .map(move |order| (group.get_name().to_owned(), order))
    });
    for (group, order) in orders {
        let section = format!("\n## `tandem request {group} {}`\n", order.get_name());
        assert!(
            manual.contains(&section),
            "docs/operate/commands.md lacks{section}"
        );
        for option in order.get_arguments().filter_map(clap::Arg::get_long) {
            let option = format!("`--{option}");
            assert!(manual.contains(&option), "the manual lacks {option}");
        }
    }
}

#[test]
fn every_command_has_its_section() {
    let manual = manual();
    for command in Line::command().get_subcommands() {
        let section = format!("\n## `tandem show {}`\n", command.get_name());
        assert!(
            manual.contains(&section),
            "docs/operate/commands.md lacks{section}"
        );
    }
}

#[test]
fn every_column_is_explained() {
    let manual = manual();
    let mut columns = 0;
    for page in std::fs::read_dir(folder().join("tests/pages")).unwrap() {
        let path = page.unwrap().path();
        for title in titles(&std::fs::read_to_string(&path).unwrap()) {
            let line = format!("\n| {title} | ");
            assert!(
                manual.contains(&line),
                "docs/operate/commands.md lacks '{title}' of {path:?}"
            );
            columns += 1;
        }
    }
    assert!(
        columns > 50,
        "only {columns} columns were found: has the look of pages changed?"
    );
}

#[test]
fn every_option_is_explained() {
    let manual = manual();
    for command in Line::command().get_subcommands() {
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            let option = format!("`--{option}");
            assert!(
                manual.contains(&option),
                "docs/operate/commands.md lacks {option}"
            );
        }
    }
}

/// Titles stand between two rules, at least two blanks apart.
fn titles(page: &str) -> Vec<String> {
    let lines: Vec<_> = page.lines().collect();
    let between = |window: &&[&str]| matches!(window, [above, _, below] if above.starts_with("==") && above == below);
    let titles = |window: &[&str]| {
        let [_, titles, _] = window else {
            return Vec::new();
        };
        titles
            .split("  ")
            .map(str::trim)
            .filter(|title| !title.is_empty())
            .map(str::to_owned)
            .collect()
    };
    lines.windows(3).filter(between).flat_map(titles).collect()
}

fn manual() -> String {
    std::fs::read_to_string(folder().join("../../docs/operate/commands.md")).unwrap()
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
