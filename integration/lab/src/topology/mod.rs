//! The usual shapes: which hosts, which links, which addresses.

pub mod files;
pub mod pair_witness;
pub mod single;

pub use files::{Arbiter, SiteOptions};
pub use pair_witness::{PairWitness, Side};
pub use single::Single;
