//! What happened, line by line: for whoever looks into a failure, and to prove that a run repeats.

use crate::clock::Millis;

/// The lines of a run, if anybody wants them; most runs are run for their end alone.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
    now: Millis,
}

impl Trace {
    /// A trace that keeps its lines.
    pub const fn kept() -> Self {
        Self {
            lines: Some(Vec::new()),
            now: Millis(0),
        }
    }

    pub(crate) const fn at(&mut self, now: Millis) {
        self.now = now;
    }

    /// Writes a line, if lines are kept.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{} {}", self.now, line()));
        }
    }

    /// All lines.
    pub fn into_text(self) -> String {
        let mut text = self.lines.unwrap_or_default().join("\n");
        text.push('\n');
        text
    }
}
