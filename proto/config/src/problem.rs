//! What is wrong with a configuration, said so that a person can put it right.

use core::fmt;

/// Where a word stands in the text that was loaded; both count from 1.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Whether a problem keeps the configuration from being used.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is taken, but probably not what was meant.
    Warning,
}

/// One thing that is wrong: where, what was found, why it cannot stay, what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Whether it is refused or only doubted.
    pub severity: Severity,
    /// Where it stands in the file; `None` when what is wrong is that something is missing.
    pub at: Option<Position>,
    /// The configuration path, such as `authority router pair node a`.
    pub path: String,
    /// What was found there.
    pub value: Option<String>,
    /// Why it cannot stay.
    pub reason: String,
    /// What to do about it.
    pub next_step: String,
}

/// `12:9: error: authority name 'x y': reason; next step`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "{at}: ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.path)?;
        if let Some(value) = &self.value {
            write!(f, " '{value}'")?;
        }
        write!(f, ": {}; {}", self.reason, self.next_step)
    }
}

/// What was found in a text: the first problems in full, the others as a number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problems {
    listed: Vec<Problem>,
    errors: usize,
    warnings: usize,
}

impl Problems {
    /// Most problems that are listed. Where there are more, errors come before warnings.
    pub const MOST: usize = 1_000;

    /// `first` holds errors before warnings; the numbers count those that it leaves out too.
    pub(crate) fn new(mut first: Vec<Problem>, errors: usize, warnings: usize) -> Self {
        first.truncate(Self::MOST);
        first.sort_by_key(|problem| problem.at);
        Self {
            listed: first,
            errors,
            warnings,
        }
    }

    /// In the order of the file; what has no place in it stands first.
    pub fn listed(&self) -> &[Problem] {
        &self.listed
    }

    /// The same, taken out.
    pub fn into_listed(self) -> Vec<Problem> {
        self.listed
    }

    /// How many errors there are, listed or not.
    pub const fn errors(&self) -> usize {
        self.errors
    }

    /// How many warnings there are, listed or not.
    pub const fn warnings(&self) -> usize {
        self.warnings
    }

    /// How many of both are not listed.
    pub const fn unlisted(&self) -> usize {
        (self.errors + self.warnings).saturating_sub(self.listed.len())
    }
}

/// Problems that were all kept.
impl From<Vec<Problem>> for Problems {
    fn from(mut all: Vec<Problem>) -> Self {
        all.sort_by_key(|problem| !problem.is_error());
        let errors = all.iter().filter(|problem| problem.is_error()).count();
        let warnings = all.len() - errors;
        Self::new(all, errors, warnings)
    }
}

impl Problem {
    /// Whether it keeps the configuration from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
