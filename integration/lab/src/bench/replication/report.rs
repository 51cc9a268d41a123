//! The figures in words, and as cases with bars.

use comfy_table::Table;
use serde_json::json;

use super::super::report::{Case, object};
use super::ReplicationArgs;
use super::ours::{BAR_LAG_MS, Full, Step};

/// Sessions a second that the standby must keep up with.
const BAR_RATE: f64 = 100_000.0;
/// For a full table to reach a standby that begins with nothing.
const BAR_RESYNC_S: f64 = 20.0;
/// Memory of a replicated session on each node.
const BAR_BYTES: f64 = 512.0;
/// Memory of the witness.
const BAR_WITNESS_MIB: f64 = 20.0;
/// What the witness sends and gets beside sessions at the highest rate.
const BAR_WITNESS_KBIT: f64 = 50.0;

/// Everything that was measured.
pub(super) struct Figures {
    pub(super) steps: Vec<Step>,
    pub(super) full: Full,
}

impl Figures {
    /// The highest rate that held.
    fn best(&self) -> Option<&Step> {
        self.steps
            .iter()
            .filter(|step| step.holds)
            .max_by_key(|step| step.offered_per_second)
    }
}

/// Prints everything; whether every bar is met.
pub(super) fn tell(args: &ReplicationArgs, figures: &Figures) -> bool {
    println!("\n{}", table(figures));
    let cases = cases(figures);
    for case in &cases {
        let word = if case.pass { "passed" } else { "MISSED" };
        println!("{}: {:.1} ({}) {word}", case.name, case.ours, case.bar);
    }
    if args.json {
        let ceiling = json!({ "steps": figures.steps });
        println!("{}", object("replication", "see each case", &cases, &ceiling));
    }
    cases.iter().all(|case| case.pass)
}

fn table(figures: &Figures) -> Table {
    let mut table = Table::new();
    table.set_header([
        "offered",
        "created",
        "held after 1 s",
        "lag p50",
        "lag p99",
        "lag worst",
        "processor time a session",
        "witness",
        "",
    ]);
    for step in &figures.steps {
        let [active, standby, witness] = step.processor_us;
        table.add_row([
            format!("{}/s", step.offered_per_second),
            format!("{:.0}/s", step.created_per_second),
            format!("{} of {}", step.held_after_a_second, step.created),
            format!("{:.1} ms", step.lag.p50_ms),
            format!("{:.1} ms", step.lag.p99_ms),
            format!("{:.1} ms", step.lag.worst_ms),
            format!("{active:.1} + {standby:.1} + {witness:.2} us"),
            format!("{:.0} kbit/s", step.witness_kbit_per_second),
            if step.holds { "holds" } else { "does not hold" }.to_owned(),
        ]);
    }
    table
}

fn cases(figures: &Figures) -> Vec<Case> {
    let full = &figures.full;
    let best = figures.best();
    let rate = best.map_or(0.0, |step| step.created_per_second);
    let [active, standby] = full.bytes_a_session;
    let memory = active.max(standby);
    let witness = best.map_or(f64::NAN, |step| step.witness_kbit_per_second);
    let ours = |name: String, ours: f64, bar: f64, bar_text: String, pass: bool, details| Case {
        name,
        ours,
        peer: None,
        peer_name: "none".to_owned(),
        ratio: Some(ours / bar),
        bar: bar_text,
        pass,
        details,
    };
    vec![
        ours(
            "sessions/s that the standby holds 1 s later".to_owned(),
            rate,
            BAR_RATE,
            format!("ours >= {BAR_RATE}, lag p99 < {BAR_LAG_MS} ms"),
            rate >= 0.97 * BAR_RATE,
            json!({ "best": best }),
        ),
        ours(
            format!("seconds until a standby without anything holds {} sessions", full.sessions),
            full.resync_seconds,
            BAR_RESYNC_S,
            format!("ours < {BAR_RESYNC_S}"),
            full.resync_seconds < BAR_RESYNC_S && full.equal,
            json!({
                "new_per_second": full.new_per_second,
                "packets_per_second": full.packets_per_second,
                "longest_wait_ms": full.longest_wait_ms,
                "tables_equal": full.equal,
            }),
        ),
        ours(
            "bytes of memory for each replicated session, on the node that needs more".to_owned(),
            memory,
            BAR_BYTES,
            format!("ours < {BAR_BYTES}"),
            memory < BAR_BYTES,
            json!({ "active": active, "standby": standby }),
        ),
        ours(
            "MiB of the witness".to_owned(),
            full.witness_mib,
            BAR_WITNESS_MIB,
            format!("ours < {BAR_WITNESS_MIB}"),
            full.witness_mib < BAR_WITNESS_MIB,
            json!({}),
        ),
        ours(
            "kbit/s of the witness beside the highest rate".to_owned(),
            witness,
            BAR_WITNESS_KBIT,
            format!("ours < {BAR_WITNESS_KBIT}"),
            witness < BAR_WITNESS_KBIT,
            json!({}),
        ),
    ]
}
