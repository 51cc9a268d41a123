//! The fuzz targets with the stable compiler: each body on its committed seeds and on some thousand
//! changed copies of them, so that the targets go on compiling and their claims go on holding.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail where it stands"
)]
#![expect(unreachable_pub, reason = "the bodies are public for the targets")]

mod bad;
#[path = "../fuzz/src/hellos.rs"]
mod hellos;
#[path = "../fuzz/src/input.rs"]
mod input;
#[path = "../fuzz/src/members.rs"]
mod members;
mod memory;
#[path = "../../proto/wire/fuzz/src/mutation.rs"]
mod mutation;
#[path = "../../node/src/notice.rs"]
#[expect(dead_code, reason = "a node also sends them")]
mod notice;
#[path = "../fuzz/src/notices.rs"]
mod notices;
#[path = "../fuzz/src/rpc.rs"]
mod rpc;
#[path = "../fuzz/src/snapshot.rs"]
mod snapshot;
#[path = "../fuzz/src/yields.rs"]
mod yields;

#[test]
fn questions_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("rpc", 300, rpc::run);
}

#[test]
fn greetings_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("hellos", 5_000, hellos::run);
}

#[test]
fn snapshots_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("snapshot", 1_500, snapshot::run);
}

#[test]
fn newcomers_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("members", 1_000, members::run);
}

#[test]
fn reports_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("notices", 5_000, notices::run);
}

#[test]
fn questions_of_who_would_give_way_hold_their_claims_on_changed_seeds() {
    mutation::on_changed_seeds("yields", 300, yields::run);
}
