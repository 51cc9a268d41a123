//! Source NAT as a node does it: endpoint-independent mappings (RFC 4787 REQ-1, RFC 5382 REQ-1, RFC 5508
//! REQ-1) over the port blocks that the cluster has granted to this node.
//!
//! Filtering is not here: only packets of a known session pass, which is address- and port-dependent
//! (RFC 4787 REQ-8). Nor is time: each call that needs it is told.
//!
//! ```text
//!  inside endpoint ──map──►  Nat: address ► protocol ► Space ► block ► port   (one lock, at setup)
//!  outside endpoint ─steer─► Directory                                        (no lock, each packet)
//! ```

mod bitmap;
mod block;
mod directory;
mod insides;
mod nat;
mod random;
mod space;

pub use block::Block;
pub use directory::Directory;
pub use nat::{Mapping, Nat, Settings};
pub use space::Reserved;
