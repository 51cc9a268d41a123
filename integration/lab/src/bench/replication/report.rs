//! The figures in words, and as cases with bars.

use comfy_table::Table;
use serde_json::json;

use super::super::report::{Case, object};
use super::conntrackd::{self, PeerStep};
use super::ours::{BAR_LAG_MS, Full, Step};
use super::{Figures, ReplicationArgs};

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

/// The highest rate that held.
fn best(figures: &Figures) -> Option<&Step> {
    let held = figures.steps.iter().filter(|step| step.holds);
    held.max_by_key(|step| step.offered_per_second)
}

/// The highest rate that the peer held, in whichever way it holds more.
fn best_peer(figures: &Figures) -> Option<&PeerStep> {
    let held = figures.peer.iter().filter(|step| step.holds);
    held.max_by_key(|step| step.offered_per_second)
}

/// Prints everything; whether every bar is met.
pub(super) fn tell(args: &ReplicationArgs, figures: &Figures) -> bool {
    println!("\n{}", table(figures));
    if !figures.peer.is_empty() {
        println!("{}", peer_table(figures));
    }
    let cases = cases(figures);
    for case in &cases {
        let word = if case.pass == Some(true) {
            "passed"
        } else {
            "MISSED"
        };
        let figure = case
            .ours
            .map_or_else(String::new, |ours| format!("{ours:.1} "));
        println!("{}: {figure}({}) {word}", case.name, case.bar);
        if let (Some(peer), Some(ratio)) = (case.peer, case.ratio) {
            println!("  {}: {peer:.0}, ratio {ratio:.2}", case.peer_name);
        }
    }
    if args.json {
        let ceiling = json!({ "steps": figures.steps, "peer_steps": figures.peer });
        println!(
            "{}",
            object("replication", "see each case", &cases, &ceiling)
        );
    }
    cases.iter().all(|case| case.pass == Some(true))
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

fn peer_table(figures: &Figures) -> Table {
    let mut table = Table::new();
    table.set_header([conntrackd::NAME, "offered", "created", "held after 1 s", ""]);
    for step in &figures.peer {
        table.add_row([
            step.keeps.words().to_owned(),
            format!("{}/s", step.offered_per_second),
            format!("{:.0}/s", step.created_per_second),
            format!("{} of {}", step.held_after_a_second, step.created),
            if step.holds { "holds" } else { "does not hold" }.to_owned(),
        ]);
    }
    table
}

fn cases(figures: &Figures) -> Vec<Case> {
    let best = best(figures);
    let mut cases = Vec::new();
    if !figures.steps.is_empty() {
        cases.push(rate(figures, best));
        let witness = best.map_or(f64::INFINITY, |step| step.witness_kbit_per_second);
        cases.push(ours(
            "kbit/s of the witness beside the highest rate",
            (witness, BAR_WITNESS_KBIT),
            true,
            json!({}),
        ));
    }
    cases.extend(figures.full.iter().flat_map(full));
    cases
}

fn rate(figures: &Figures, best: Option<&Step>) -> Case {
    let ours = best.map_or(0.0, |step| step.created_per_second);
    let peer = best_peer(figures).map(|step| step.created_per_second);
    Case {
        name: "sessions/s that the standby holds 1 s later".to_owned(),
        ours: Some(ours),
        peer,
        peer_name: best_peer(figures).map_or_else(
            || conntrackd::NAME.to_owned(),
            |step| format!("{}, {}", conntrackd::NAME, step.keeps.words()),
        ),
        ratio: peer.map(|peer| ours / peer),
        bar: format!("ours >= {BAR_RATE}, lag p99 < {BAR_LAG_MS} ms"),
        pass: Some(ours >= BAR_RATE),
        details: json!({ "unit": "sessions/s", "best": best }),
    }
}

fn full(full: &Full) -> [Case; 3] {
    let [active, standby] = full.bytes_a_session;
    [
        ours(
            &format!(
                "seconds until a standby with nothing holds {} sessions",
                full.sessions
            ),
            (full.resync_seconds, BAR_RESYNC_S),
            full.equal,
            json!({
                "new_per_second": full.new_per_second,
                "packets_per_second": full.packets_per_second,
                "dropped": full.dropped,
                "reasons": full.reasons,
                "longest_wait_ms": full.longest_wait_ms,
                "tables_equal": full.equal,
            }),
        ),
        ours(
            "bytes of memory for each replicated session, on the node that needs more",
            (active.max(standby), BAR_BYTES),
            true,
            json!({ "active": active, "standby": standby }),
        ),
        ours(
            "MiB of memory of the witness",
            (full.witness_mib, BAR_WITNESS_MIB),
            true,
            json!({}),
        ),
    ]
}

/// A figure of ours alone, which must stay below its bar.
fn ours(name: &str, (ours, bar): (f64, f64), otherwise: bool, details: serde_json::Value) -> Case {
    Case {
        name: name.to_owned(),
        ours: Some(ours),
        peer: None,
        peer_name: "none".to_owned(),
        ratio: Some(ours / bar),
        bar: format!("ours < {bar}"),
        pass: Some(otherwise && ours < bar),
        details,
    }
}
