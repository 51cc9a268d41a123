//! The usual shapes: which hosts, which links, which addresses.

pub mod files;
pub mod pair_witness;

pub use files::SiteOptions;
pub use pair_witness::{PairWitness, Side};
