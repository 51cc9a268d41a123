//! `tandem validate FILE`: every problem at once, numbered, each with its path, value and reason.

use core::fmt::Write as _;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use config::{Bootstrap, Problem, Severity};
use serde::Serialize;

use crate::args::ValidateArgs;
use crate::failure::{EXIT_COMMAND, Failure};
use crate::show::{Page, print};

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
    printed.unwrap_or_else(|failure| failure.report())
}

/// Checks the file and returns what to print.
pub fn validate(args: &ValidateArgs) -> Result<Verdict, Failure> {
    let path = || args.file.clone();
    let bytes = std::fs::read(&args.file).map_err(|cause| Failure::Unreadable {
        path: path(),
        cause,
    })?;
    let text = String::from_utf8(bytes).map_err(|cause| Failure::Unreadable {
        path: path(),
        cause: std::io::Error::new(std::io::ErrorKind::InvalidData, cause),
    })?;
    let (valid, problems) = check(&args.file, &text);
    let out = if args.json {
        serde_json::to_string(&json(&args.file, valid, &problems))? + "\n"
    } else {
        people(&args.file, valid, &problems)
    };
    Ok(Verdict {
        valid,
        page: Page {
            out,
            err: String::new(),
        },
    })
}

/// Whether the text can be used, and what is wrong or doubtful in it.
fn check(file: &Path, text: &str) -> (bool, Vec<Problem>) {
    let problems = if file.extension() == Some(OsStr::new("toml")) {
        let folder = file.parent().unwrap_or(Path::new(""));
        match config::bootstrap::read(text) {
            Ok(bootstrap) => check_together(&bootstrap.rooted_in(folder)),
            Err(problems) => problems,
        }
    } else {
        config::check(text).map_or_else(|problems| problems, |valid| valid.warnings().to_vec())
    };
    (
        !problems
            .iter()
            .any(|problem| problem.severity == Severity::Error),
        problems,
    )
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
    match std::fs::read_to_string(file).map(|text| config::check(&text)) {
        Ok(Ok(valid)) => bootstrap.check_against(&valid),
        Ok(Err(problems)) => {
            let errors = problems
                .iter()
                .filter(|found| found.severity == Severity::Error)
                .count();
            let next = format!("see them with `tandem validate {}`", file.display());
            vec![problem(
                Severity::Error,
                format!("it is not valid: {}", counted(errors, "error")),
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

fn people(file: &Path, valid: bool, problems: &[Problem]) -> String {
    let count = |severity| {
        problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    };
    let counts = [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
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
    for (number, problem) in (1..).zip(problems) {
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
    text
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
struct Report<'a> {
    file: String,
    valid: bool,
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

fn json<'a>(file: &Path, valid: bool, problems: &'a [Problem]) -> Report<'a> {
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
        problems: problems.iter().map(entry).collect(),
    }
}
