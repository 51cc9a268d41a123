//! Whether this node may be trusted with the site, and what happened when it was.
//!
//! Small machines: [`readiness`] turns facts about the node into one word and the list of reasons why
//! it is not better; [`coverage`] says whether it may call a session unknown; [`timeline`] turns the
//! events of a takeover into its film; [`survivor`] judges whether this node may go on without the
//! other one. Who becomes active is decided elsewhere (`vrrp_machine::Group`), at once and without
//! asking here.

pub mod coverage;
pub mod readiness;
pub mod survivor;
pub mod timeline;

pub use readiness::{Assessment, Facts, NodeRole, Reason};
pub use timeline::{Failover, Timeline};
