//! The bodies of the fuzz targets, each in a file of its own. `tests/fuzz_bodies.rs` of the crate beside
//! runs the same files with the stable compiler, so that the gate keeps them alive.

#[path = "../../tests/bad/mod.rs"]
mod bad;
mod input;
#[path = "../../tests/memory/mod.rs"]
mod memory;
/// The product's own: a node reads reports with this file.
#[path = "../../../node/src/notice.rs"]
#[expect(dead_code, reason = "a node also sends them")]
mod notice;

pub mod hellos;
pub mod members;
pub mod notices;
pub mod rpc;
pub mod snapshot;
pub mod yields;
