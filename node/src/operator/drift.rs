//! `show ha drift`: this node's own figures, then the peer's last words.

use std::time::Duration;

use ::ha::drift::Equality;
use ::ha::report::{Direction, DriftFigures};
use proto::ops::{DriftRepairs, HaDriftReply, ReplicationDirection, TableComparison};
use types::{DIGEST_SHARDS, Instant};

use super::Desk;
use super::ha::millis;

impl Desk {
    pub(super) fn answer_drift(&self) -> HaDriftReply {
        let status = self.drift.borrow().clone();
        let here = self.site.node.as_str();
        let mut reply = HaDriftReply::default();
        if let Some(at) = status.at {
            let tables = "programmed with agreed".to_owned();
            let differing = Some(status.figures.sessions_differing);
            let equality = status.figures.equality;
            reply
                .comparisons
                .push(self.comparison((here, tables), &equality, differing, at));
            let ways = [
                ("to-cluster", &status.outbound),
                ("from-cluster", &status.inbound),
            ];
            reply.directions.extend(directions(here, ways));
            reply.repairs.push(repairs(here, &status.figures));
        }
        if let Some(peer) = status.of(self.site.peer().as_ref()) {
            let name = peer.peer.name.as_str();
            let tables = format!("programmed on {name} with agreed here");
            reply
                .comparisons
                .push(self.comparison((here, tables), &peer.equality, None, peer.at));
            let report = &peer.report;
            let tables = "programmed with agreed".to_owned();
            let differing = Some(report.drift.sessions_differing);
            let equality = report.drift.equality;
            reply
                .comparisons
                .push(self.comparison((name, tables), &equality, differing, peer.at));
            let ways = [
                ("to-cluster", &report.outbound),
                ("from-cluster", &report.inbound),
            ];
            reply.directions.extend(directions(name, ways));
            reply.repairs.push(repairs(name, &report.drift));
        }
        reply
    }

    fn comparison(
        &self,
        (by, tables): (&str, String),
        equality: &Equality,
        sessions_differing: Option<u64>,
        looked_at: Instant,
    ) -> TableComparison {
        let verified = |ago: Duration| {
            let looked = self.clock.unix_nanos(looked_at) / 1_000_000;
            looked.saturating_sub(millis(ago))
        };
        TableComparison {
            by: by.to_owned(),
            tables,
            shards: u32::try_from(DIGEST_SHARDS).unwrap_or(u32::MAX),
            equal: equality.equal,
            moving: equality.moving,
            different: equality.different,
            sessions_differing,
            verified_unix_ms: equality.verified_ago.map(verified),
        }
    }
}

fn directions<'a>(
    node: &'a str,
    ways: [(&'a str, &'a Direction); 2],
) -> impl Iterator<Item = ReplicationDirection> + 'a {
    ways.into_iter()
        .map(move |(way, figures)| ReplicationDirection {
            node: node.to_owned(),
            way: way.to_owned(),
            lag_ms: millis(figures.lag.now),
            lag_p99_ms: millis(figures.lag.p99),
            lag_worst_ms: millis(figures.lag.worst),
            pending: figures.pending,
            refused: figures.refused,
            resyncs: figures.resyncs,
        })
}

fn repairs(node: &str, figures: &DriftFigures) -> DriftRepairs {
    let DriftFigures {
        found, repaired, ..
    } = figures;
    DriftRepairs {
        node: node.to_owned(),
        missing: found.missing,
        older: found.older,
        newer: found.newer,
        unknown: found.unknown,
        installed: repaired.installed,
        removed: repaired.removed,
        told_again: repaired.told_again,
        ended_again: repaired.ended_again,
        full: repaired.full,
    }
}
