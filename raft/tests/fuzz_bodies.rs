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

use std::path::Path;

mod bad;
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
    each_input("rpc", 300, rpc::run);
}

#[test]
fn snapshots_hold_their_claims_on_changed_seeds() {
    each_input("snapshot", 1_500, snapshot::run);
}

#[test]
fn newcomers_hold_their_claims_on_changed_seeds() {
    each_input("members", 1_000, members::run);
}

#[test]
fn reports_hold_their_claims_on_changed_seeds() {
    each_input("notices", 5_000, notices::run);
}

#[test]
fn questions_of_who_would_give_way_hold_their_claims_on_changed_seeds() {
    each_input("yields", 300, yields::run);
}

fn each_input(target: &str, count: usize, run: fn(&[u8])) {
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
    let changed = mutation::mutations(&seeds, 1, count);
    for input in seeds.iter().cloned().chain(changed) {
        run(&input);
    }
}
