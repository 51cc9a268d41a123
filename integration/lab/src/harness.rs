//! A main for tests that need the laboratory: `harness = false`, and libtest's words.
//!
//! The standard harness starts threads before any test runs, and a process with threads gets no user
//! namespace. This one enters the sandbox first, runs its cases one after the other and prints what
//! cargo and its friends expect.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::sandbox::{self, Place, Sandbox};

/// A test: it fails by an error or by a panic.
pub type Case = fn(&Sandbox) -> anyhow::Result<()>;

/// A case that has not ended by then hangs; so would the rest of the run.
const PATIENCE: Duration = Duration::from_mins(3);

/// libtest's exit code for failed tests.
const FAILED: u8 = 101;

/// What libtest's command line asks for, as far as one by one execution can obey it.
#[derive(Debug, Default, Eq, PartialEq)]
struct Request {
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    list: bool,
    ignored_only: bool,
}

/// Runs the chosen `cases` inside a sandbox; to be called first in `main`.
pub fn main(cases: &'static [(&'static str, Case)]) -> ExitCode {
    let request = Request::parse(std::env::args().skip(1));
    if request.list {
        for (name, _) in chosen(cases, &request) {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    match sandbox::enter() {
        Ok(Place::Outside(code)) => code,
        Ok(Place::Inside(sandbox)) => run(cases, &request, &Arc::new(sandbox)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn chosen<'a>(
    cases: &'a [(&'static str, Case)],
    request: &'a Request,
) -> impl Iterator<Item = &'a (&'static str, Case)> {
    cases.iter().filter(|(name, _)| request.chooses(name))
}

fn run(
    cases: &'static [(&'static str, Case)],
    request: &Request,
    sandbox: &Arc<Sandbox>,
) -> ExitCode {
    let chosen: Vec<_> = chosen(cases, request).collect();
    println!("\nrunning {} tests", chosen.len());
    let mut failures = Vec::new();
    for (name, case) in &chosen {
        // One flush a test: who watches a hanging run sees which one it is.
        match run_case(*case, sandbox) {
            Ok(()) => println!("test {name} ... ok"),
            Err(why) => {
                println!("test {name} ... FAILED");
                failures.push((name, why));
            }
        }
    }
    for (name, why) in &failures {
        println!("\n---- {name} ----\n{why}");
    }
    let word = if failures.is_empty() { "ok" } else { "FAILED" };
    let passed = chosen.len() - failures.len();
    let out = cases.len() - chosen.len();
    println!(
        "\ntest result: {word}. {passed} passed; {} failed; 0 ignored; 0 measured; {out} filtered out\n",
        failures.len()
    );
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

/// Runs one case on a thread of its own, which a hanging case keeps.
fn run_case(case: Case, sandbox: &Arc<Sandbox>) -> Result<(), String> {
    let (done, ended) = sync_channel(1);
    let sandbox = Arc::clone(sandbox);
    std::thread::spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| case(&sandbox)));
        // After the deadline nobody waits for it.
        let _unheard = done.send(match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("{error:?}")),
            Err(payload) => Err(panic_text(payload.as_ref())),
        });
    });
    ended
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|why| match why {
            RecvTimeoutError::Timeout => Err(format!("still running after {PATIENCE:?}")),
            RecvTimeoutError::Disconnected => Err("its thread vanished".to_owned()),
        })
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panicked without a message".to_owned())
}

impl Request {
    fn parse(arguments: impl Iterator<Item = String>) -> Self {
        let mut request = Self::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => request.exact = true,
                "--list" => request.list = true,
                "--ignored" => request.ignored_only = true,
                "--skip" => request.skips.extend(arguments.next()),
                "--test-threads" | "--format" | "--color" | "-Z" | "--logfile" => {
                    // Options with a value that changes nothing here.
                    arguments.next();
                }
                option if option.starts_with('-') => {}
                filter => request.filters.push(filter.to_owned()),
            }
        }
        request
    }

    fn chooses(&self, name: &str) -> bool {
        let matches = |pattern: &String| {
            if self.exact {
                name == pattern
            } else {
                name.contains(pattern.as_str())
            }
        };
        let wanted = self.filters.is_empty() || self.filters.iter().any(matches);
        // No case is ever ignored.
        wanted && !self.ignored_only && !self.skips.iter().any(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(arguments: &[&str]) -> Request {
        Request::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn a_filter_chooses_by_part_of_the_name_and_skip_refuses() {
        let request = request(&["--test-threads", "1", "link", "--skip", "slow"]);
        assert!(request.chooses("a_link_is_cut"));
        assert!(!request.chooses("a_slow_link"));
        assert!(!request.chooses("tcp"));
    }

    #[test]
    fn exact_wants_the_whole_name() {
        let request = request(&["--exact", "link"]);
        assert!(request.chooses("link"));
        assert!(!request.chooses("a_link_is_cut"));
    }
}
