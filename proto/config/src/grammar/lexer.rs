//! Lines of words, each with its place.

use crate::candidate::Word;
use crate::findings::Findings;
use crate::problem::{Position, Problem, Severity};
use crate::text::excerpt;

/// Longest word, in characters; no value of the schema is half as long. Names stand in the paths of
/// everything below them and in what is said about it, so one long word would be repeated at will.
const LONGEST_WORD: usize = 255;

/// One line that says something.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) words: Vec<Word>,
    /// Columns before its first word: what people mean by nesting.
    pub(super) indent: u32,
}

/// Every line that says something. A line with a broken word is reported and left out.
pub(super) fn lines(text: &str, findings: &mut Findings) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        match words(text, number) {
            Ok(words) => {
                let first = words.first().and_then(|word| word.at);
                if let Some(at) = first {
                    let indent = at.column - 1;
                    lines.push(Line { words, indent });
                }
            }
            Err(problem) => findings.error(problem),
        }
    }
    lines
}

fn words(text: &str, line: u32) -> Result<Vec<Word>, Problem> {
    let mut words = Vec::new();
    let mut rest = (1..).zip(text.chars()).peekable();
    while let Some((column, c)) = rest.next() {
        let at = Position { line, column };
        if c.is_whitespace() {
            continue;
        }
        if c == '#' {
            break;
        }
        let mut word = String::new();
        if c == '"' {
            quoted(&mut rest, &mut word).map_err(|fault| broken(at, fault))?;
            if rest.peek().is_some_and(|(_, next)| !next.is_whitespace()) {
                return Err(broken(at, Broken::Glued));
            }
        } else {
            word.push(c);
            while let Some((_, c)) = rest.next_if(|(_, c)| !c.is_whitespace()) {
                word.push(c);
            }
        }
        if word.chars().nth(LONGEST_WORD).is_some() {
            return Err(too_long(at, &word));
        }
        let at = Some(at);
        words.push(Word { text: word, at });
    }
    Ok(words)
}

/// What can be wrong with a quoted word.
#[derive(Clone, Copy)]
enum Broken {
    Open,
    Escape(char),
    Glued,
}

/// Reads up to the closing quote.
fn quoted(rest: &mut impl Iterator<Item = (u32, char)>, word: &mut String) -> Result<(), Broken> {
    loop {
        let (_, c) = rest.next().ok_or(Broken::Open)?;
        match c {
            '"' => return Ok(()),
            '\\' => {
                let (_, escape) = rest.next().ok_or(Broken::Open)?;
                word.push(match escape {
                    '"' | '\\' => escape,
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    unknown => return Err(Broken::Escape(unknown)),
                });
            }
            c => word.push(c),
        }
    }
}

fn too_long(at: Position, word: &str) -> Problem {
    Problem {
        severity: Severity::Error,
        at: Some(at),
        path: "word".to_owned(),
        value: Some(excerpt(word).into_owned()),
        reason: format!("a word has {LONGEST_WORD} characters at most"),
        next_step: "shorten it; is a quote or a line break missing?".to_owned(),
    }
}

fn broken(at: Position, fault: Broken) -> Problem {
    let (reason, next_step) = match fault {
        Broken::Open => (
            "the quoted word has no closing quote on this line".to_owned(),
            "end it with \"".to_owned(),
        ),
        Broken::Escape(c) => (
            format!("{c:?} cannot follow a backslash in a quoted word"),
            r#"type \\ for a backslash, \" for a quote, \n, \r or \t"#.to_owned(),
        ),
        Broken::Glued => (
            "something follows the closing quote at once".to_owned(),
            "put a space between".to_owned(),
        ),
    };
    Problem {
        severity: Severity::Error,
        at: Some(at),
        path: "quoted word".to_owned(),
        value: None,
        reason,
        next_step,
    }
}
