//! Whether this node may be trusted with the site, and what happened when it was.
//!
//! Small machines: [`readiness`] turns facts about the node into one word and the list of reasons why
//! it is not better, [`verdict`] the facts of both nodes into one about the pair; [`coverage`] says
//! whether it may call a session unknown; [`survivor`] judges whether it may go on without the other
//! node; [`timeline`] turns the events of a takeover into its film. Who becomes active is decided
//! elsewhere (`vrrp_machine::Group`), at once and without asking here.

pub mod coverage;
pub mod drift;
pub mod lag;
pub mod readiness;
pub mod report;
pub mod survivor;
pub mod timeline;
pub mod verdict;

pub use readiness::{Assessment, Facts, NodeRole, Reason};
pub use timeline::{Failover, Timeline};
