//! Sessions of one processor: who may open one, what state it is in, and when it ends.
//!
//! [`policy`] decides about first packets, [`table`] holds what was decided, [`tcp_state`] follows
//! connections, [`fragment`] lets later fragments find their session. All of it is pure: time and
//! randomness are passed in, and nothing allocates for a packet of a known session.

pub mod fragment;
pub mod id;
pub mod policy;
pub mod table;
pub mod tcp_state;

mod expiry;
mod index;
mod slab;

pub use fragment::{FragmentKey, FragmentLimits, Fragments};
pub use id::SessionIds;
pub use policy::{Ingress, Policy, PolicyInput, Route, Verdict};
pub use table::{
    Held, Hit, Installed, NewSession, Repair, Repaired, Session, Slot, Stamp, Table, Touched,
};
pub use tcp_state::Segment;
