//! The fuzz targets with the stable compiler: each body on its committed seeds and on some thousand
//! changed copies of them, so that the targets go on compiling and their claims go on holding.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail where it stands"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a body is about one kind of packet"
)]
#![expect(unreachable_pub, reason = "the bodies are public for the targets")]

use std::path::Path;

#[path = "../fuzz/src/arp.rs"]
mod arp;
#[path = "../fuzz/src/heartbeat.rs"]
mod heartbeat;
#[path = "../fuzz/src/icmp_error.rs"]
mod icmp_error;
#[path = "../fuzz/src/mutation.rs"]
mod mutation;
#[path = "../fuzz/src/ndp.rs"]
mod ndp;
#[path = "../fuzz/src/packet.rs"]
mod packet;
#[path = "../fuzz/src/shared.rs"]
mod shared;
#[path = "../fuzz/src/vrrp.rs"]
mod vrrp;

const COUNT: usize = 20_000;

#[test]
fn frames_hold_their_claims_on_changed_seeds() {
    each_input("packet", packet::run);
}

#[test]
fn icmp_errors_hold_their_claims_on_changed_seeds() {
    each_input("icmp_error", icmp_error::run);
}

#[test]
fn advertisements_hold_their_claims_on_changed_seeds() {
    each_input("vrrp", vrrp::run);
}

#[test]
fn arp_packets_hold_their_claims_on_changed_seeds() {
    each_input("arp", arp::run);
}

#[test]
fn neighbor_messages_hold_their_claims_on_changed_seeds() {
    each_input("ndp", ndp::run);
}

#[test]
fn heartbeats_hold_their_claims_on_changed_seeds() {
    each_input("heartbeat", heartbeat::run);
}

fn each_input(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut seeds: Vec<_> = std::fs::read_dir(folder.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    let seeds: Vec<_> = seeds
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    let changed = mutation::mutations(&seeds, 1, COUNT);
    for input in seeds.iter().cloned().chain(changed) {
        run(&input);
    }
}
