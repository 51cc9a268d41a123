//! Bounds of what may be tuned, and on which member.

use std::time::Duration;

use config::bootstrap::StoreChoice;

use crate::sample::{SAMPLE, fails, good, with, witness};

#[test]
fn how_far_the_farthest_member_is_has_bounds() {
    let rtt = |value: &str| with("port =", &format!("rtt-ms = {value}\nport ="));
    assert_eq!(good(SAMPLE).rtt_ms, 0);
    assert_eq!(good(&rtt("100")).rtt_ms, 100);
    for (value, reason) in [
        ("-1", "outside 0–500"),
        ("501", "outside 0–500"),
        ("\"far\"", "not a whole number"),
    ] {
        fails(&rtt(value), &[("rtt-ms", reason)]);
    }
}

#[test]
fn a_replication_queue_has_bounds_and_is_a_node_s() {
    let queue = |value: &str| with("port =", &format!("replication-queue = {value}\nport ="));
    assert_eq!(good(SAMPLE).replication_queue, None);
    assert_eq!(good(&queue("100")).replication_queue, Some(100));
    for (value, reason) in [
        ("99", "outside 100–10000000"),
        ("10000001", "outside 100–10000000"),
        ("\"many\"", "not a whole number"),
    ] {
        fails(&queue(value), &[("replication-queue", reason)]);
    }
}

#[test]
fn the_store_is_one_of_two_on_every_member() {
    let store =
        |text: &str, value: &str| text.replace("data-dir", &format!("store = {value}\ndata-dir"));
    for text in [SAMPLE.to_owned(), witness()] {
        assert_eq!(good(&text).store, StoreChoice::Sled);
        assert_eq!(good(&store(&text, "\"sled\"")).store, StoreChoice::Sled);
        assert_eq!(good(&store(&text, "\"redb\"")).store, StoreChoice::Redb);
        fails(
            &store(&text, "\"paper\""),
            &[("store", "none of the choices")],
        );
    }
}

#[test]
fn an_election_timeout_has_bounds_and_is_every_member_s() {
    let timeout = |value: &str| with("port =", &format!("election-timeout-ms = {value}\nport ="));
    assert_eq!(good(SAMPLE).election_timeout, None);
    for (value, milliseconds) in [("100", 100), ("150", 150), ("10000", 10_000)] {
        let read = good(&timeout(value)).election_timeout;
        assert_eq!(read, Some(Duration::from_millis(milliseconds)));
    }
    for (value, reason) in [
        ("99", "outside 100–10000"),
        ("10001", "outside 100–10000"),
        ("\"150ms\"", "not a whole number"),
    ] {
        fails(&timeout(value), &[("election-timeout-ms", reason)]);
    }
    let witness = "cluster = \"west\"\nrouter = \"pair\"\nnode = \"w\"\ninsecure-lab = true\n\
                   data-directory = \"/var/lib/tandem\"\nelection-timeout-ms = 150\n\
                   [[member]]\nid = 3\nname = \"w\"\nkind = \"witness\"\n\
                   addresses = [\"198.18.0.3:7400\"]\n";
    let read = good(witness).election_timeout;
    assert_eq!(read, Some(Duration::from_millis(150)));
}
