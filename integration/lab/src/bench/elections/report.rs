//! The figures of the elections, for people and for machines.

use comfy_table::Table;
use serde_json::{Value, json};

use super::kill::Kill;
use super::{ElectionsArgs, Outcome};
use crate::bench::report::{Case, median, object};

/// What an election may take.
const BAR_MS: f64 = 1_000.0;

/// One kill in a line.
pub(super) fn line(number: u16, of: u16, kill: &Kill) -> String {
    let needed = if kill.needed_the_dead {
        " (nobody led before it was back)"
    } else {
        ""
    };
    format!(
        "kill {number} of {of}: {} died; another leader after {:.0} ms{needed}, a commit after {:.0} ms; back \
         in {:.0} ms",
        kill.killed, kill.election_ms, kill.first_commit_ms, kill.return_ms
    )
}

/// Prints everything; whether all is well.
pub(super) fn print(args: &ElectionsArgs, outcome: &Outcome) -> bool {
    println!("\n{}", table(outcome));
    match &outcome.history {
        Ok(summary) => println!(
            "the history is explained: {} commits acknowledged, {} told to be stale, {} without an answer (of \
             which {} were seen to be done), {} surely not done, {} reads, up to revision {}",
            summary.committed,
            summary.stale,
            summary.unknown,
            summary.unknown_done,
            outcome.not_done,
            summary.reads,
            summary.last_revision
        ),
        Err(violation) => println!("the history is NOT explained: {violation}"),
    }
    println!(
        "{} sessions opened; {:.0} s in all",
        outcome.sessions, outcome.seconds
    );
    let cases = cases(args, outcome);
    for case in &cases {
        let word = if case.pass == Some(true) {
            "passed"
        } else {
            "MISSED"
        };
        println!("{}: {} {word}", case.name, case.bar);
    }
    if args.json {
        let timeout = f64::from(args.election_timeout);
        let ceiling = json!({
            "soonest_ms": 3.0 * timeout, "latest_ms": 4.0 * timeout,
            "meaning": "when the timers alone let a survivor stand for election after the leader's last sign \
                of life, which is up to half a timeout before its death",
        });
        println!("{}", object("elections", "ms", &cases, &ceiling));
    }
    cases.iter().all(|case| case.pass == Some(true))
}

fn table(outcome: &Outcome) -> Table {
    let mut table = Table::new();
    table.set_header(["since the SIGKILL", "best", "median", "p90", "worst"]);
    for (name, figures) in [
        ("the other node leads", elections(&outcome.kills)),
        ("it acknowledges a commit", first_commits(&outcome.kills)),
        (
            "both nodes ready (since the new start)",
            returns(&outcome.kills),
        ),
    ] {
        let shown = |figure: Option<f64>| {
            figure.map_or_else(String::new, |figure| format!("{figure:.0} ms"))
        };
        table.add_row([
            name.to_owned(),
            shown(quantile(&figures, 0)),
            shown(median(&figures)),
            shown(quantile(&figures, 90)),
            shown(quantile(&figures, 100)),
        ]);
    }
    table
}

fn cases(args: &ElectionsArgs, outcome: &Outcome) -> [Case; 2] {
    let explained = outcome.history.is_ok();
    let summary = outcome.history.unwrap_or_default();
    [
        election(args, outcome),
        Case {
            name: "history of commits".to_owned(),
            ours: Some(if explained { 0.0 } else { 1.0 }),
            peer: None,
            peer_name: "none".to_owned(),
            ratio: None,
            bar: "linearizable, and nothing acknowledged is lost".to_owned(),
            pass: Some(explained),
            details: json!({
                "unit": "violations",
                "violation": outcome.history.err().map(|violation| violation.to_string()),
                "committed": summary.committed, "stale": summary.stale, "unknown": summary.unknown,
                "unknown_done": summary.unknown_done, "not_done": outcome.not_done,
                "reads": summary.reads, "last_revision": summary.last_revision,
                "sessions": outcome.sessions,
            }),
        },
    ]
}

/// The worst of them counts.
fn election(args: &ElectionsArgs, outcome: &Outcome) -> Case {
    let figures = elections(&outcome.kills);
    let worst = quantile(&figures, 100);
    let needed_the_dead = outcome.kills.iter().filter(|kill| kill.needed_the_dead);
    Case {
        name: format!(
            "election, {} kills at {} ms timeouts",
            args.kills, args.election_timeout
        ),
        ours: worst,
        peer: None,
        peer_name: "none".to_owned(),
        ratio: worst.map(|worst| worst / BAR_MS),
        bar: format!("ours < {BAR_MS} ms"),
        pass: Some(worst.is_some_and(|worst| worst < BAR_MS)),
        details: json!({
            "statistic": "worst",
            "election": statistics(&figures),
            "first_commit": statistics(&first_commits(&outcome.kills)),
            "return": statistics(&returns(&outcome.kills)),
            "needed_the_dead": needed_the_dead.count(),
            "clients": args.clients,
            "seconds": outcome.seconds,
            "kills": outcome.kills,
        }),
    }
}

fn statistics(figures: &[f64]) -> Value {
    json!({
        "best_ms": quantile(figures, 0), "median_ms": median(figures),
        "p90_ms": quantile(figures, 90), "worst_ms": quantile(figures, 100),
    })
}

fn elections(kills: &[Kill]) -> Vec<f64> {
    kills.iter().map(|kill| kill.election_ms).collect()
}

fn first_commits(kills: &[Kill]) -> Vec<f64> {
    kills.iter().map(|kill| kill.first_commit_ms).collect()
}

fn returns(kills: &[Kill]) -> Vec<f64> {
    kills.iter().map(|kill| kill.return_ms).collect()
}

/// The figure that so many of a hundred do not exceed.
fn quantile(figures: &[f64], percent: usize) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last * percent).div_ceil(100)).copied()
}

#[cfg(test)]
mod tests {
    use history::Summary;

    use super::*;

    #[test]
    fn quantiles_are_figures_that_were_measured() {
        let figures: Vec<_> = (1..=10).rev().map(f64::from).collect();
        assert_eq!(quantile(&figures, 0), Some(1.0));
        assert_eq!(quantile(&figures, 90), Some(10.0));
        assert_eq!(quantile(&figures, 50), Some(6.0));
        assert_eq!(quantile(&figures, 100), Some(10.0));
        assert_eq!(quantile(&[], 50), None);
    }

    #[test]
    fn one_slow_election_misses_the_bar() {
        let kill = |election_ms| Kill {
            killed: "a",
            election_ms,
            first_commit_ms: 1_200.0,
            needed_the_dead: false,
            return_ms: 2_000.0,
        };
        let args = ElectionsArgs {
            kills: 2,
            clients: 2,
            election_timeout: 150,
            json: true,
        };
        let case = |kills: &[f64]| {
            let outcome = Outcome {
                kills: kills.iter().copied().map(kill).collect(),
                history: Ok(Summary::default()),
                not_done: 0,
                sessions: 0,
                seconds: 1.0,
            };
            election(&args, &outcome)
        };
        assert_eq!(case(&[200.0, 999.9]).pass, Some(true));
        assert_eq!(case(&[200.0, 1_000.0]).pass, Some(false));
        assert_eq!(case(&[]).pass, Some(false));
    }
}
