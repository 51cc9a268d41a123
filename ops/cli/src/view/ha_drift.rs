//! `show ha drift`: equality, lateness, repairs.

use proto::ops::{DriftRepairs, HaDriftReply, ReplicationDirection, TableComparison};

use crate::render::{Table, moment, or_unknown, span};
use crate::view::{Look, View};

impl View for HaDriftReply {
    fn body(&self, look: Look) -> String {
        let titles = [
            "Compared by",
            "Tables",
            "Shards",
            "Equal",
            "In motion",
            "Different",
            "Sessions differing",
            "Last verified",
        ];
        let rows = self.comparisons.iter().map(comparison);
        let comparisons = Table::with_rows(titles, rows).render(look.rows);

        let titles = [
            "Node",
            "Way",
            "Lag",
            "Lag p99",
            "Worst lag",
            "Pending",
            "Refused",
            "Resyncs",
        ];
        let rows = self.directions.iter().map(direction);
        let directions = Table::with_rows(titles, rows).render(look.rows);

        let titles = [
            "Node",
            "Missing",
            "Older",
            "Newer",
            "Unknown",
            "Installed",
            "Removed",
            "Told again",
            "Ended again",
            "No room",
        ];
        let rows = self.repairs.iter().map(repairs);
        let repairs = Table::with_rows(titles, rows).render(look.rows);
        format!(
            "{comparisons}\nReplication\n{directions}\nSessions found to differ, and what became of \
             them\n{repairs}"
        )
    }
}

fn comparison(row: &TableComparison) -> [String; 8] {
    [
        row.by.clone(),
        row.tables.clone(),
        row.shards.to_string(),
        row.equal.to_string(),
        row.moving.to_string(),
        row.different.to_string(),
        or_unknown(row.sessions_differing),
        or_unknown(row.verified_unix_ms.map(moment)),
    ]
}

fn direction(row: &ReplicationDirection) -> [String; 8] {
    [
        row.node.clone(),
        row.way.clone(),
        span(row.lag_ms),
        span(row.lag_p99_ms),
        span(row.lag_worst_ms),
        row.pending.to_string(),
        row.refused.to_string(),
        row.resyncs.to_string(),
    ]
}

fn repairs(row: &DriftRepairs) -> [String; 10] {
    [
        row.node.clone(),
        row.missing.to_string(),
        row.older.to_string(),
        row.newer.to_string(),
        row.unknown.to_string(),
        row.installed.to_string(),
        row.removed.to_string(),
        row.told_again.to_string(),
        row.ended_again.to_string(),
        row.full.to_string(),
    ]
}
