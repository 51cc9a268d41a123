//! `tandem validate FILE`: every problem at once, numbered, each with its path, value and reason.

use core::fmt::Write as _;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use config::text_file::MAX_BOOTSTRAP_BYTES;
use config::{Bootstrap, Problem, Problems, Severity};
use serde::Serialize;
use types::MAX_CONFIGURATION_BYTES;

use crate::args::ValidateArgs;
use crate::failure::{EXIT_COMMAND, Failure};
use crate::regular_file::text_of;
use crate::show::{Page, print};

/// Most problems that people are shown: more than anybody mends before asking again.
const MOST_SHOWN: usize = 100;

/// What became of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Whether it can be used.
    pub valid: bool,
    /// What to print.
    pub page: Page,
}

/// Runs `tandem validate FILE` and says how it went.
pub fn run_validate(args: &ValidateArgs) -> ExitCode {
    let printed = validate(args).and_then(|verdict| {
        print(&verdict.page)?;
        Ok(if verdict.valid {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(EXIT_COMMAND)
        })
    });
    printed.unwrap_or_else(|failure| failure.report(args.json))
}

/// Checks the file and returns what to print.
pub fn validate(args: &ValidateArgs) -> Result<Verdict, Failure> {
    let file = &args.file;
    let (valid, problems) = check(file)?;
    let out = if args.json {
        serde_json::to_string(&json(file, valid, &problems))? + "\n"
    } else {
        people(file, valid, &problems)
    };
    Ok(Verdict {
        valid,
        page: Page {
            out,
            err: String::new(),
        },
    })
}

/// Whether the file can be used, and what is wrong or doubtful in it.
fn check(file: &Path) -> Result<(bool, Problems), Failure> {
    let unreadable = |cause| Failure::Unreadable {
        path: file.to_owned(),
        cause,
    };
    let problems = if file.extension() == Some(OsStr::new("toml")) {
        let text = text_of(file, MAX_BOOTSTRAP_BYTES).map_err(unreadable)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Problems::from(match config::bootstrap::read(&text) {
            Ok(bootstrap) => check_together(&bootstrap.rooted_in(folder)),
            Err(problems) => problems,
        })
    } else {
        let text = text_of(file, MAX_CONFIGURATION_BYTES).map_err(unreadable)?;
        config::examine(&text).1
    };
    Ok((problems.errors() == 0, problems))
}

/// A node.toml is right only together with the configuration that it names.
fn check_together(bootstrap: &Bootstrap) -> Vec<Problem> {
    let Some(file) = &bootstrap.configuration else {
        return Vec::new();
    };
    let problem = |severity, reason: String, next_step: String| Problem {
        severity,
        at: None,
        path: "configuration".to_owned(),
        value: Some(file.display().to_string()),
        reason,
        next_step,
    };
    match text_of(file, MAX_CONFIGURATION_BYTES).map(|text| config::examine(&text)) {
        Ok((Some(valid), _)) => bootstrap.check_against(&valid),
        Ok((None, problems)) => {
            let next = format!("see them with `tandem validate {}`", file.display());
            vec![problem(
                Severity::Error,
                format!("it is not valid: {}", counted(problems.errors(), "error")),
                next,
            )]
        }
        // A cluster that has a configuration already does not need the file.
        Err(error) => vec![problem(
            Severity::Warning,
            format!("it cannot be read: {error}"),
            "put the file there before the cluster's first start".to_owned(),
        )],
    }
}

/// What people read about a file.
pub(crate) fn people(file: &Path, valid: bool, problems: &Problems) -> String {
    let counts = [
        (problems.errors(), "error"),
        (problems.warnings(), "warning"),
    ];
    let counts: Vec<_> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| counted(count, word))
        .collect();
    let verdict = if valid { "is valid" } else { "is not valid" };
    let separator = if counts.is_empty() { "" } else { ": " };
    let mut text = format!(
        "{} {verdict}{separator}{}\n",
        file.display(),
        counts.join(", ")
    );
    let shown = problems.listed().iter().take(MOST_SHOWN);
    for (number, problem) in (1..).zip(shown) {
        entry(&mut text, number, problem);
    }
    let all = problems.errors() + problems.warnings();
    if let Some(more) = all.checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
        let _infallible = writeln!(
            text,
            "\n… and {more} more: mend these first, then validate again"
        );
    }
    text
}

/// One problem, as a numbered paragraph.
fn entry(text: &mut String, number: usize, problem: &Problem) {
    let _infallible = write!(text, "\n{number}. {}", severity(problem.severity));
    if let Some(at) = problem.at {
        let _infallible = write!(text, " in line {}, column {}", at.line, at.column);
    }
    let _infallible = write!(text, "\n   path:   {}", problem.path);
    if let Some(value) = &problem.value {
        let _infallible = write!(text, "\n   value:  {value}");
    }
    let _infallible = writeln!(
        text,
        "\n   reason: {}\n   next:   {}",
        problem.reason, problem.next_step
    );
}

/// `1 error`, `2 errors`.
fn counted(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The object that `--json` prints.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    file: String,
    valid: bool,
    /// How many there are, listed or not.
    errors: usize,
    warnings: usize,
    /// How many of both are not listed.
    unlisted: usize,
    problems: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    severity: &'static str,
    line: Option<u32>,
    column: Option<u32>,
    path: &'a str,
    value: Option<&'a str>,
    reason: &'a str,
    next_step: &'a str,
}

/// What programs read about a file.
pub(crate) fn json<'a>(file: &Path, valid: bool, problems: &'a Problems) -> Report<'a> {
    let entry = |problem: &'a Problem| Entry {
        severity: severity(problem.severity),
        line: problem.at.map(|at| at.line),
        column: problem.at.map(|at| at.column),
        path: &problem.path,
        value: problem.value.as_deref(),
        reason: &problem.reason,
        next_step: &problem.next_step,
    };
    Report {
        file: file.display().to_string(),
        valid,
        errors: problems.errors(),
        warnings: problems.warnings(),
        unlisted: problems.unlisted(),
        problems: problems.listed().iter().map(entry).collect(),
    }
}
