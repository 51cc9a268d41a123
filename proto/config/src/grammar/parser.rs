//! Text to candidate. Every error is reported, not only the first: after a line that makes no
//! sense, what is indented below it is skipped, and reading goes on.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::lexer::{self, Line};
use crate::candidate::{Block, Candidate, Put, Word, path_of};
use crate::findings::Findings;
use crate::problem::{Position, Problem, Severity};
use crate::schema::{Branch, CONFIG, Item, Leaf, walk};
use crate::text::{excerpt, nearest, without_mark};

/// Reads a configuration. Values are kept as typed; [`Candidate::validate`] checks them.
pub fn parse(text: &str) -> Result<Candidate, Vec<Problem>> {
    match read(text) {
        (candidate, findings) if !findings.has_error() => Ok(candidate),
        (_, findings) => Err(findings.finish().into_listed()),
    }
}

/// What of the text makes sense, and everything in it that does not.
pub(crate) fn read(text: &str) -> (Candidate, Findings) {
    let mut findings = Findings::default();
    let lines = lexer::lines(without_mark(text), &mut findings);
    let mut parser = Parser {
        rest: lines.into_iter().peekable(),
        findings,
    };
    let mut candidate = Candidate::default();
    parser.top(&mut candidate.config);
    (candidate, parser.findings)
}

struct Parser {
    rest: core::iter::Peekable<std::vec::IntoIter<Line>>,
    findings: Findings,
}

/// A block that is open: where it was opened, and by how deep a line.
struct Opened {
    at: Option<Position>,
}

impl Parser {
    /// Outside of everything: each line starts with `config`, or `configure` as in the shell.
    fn top(&mut self, config: &mut Block) {
        while let Some(line) = self.rest.next() {
            let Some((first, rest)) = line.words.split_first() else {
                continue;
            };
            match first.text.as_str() {
                "config" | "configure" => self.line(config, &line, first, rest),
                "exit" => self.report(
                    first,
                    "",
                    "nothing is open that it could close".to_owned(),
                    "take it away, or look for an exit too many above".to_owned(),
                ),
                _ => {
                    self.report(
                        first,
                        "",
                        "a configuration starts with config".to_owned(),
                        "begin with a line that says config".to_owned(),
                    );
                    self.skip_below(&line);
                }
            }
        }
    }

    /// Inside an open block, up to its exit.
    fn block(&mut self, block: &mut Block, opened: &Opened) {
        while let Some(line) = self.rest.next() {
            let Some((first, rest)) = line.words.split_first() else {
                continue;
            };
            if first.text == "exit" {
                if let Some(extra) = rest.first() {
                    self.report(
                        extra,
                        &block.path,
                        "nothing can follow exit".to_owned(),
                        "put it on a line of its own".to_owned(),
                    );
                }
                return;
            }
            self.line(block, &line, first, &line.words);
        }
        self.findings.error(Problem {
            severity: Severity::Error,
            at: opened.at,
            path: display(&block.path),
            value: None,
            reason: "the file ends before its exit".to_owned(),
            next_step: "add the missing exit; is the file complete?".to_owned(),
        });
    }

    /// Follows the words of a line from `block` down, to a value or to a block that stays open.
    fn line(&mut self, mut block: &mut Block, line: &Line, last: &Word, mut words: &[Word]) {
        let mut last = last;
        loop {
            let Some((word, rest)) = words.split_first() else {
                return self.block(block, &Opened { at: last.at });
            };
            if let Some(key) = block
                .branch
                .keys
                .iter()
                .position(|key| key.name == word.text)
            {
                return self.repeated_key(block, key, word, rest);
            }
            match block.branch.item(&word.text) {
                Some(Item::Leaf(leaf)) => return self.value(block, leaf, word, rest),
                Some(Item::Branch(branch)) => {
                    let Some((keys, rest)) = rest.split_at_checked(branch.keys.len()) else {
                        self.missing_keys(block, branch, word, rest.len());
                        return self.skip_below(line);
                    };
                    block = block.enter(branch, keys, word.at);
                    words = rest;
                    last = word;
                }
                None => {
                    self.unknown(block, word);
                    return self.skip_below(line);
                }
            }
        }
    }

    /// `name lan` inside `tenant lan`: allowed, since that is how it is shown, but it must agree.
    fn repeated_key(&mut self, block: &Block, key: usize, word: &Word, rest: &[Word]) {
        let Some(value) = self.single(&block.path, word, rest) else {
            return;
        };
        let Some(own) = block.keys.get(key).filter(|own| *own != value) else {
            return;
        };
        self.report(
            value,
            &join(&block.path, &word.text),
            format!(
                "it is not {}, the {} of this block",
                excerpt(&own.text),
                word.text
            ),
            format!("type {}, or leave the line out", excerpt(&own.text)),
        );
    }

    fn value(&mut self, block: &mut Block, leaf: &'static Leaf, word: &Word, rest: &[Word]) {
        let Some(value) = self.single(&block.path, word, rest) else {
            return;
        };
        if let Put::Taken(first) = block.put(leaf, value.clone()) {
            let place = first.at.map_or(String::new(), |at| format!(" at {at}"));
            self.report(
                value,
                &join(&block.path, leaf.name),
                format!(
                    "it is already {}{place}, and takes one value",
                    excerpt(&first.text)
                ),
                "keep one of the two lines".to_owned(),
            );
        }
    }

    /// The one value that must follow `word`.
    fn single<'a>(&mut self, path: &str, word: &Word, rest: &'a [Word]) -> Option<&'a Word> {
        match rest {
            [value] => Some(value),
            [] => {
                self.findings.error(Problem {
                    severity: Severity::Error,
                    at: word.at,
                    path: display(&join(path, &word.text)),
                    value: None,
                    reason: "no value follows it".to_owned(),
                    next_step: "type its value on the same line".to_owned(),
                });
                None
            }
            [_, extra, ..] => {
                self.report(
                    extra,
                    &join(path, &word.text),
                    "it takes one value on a line, and more follow".to_owned(),
                    "quote a value that has spaces; repeat the line for a list".to_owned(),
                );
                None
            }
        }
    }

    fn missing_keys(&mut self, block: &Block, branch: &'static Branch, word: &Word, typed: usize) {
        let keys: Vec<_> = branch.keys.iter().map(|key| key.name).collect();
        let missing = keys.get(typed..).unwrap_or_default().join(" and ");
        self.findings.error(Problem {
            severity: Severity::Error,
            at: word.at,
            path: display(&path_of(&block.path, branch, &[])),
            value: None,
            reason: format!("its {missing} is missing"),
            next_step: format!("type {} <{}>", branch.name, keys.join("> <")),
        });
    }

    fn unknown(&mut self, block: &Block, word: &Word) {
        self.findings.error_with(|| Problem {
            severity: Severity::Error,
            at: word.at,
            path: display(&block.path),
            value: Some(excerpt(&word.text).into_owned()),
            reason: "there is no such word here".to_owned(),
            next_step: instead_of(word, block),
        });
    }

    /// Passes over what is indented deeper than a line that made no sense, and over its exit: one
    /// wrong word is one problem, not one for each line below it.
    fn skip_below(&mut self, line: &Line) {
        let deeper = |next: &Line| next.indent > line.indent;
        if self.rest.next_if(deeper).is_none() {
            return;
        }
        while self.rest.next_if(deeper).is_some() {}
        let its_exit = |next: &Line| {
            let exit = next.words.first().is_some_and(|word| word.text == "exit");
            exit && next.indent == line.indent
        };
        self.rest.next_if(its_exit);
    }

    fn report(&mut self, word: &Word, path: &str, reason: String, next_step: String) {
        self.findings.error(Problem {
            severity: Severity::Error,
            at: word.at,
            path: display(path),
            value: Some(excerpt(&word.text).into_owned()),
            reason,
            next_step,
        });
    }
}

/// What to type instead of a word that is not known in `block`.
fn instead_of(word: &Word, block: &Block) -> String {
    if let Some(near) = nearest(&word.text, block.branch.words()) {
        return format!("did you mean {near}?");
    }
    if let Some(home) = home_of(&word.text) {
        return format!("it belongs in {home}; is an exit missing or too many?");
    }
    match block.branch.words().collect::<Vec<_>>().as_slice() {
        [] => "nothing can stand here".to_owned(),
        words => format!("known here: {}", words.join(", ")),
    }
}

fn join(path: &str, word: &str) -> String {
    if path.is_empty() {
        word.to_owned()
    } else {
        format!("{path} {word}")
    }
}

/// The top has no path of its own, and still a name.
fn display(path: &str) -> String {
    if path.is_empty() {
        CONFIG.name.to_owned()
    } else {
        path.to_owned()
    }
}

/// The only branch that knows `word`, when there is just one.
fn home_of(word: &str) -> Option<&'static str> {
    HOMES.get(word)?.as_deref()
}

/// Where each word of the schema is at home; `None` when in several branches.
static HOMES: LazyLock<HashMap<&str, Option<String>>> = LazyLock::new(|| {
    let mut homes = HashMap::new();
    for place in walk() {
        let Item::Branch(branch) = place.item else {
            continue;
        };
        for item in branch.items {
            homes
                .entry(item.name())
                .and_modify(|home| *home = None)
                .or_insert_with(|| Some(place.path.clone()));
        }
    }
    homes
});
