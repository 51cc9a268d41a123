//! What every benchmark says to machines, and on which machine it ran.

use serde::Serialize;
use serde_json::{Value, json};

/// One comparison.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Case {
    #[serde(rename = "case")]
    pub(super) name: String,
    /// `None` when only the peer was measured.
    pub(super) ours: Option<f64>,
    pub(super) peer: Option<f64>,
    pub(super) peer_name: String,
    /// Ours divided by the peer's.
    pub(super) ratio: Option<f64>,
    pub(super) bar: String,
    /// `None` when one side was not measured, and so nothing was compared.
    pub(super) pass: Option<bool>,
    /// Figures beside the compared ones.
    pub(super) details: Value,
}

/// The object of a benchmark.
pub(super) fn object(bench: &str, unit: &str, cases: &[Case], ceiling: &Value) -> Value {
    json!({
        "bench": bench, "unit": unit, "cases": cases, "machine": machine(), "ceiling": ceiling,
        "pass": cases.iter().map(|case| case.pass).collect::<Option<Vec<_>>>().map(|all| all.iter().all(|pass| *pass)),
    })
}

/// The machine, as far as its figures depend on it.
fn machine() -> Value {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    // The process itself may be tied to fewer.
    let cores = processors
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    json!({ "cores": cores, "cpu": model, "kernel": read("/proc/sys/kernel/osrelease").trim() })
}

/// The middle one, or the mean of the two middle ones; `None` of nothing.
pub(super) fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2).copied()?;
    let lower = sorted.get((sorted.len() - 1) / 2).copied()?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
