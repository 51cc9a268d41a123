//! Small questions about text: what it means as a prefix, which known word it comes closest to, and
//! how much of it is worth repeating.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

/// A prefix, or an address alone as the prefix of one host.
pub(crate) fn prefix(text: &str) -> Option<IpNet> {
    let host = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(host)
}

/// Longest part of a text that problems repeat, in characters: enough to recognise it by.
pub(crate) const EXCERPT: usize = 80;

/// The text, or its beginning and a mark when it is long.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    let end = text.char_indices().nth(EXCERPT).map(|(end, _)| end);
    match end.and_then(|end| text.get(..end)) {
        Some(beginning) => Cow::Owned(format!("{beginning}…")),
        None => Cow::Borrowed(text),
    }
}

/// The text without the byte order mark that some editors put before it: it is no part of what was typed.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The known word that `typed` was probably meant to be.
pub(crate) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Beyond this many wrong letters a suggestion is a guess, and a guess misleads.
    let limit = typed.chars().count().div_ceil(3).clamp(1, 4);
    known
        .into_iter()
        // Each letter more or less is one step by itself.
        .filter(|word| word.len().abs_diff(typed.len()) <= 4 * limit)
        .map(|word| (distance(typed, word), word))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, word)| word)
}

/// How many letters must be put in, taken out or replaced to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    // A word much longer than any of ours is unlike all of them, and not worth the square.
    if a.chars().count() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (cell, to) in row
            .iter_mut()
            .zip(core::iter::once(None).chain(b.chars().map(Some)))
        {
            let above = *cell;
            *cell = match to {
                None => left,
                Some(to) if to == from => diagonal,
                Some(_) => 1 + diagonal.min(above).min(left),
            };
            left = *cell;
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (a, b, expected) in [
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("abc", "", 3),
            ("same", "same", 0),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_text_is_repeated_up_to_80_characters() {
        let short = "é".repeat(EXCERPT);
        assert_eq!(excerpt(&short), short);
        assert_eq!(excerpt(&format!("{short}x")), format!("{short}…"));
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_a_stranger_is_not() {
        let known = ["vrid", "priority", "advertisement-interval"];
        assert_eq!(nearest("prioirty", known), Some("priority"));
        assert_eq!(
            nearest("advertisment-intervall", known),
            Some("advertisement-interval")
        );
        assert_eq!(nearest("banana", known), None);
    }
}
