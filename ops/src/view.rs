//! Replies made from what other crates keep: the one place that gives records their printed form.

mod session;

use proto::ops::{Drop as DropLine, DropsReply, Neighbor, NeighborsReply};
use types::{DropReason, Giid, NeighborRecord};

pub use session::{InvalidFilter, SessionFilter, sessions};

/// Drop counters as a reply, every reason in the order it came.
pub fn drops(counts: impl IntoIterator<Item = (DropReason, u64)>) -> DropsReply {
    let line = |(reason, count): (DropReason, u64)| DropLine {
        reason: reason.as_str().to_owned(),
        count,
        help: reason.help().to_owned(),
    };
    DropsReply {
        drops: counts.into_iter().map(line).collect(),
        ..DropsReply::default()
    }
}

/// Neighbours as a reply, by interface and address. `name` gives an interface's operator name.
pub fn neighbors(
    records: impl IntoIterator<Item = NeighborRecord>,
    name: impl Fn(Giid) -> String,
) -> NeighborsReply {
    let mut records: Vec<_> = records.into_iter().collect();
    records.sort_unstable();
    let line = |record: NeighborRecord| Neighbor {
        interface: name(record.interface),
        ip: record.ip.to_string(),
        mac: record.mac.to_string(),
    };
    NeighborsReply {
        neighbors: records.into_iter().map(line).collect(),
        ..NeighborsReply::default()
    }
}

#[cfg(test)]
mod tests {
    use types::{DropCounters, MacAddr};

    use super::*;

    #[test]
    fn every_drop_reason_is_listed_with_its_help() {
        let counters = DropCounters::default();
        counters.count(DropReason::NoRoute);
        let reply = drops(counters.iter());
        assert_eq!(reply.drops.len(), DropReason::ALL.len());
        let counted: Vec<_> = reply.drops.iter().filter(|line| line.count > 0).collect();
        assert!(
            matches!(counted.as_slice(), [line] if line.reason == "no-route" && line.help == DropReason::NoRoute.help()),
            "{counted:?}"
        );
    }

    #[test]
    fn neighbors_are_sorted_by_interface_and_address() {
        let record = |interface, ip: &str| NeighborRecord {
            interface: Giid(interface),
            ip: ip.parse().unwrap(),
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
        };
        let reply = neighbors(
            [
                record(2, "192.0.2.9"),
                record(1, "198.51.100.1"),
                record(2, "192.0.2.1"),
            ],
            |giid| format!("if{giid}"),
        );
        let lines: Vec<_> = reply
            .neighbors
            .iter()
            .map(|line| (line.interface.as_str(), line.ip.as_str()))
            .collect();
        assert_eq!(
            lines,
            [
                ("if1", "198.51.100.1"),
                ("if2", "192.0.2.1"),
                ("if2", "192.0.2.9")
            ]
        );
    }
}
