//! The forwarding information base: where a destination leaves, by longest matching prefix.
//!
//! A [`Fib`] never changes once it is built: workers read it through an `Arc` without a lock, and a
//! new routing result replaces it as a whole.

mod builder;
mod route;
mod table;

pub use builder::FibBuilder;
pub use route::{Origin, Route, Target};
pub use table::Fib;
