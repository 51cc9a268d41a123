//! A TOML document read key by key: what is missing, of the wrong type or unknown becomes a
//! problem with its place, and reading goes on.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Position, Problem, Severity};
use crate::schema::Fault;
use crate::text::{excerpt, nearest};

/// The document's text and what was found wrong with it.
pub(super) struct File<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) path: String,
    pub(super) at: Position,
}

impl<T> Given<T> {
    /// Another value of the same place.
    pub(super) fn map<U>(self, to: impl FnOnce(T) -> U) -> Given<U> {
        Given {
            value: to(self.value),
            path: self.path,
            at: self.at,
        }
    }
}

/// A table of the document, and the keys that it was asked for.
pub(super) struct Table<'a> {
    entries: &'a DeTable<'a>,
    path: String,
    at: Position,
    known: Vec<&'static str>,
}

impl<'a> File<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            problems: Vec::new(),
        }
    }

    /// What TOML itself objects to.
    pub(super) fn not_toml(&mut self, error: &toml::de::Error) {
        let at = error.span().map(|span| self.position(span.start));
        let fault = Fault::new(
            error.message().to_owned(),
            "write it as TOML wants it: key = \"value\", [table], [[list]]",
        );
        self.report(at, "node.toml", None, fault);
    }

    pub(super) fn report(
        &mut self,
        at: Option<Position>,
        path: &str,
        value: Option<String>,
        fault: Fault,
    ) {
        self.problems.push(Problem {
            severity: Severity::Error,
            at,
            path: path.to_owned(),
            value: value.map(|value| excerpt(&value).into_owned()),
            reason: fault.reason,
            next_step: fault.next_step,
        });
    }

    /// A problem with a value that is there.
    pub(super) fn object<T: ToString>(&mut self, given: &Given<T>, fault: Fault) {
        let value = Some(given.value.to_string());
        self.report(Some(given.at), &given.path, value, fault);
    }

    /// Everything that was found, in the order of the file.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.at);
        self.problems
    }

    pub(super) const fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Line and column of a byte.
    fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |tail| tail.chars().count())
            + 1;
        let narrow = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Position {
            line: narrow(line),
            column: narrow(column),
        }
    }

    fn wrong_type(&mut self, path: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let at = self.position(value.span().start);
        let found = value.get_ref().type_str();
        let fault = Fault::new(format!("it is of type {found}"), format!("write {wanted}"));
        self.report(Some(at), path, None, fault);
    }
}

impl<'a> Table<'a> {
    pub(super) const fn root(table: &'a DeTable<'a>) -> Self {
        Self {
            entries: table,
            path: String::new(),
            at: Position { line: 1, column: 1 },
            known: Vec::new(),
        }
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            excerpt(key).into_owned()
        } else {
            format!("{}.{}", self.path, excerpt(key))
        }
    }

    /// Whether the key is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where a key's value stands.
    pub(super) fn place_of(&self, file: &File<'_>, key: &str) -> Option<Position> {
        let value = self.entries.get(key)?;
        Some(file.position(value.span().start))
    }

    /// A problem with a key that should be there. If it is, it was wrong, and that has been said.
    pub(super) fn missing_unless_given(&self, file: &mut File<'_>, key: &str, next_step: &str) {
        if self.has(key) {
            return;
        }
        let fault = Fault::new("it is required and missing", next_step);
        file.report(Some(self.at), &self.path_of(key), None, fault);
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.entries.get(key)
    }

    pub(super) fn text(
        &mut self,
        file: &mut File<'_>,
        key: &'static str,
    ) -> Option<Given<&'a str>> {
        let value = self.value(key)?;
        let path = self.path_of(key);
        given_text(file, value, path)
    }

    pub(super) fn flag(&mut self, file: &mut File<'_>, key: &'static str) -> Option<Given<bool>> {
        let value = self.value(key)?;
        let path = self.path_of(key);
        let at = file.position(value.span().start);
        let Some(value) = value.get_ref().as_bool() else {
            file.wrong_type(&path, value, "true or false");
            return None;
        };
        Some(Given { value, path, at })
    }

    /// A whole number that fits into one byte.
    pub(super) fn byte(&mut self, file: &mut File<'_>, key: &'static str) -> Option<Given<u8>> {
        let value = self.value(key)?;
        let path = self.path_of(key);
        let at = file.position(value.span().start);
        let Some(integer) = value.get_ref().as_integer() else {
            file.wrong_type(&path, value, "a whole number");
            return None;
        };
        let digits = integer.as_str();
        let Ok(value) = u8::from_str_radix(digits, integer.radix()) else {
            let fault = Fault::new("it is outside 1–255", "write a number from 1 to 255");
            file.report(Some(at), &path, Some(digits.to_owned()), fault);
            return None;
        };
        Some(Given { value, path, at })
    }

    /// A whole number.
    pub(super) fn integer(&mut self, file: &mut File<'_>, key: &'static str) -> Option<Given<i64>> {
        let value = self.value(key)?;
        let path = self.path_of(key);
        let at = file.position(value.span().start);
        let integer = value.get_ref().as_integer();
        let value =
            integer.and_then(|integer| i64::from_str_radix(integer.as_str(), integer.radix()).ok());
        let Some(value) = value else {
            file.report(
                Some(at),
                &path,
                None,
                Fault::new("it is not a whole number", "write digits without quotes"),
            );
            return None;
        };
        Some(Given { value, path, at })
    }

    pub(super) fn texts(&mut self, file: &mut File<'_>, key: &'static str) -> Vec<Given<&'a str>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let path = self.path_of(key);
        let Some(array) = value.get_ref().as_array() else {
            file.wrong_type(&path, value, "a list such as [\"…\", \"…\"]");
            return Vec::new();
        };
        (1..)
            .zip(array.iter())
            .filter_map(|(number, item)| given_text(file, item, format!("{path}[{number}]")))
            .collect()
    }

    pub(super) fn table(&mut self, file: &mut File<'_>, key: &'static str) -> Option<Self> {
        let value = self.value(key)?;
        let path = self.path_of(key);
        Self::inner(file, value, path, &format!("a table: [{key}]"))
    }

    pub(super) fn tables(&mut self, file: &mut File<'_>, key: &'static str) -> Vec<Self> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let path = self.path_of(key);
        let wanted = format!("a list of tables: [[{key}]]");
        let Some(array) = value.get_ref().as_array() else {
            file.wrong_type(&path, value, &wanted);
            return Vec::new();
        };
        (1..)
            .zip(array.iter())
            .filter_map(|(number, item)| {
                Self::inner(file, item, format!("{path}[{number}]"), &wanted)
            })
            .collect()
    }

    fn inner(
        file: &mut File<'_>,
        value: &'a Spanned<DeValue<'a>>,
        path: String,
        wanted: &str,
    ) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            file.wrong_type(&path, value, wanted);
            return None;
        };
        Some(Self {
            entries: table,
            at: file.position(value.span().start),
            path,
            known: Vec::new(),
        })
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(&self, file: &mut File<'_>) {
        for (key, _) in self.entries {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let next_step = match nearest(name, self.known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            let at = file.position(key.span().start);
            let fault = Fault::new("there is no such key here", next_step);
            file.report(Some(at), &self.path_of(name), None, fault);
        }
    }

    /// The table as a whole, to object to.
    pub(super) fn given<T>(&self, value: T) -> Given<T> {
        Given {
            value,
            path: self.path.clone(),
            at: self.at,
        }
    }
}

fn given_text<'a>(
    file: &mut File<'_>,
    value: &'a Spanned<DeValue<'a>>,
    path: String,
) -> Option<Given<&'a str>> {
    let at = file.position(value.span().start);
    let Some(value) = value.get_ref().as_str() else {
        file.wrong_type(&path, value, "text in quotes");
        return None;
    };
    Some(Given { value, path, at })
}
