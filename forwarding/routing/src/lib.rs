//! From what the interfaces are connected to and what operators typed to the FIB.
//!
//! Nothing here remembers: [`compute()`] is called again whenever an input changes, and its result
//! replaces the FIB as a whole.

mod compute;
mod input;

pub use compute::{Computed, Unresolved, UnresolvedReason, compute};
pub use input::{ConnectedInterface, StaticRoute, StaticTarget};
