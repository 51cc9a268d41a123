//! Configurations, as any text and as words of the grammar in any order: what is accepted is shown and
//! loads again as the same; what is refused has a reason, said in few words.

use std::sync::LazyLock;

use config::schema::walk;
use config::{Problem, examine, parse, render};

/// Longest path and value of a problem: every word in them is cut.
const MOST_CHARACTERS: usize = 1_000;

/// Values that mean something somewhere, and what ends a word, a line or a block.
const VALUES: &[&str] = &[
    "\n",
    "\n",
    "\n    ",
    "exit\n",
    "config ",
    "authority ",
    "\"",
    "#",
    "\\",
    "a",
    "b",
    "10",
    "255",
    "true",
    "false",
    "192.0.2.1",
    "192.0.2.0/24",
    "2001:db8::1",
    "2001:db8::/32",
    "tcp",
    "lan",
];

/// One input.
pub fn run(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else {
        return;
    };
    let text = if choice & 1 == 0 {
        String::from_utf8_lossy(data).into_owned()
    } else {
        words(data)
    };
    let (valid, problems) = examine(&text);
    assert_eq!(valid.is_none(), problems.errors() > 0);
    if let Ok(candidate) = parse(&text) {
        let shown = render(&candidate);
        assert_eq!(parse(&shown).as_ref(), Ok(&candidate), "{shown}");
        assert_eq!(candidate.validate().ok(), valid);
    }
    assert!(
        problems.listed().len() + problems.unlisted() == problems.errors() + problems.warnings()
    );
    for problem in problems.listed() {
        assert!(is_short(problem), "{problem}");
    }
}

fn is_short(problem: &Problem) -> bool {
    let value = problem.value.as_deref().unwrap_or_default();
    let said = !problem.reason.is_empty() && !problem.next_step.is_empty();
    said && value.chars().count() <= 81 && problem.path.chars().count() <= MOST_CHARACTERS
}

/// A byte is a word of the schema or one of the values.
fn words(data: &[u8]) -> String {
    let mut text = String::new();
    for byte in data {
        let byte = usize::from(*byte);
        let word = VALUES.get(byte).or_else(|| NAMES.get(byte - VALUES.len()));
        text.push_str(word.copied().unwrap_or("\n"));
        text.push(' ');
    }
    text
}

/// Every word of the schema, in its order.
static NAMES: LazyLock<Vec<&str>> =
    LazyLock::new(|| walk().map(|place| place.item.name()).collect());
