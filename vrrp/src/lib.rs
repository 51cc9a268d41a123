//! Ownership of the virtual addresses: the heartbeat thread around `vrrp-machine`.
//!
//! One operating-system thread named `heartbeat` owns every socket that a redundancy group needs and
//! decides nothing: it turns frames, datagrams, link changes and deadlines into events of the
//! machine, and the machine's actions into frames, datagrams, the epoch gate and reports. Nothing
//! else of the node can delay it, and it says how late it was itself.
//!
//! ```text
//!  LAN, WAN ── AF_PACKET (VRRP only) ──┐                        ┌──► EpochGate
//!  HA links ── UDP heartbeats ─────────┤   heartbeat thread     ├──► adverts, heartbeats
//!  kernel ──── netlink: link changes ──┼──► vrrp_machine::Group ┼──► gratuitous ARP, unsolicited NA
//!  Handle ──── eventfd ────────────────┘                        └──► Outlet<Event>, GroupStatus
//! ```

pub mod announce;
pub mod event;
pub mod frame;
pub mod handle;
pub mod link;
pub mod plan;
pub mod status;

mod driver;
mod ha_links;
mod member;
mod monitor;
mod peer_socket;
mod socket;

pub use event::{Event, Transition};
pub use handle::{Handle, start};
pub use plan::{Addresses, GroupPlan, LinkPlan, MemberPlan, StartError, virtual_link_local};
pub use status::{GroupStatus, LinkStatus, MemberStatus, Scheduling};
pub use vrrp_machine::{Cause, Family, GroupState, MemberId, StateName};
