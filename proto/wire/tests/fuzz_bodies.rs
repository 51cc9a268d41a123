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
    mutation::on_changed_seeds("packet", COUNT, packet::run);
}

#[test]
fn icmp_errors_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("icmp_error", COUNT, icmp_error::run);
}

#[test]
fn advertisements_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("vrrp", COUNT, vrrp::run);
}

#[test]
fn arp_packets_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("arp", COUNT, arp::run);
}

#[test]
fn neighbor_messages_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("ndp", COUNT, ndp::run);
}

#[test]
fn heartbeats_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("heartbeat", COUNT, heartbeat::run);
}
