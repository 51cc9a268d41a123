//! Where the product ends and its surroundings begin: for whoever runs members without a machine.
//!
//! A member is started by [`start_in`] on the current tokio runtime. Its messages go through a
//! [`Transport`], what others send is answered by its [`Server`], its writes go to a [`KvStore`], its
//! time is tokio's, its random numbers follow from [`seed`], and a [`Probe`] sees what it applies. Whoever
//! wants to become a member asks an [`Issuer`].
//! Everything between these is the product's own code.

pub use crate::assembly::{Surroundings, start_in};
pub use crate::engine::seed;
pub use crate::issuer::Issuer;
pub use crate::network::{Failure, Lane, Replies, Server, Streaming, Transport};
pub use crate::probe::{Content, Place, Probe, View};
pub use crate::store::{Change, Headroom, Key, KvStore};
pub use crate::version::PROTOCOL;

#[cfg(feature = "mutants")]
pub use crate::mutants::{Mutant, choose};
