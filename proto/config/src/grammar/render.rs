//! Candidate to text, the way `show config` prints it; what comes out can be loaded again.

use crate::candidate::{Block, Candidate};
use crate::schema::Item;

/// The block form. Parsing it gives back an equal candidate.
pub fn render(candidate: &Candidate) -> String {
    let mut out = String::new();
    block(&mut out, &candidate.config, 0);
    out
}

fn block(out: &mut String, from: &Block, depth: usize) {
    let keys = from.keys.iter().map(|key| key.text.as_str());
    line(out, depth, from.branch.name, keys);
    for (leaf, word) in from.branch.keys.iter().zip(&from.keys) {
        line(out, depth + 1, leaf.name, [word.text.as_str()]);
    }
    for item in from.branch.items {
        match item {
            Item::Leaf(leaf) => {
                for word in from.words(leaf) {
                    line(out, depth + 1, leaf.name, [word.text.as_str()]);
                }
            }
            Item::Branch(branch) => {
                for inner in from.blocks(branch) {
                    out.push('\n');
                    block(out, inner, depth + 1);
                }
            }
        }
    }
    line(out, depth, "exit", []);
}

fn line<'a>(out: &mut String, depth: usize, name: &str, values: impl IntoIterator<Item = &'a str>) {
    out.extend(core::iter::repeat_n("    ", depth));
    out.push_str(name);
    for (index, value) in values.into_iter().enumerate() {
        out.push_str(if index == 0 { "  " } else { " " });
        push_word(out, value);
    }
    out.push('\n');
}

/// Writes a word so that the lexer reads the same word.
fn push_word(out: &mut String, word: &str) {
    let plain = !word.is_empty()
        && !word.starts_with(['#', '"'])
        && !word.contains(|c: char| c.is_whitespace() || c.is_control());
    if plain {
        out.push_str(word);
        return;
    }
    out.push('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
}
