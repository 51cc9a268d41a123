//! Problems as they are found: a person mends the first few and asks again, so only so many are
//! kept. The others are counted, and never even put into words.

use crate::problem::{Problem, Problems, Severity};

/// Everything that was found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    errors: Kept,
    warnings: Kept,
}

#[derive(Debug, Default)]
struct Kept {
    first: Vec<Problem>,
    found: usize,
}

impl Kept {
    fn push(&mut self, problem: impl FnOnce() -> Problem) {
        self.found += 1;
        if self.first.len() < Problems::MOST {
            self.first.push(problem());
        }
    }
}

impl Findings {
    pub(crate) fn error(&mut self, problem: Problem) {
        self.error_with(|| problem);
    }

    /// An error whose text takes some work, such as a search for what was probably meant.
    pub(crate) fn error_with(&mut self, problem: impl FnOnce() -> Problem) {
        self.errors.push(problem);
    }

    pub(crate) fn warning(&mut self, problem: Problem) {
        self.warnings.push(|| Problem {
            severity: Severity::Warning,
            ..problem
        });
    }

    pub(crate) const fn has_error(&self) -> bool {
        self.errors.found > 0
    }

    /// What was found, in order.
    pub(crate) fn finish(self) -> Problems {
        let (errors, warnings) = (self.errors.found, self.warnings.found);
        let first = self.errors.first.into_iter().chain(self.warnings.first);
        Problems::new(first.collect(), errors, warnings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_problems_are_counted_and_not_made() {
        let mut findings = Findings::default();
        let mut made = 0;
        for _ in 0..Problems::MOST + 7 {
            findings.error_with(|| {
                made += 1;
                problem()
            });
        }
        findings.warning(problem());
        let problems = findings.finish();
        assert_eq!(made, Problems::MOST);
        assert_eq!(
            (problems.errors(), problems.warnings(), problems.unlisted()),
            (Problems::MOST + 7, 1, 8)
        );
        // Errors come before warnings where there is not room for both.
        assert!(problems.listed().iter().all(Problem::is_error));
    }

    fn problem() -> Problem {
        Problem {
            severity: Severity::Error,
            at: None,
            path: "authority".to_owned(),
            value: None,
            reason: String::new(),
            next_step: String::new(),
        }
    }
}
