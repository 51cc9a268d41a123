//! VRRP without sockets, threads or clocks: who answers for the virtual addresses, and since when.
//!
//! [`VirtualRouter`] is RFC 9568 §6.4 for one (VRID, address family). [`Group`] couples the virtual
//! routers of one gateway so that they share one fate, and adds what VRRP cannot say: heartbeats
//! over the HA links and epochs, by which two nodes that both believe to be Active find out who is
//! right. Time comes in as [`types::Instant`], effects go out as closed enums.
//!
//! ```text
//!   adverts, link events, heartbeats, ticks ──► Group ──► gate, adverts, announcements, heartbeats
//!                                                │ owns
//!                                  VirtualRouter × members (LAN v4, LAN v6, WAN v4, WAN v6 …)
//! ```

pub mod advert;
pub mod election;
pub mod group;
pub mod router;
pub mod timers;

pub use advert::{Advert, Family, Priority, ReservedPriority};
pub use group::{
    Action, Cause, Event, Group, GroupPlan, GroupState, InvalidGroup, MemberId, MemberPlan,
    PeerClaim, Report, StateName, Transition,
};
pub use router::{RouterAction, RouterEvent, RouterPlan, RouterState, VirtualRouter};
pub use timers::{AdvertInterval, InvalidInterval};
