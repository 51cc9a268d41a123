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

impl Problem {
    /// Whether it keeps the configuration from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
