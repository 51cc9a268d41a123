//! Proof on real kernels: what the tests of this folder share.
//!
//! The tests themselves are targets of the `node` package, because they drive its binary; here is how
//! they start a [`Pair`] of nodes, wait for what must come ([`wait`]), ask about agreement ([`agreement`])
//! and hear what the kernels at both ends say ([`sockets`], [`icmp`]).

pub mod agreement;
pub mod disk;
pub mod icmp;
pub mod pair;
pub mod partition;
pub mod sockets;
pub mod wait;

pub use disk::Disk;
pub use pair::{Files, Pair};
