//! Proof on real kernels: what the tests of this folder share.
//!
//! The tests themselves are targets of the `node` package, because they drive its binary; here is how
//! they start a [`Pair`] of nodes and wait for what must come ([`wait`]).

pub mod pair;
pub mod wait;

pub use pair::{Files, Pair};
