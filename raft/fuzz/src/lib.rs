//! The bodies of the fuzz targets, each in a file of its own. `tests/fuzz_bodies.rs` of the crate beside
//! runs the same files with the stable compiler, so that the gate keeps them alive.

#[path = "../../tests/bad/mod.rs"]
mod bad;
mod input;
#[path = "../../tests/memory/mod.rs"]
mod memory;

pub mod members;
pub mod rpc;
pub mod snapshot;
