//! Bytes ⇄ values: the only place that knows where a field stands.
//!
//! [`packet::parse`] turns a frame into a small `Copy` value in one pass. [`rewrite`] changes a frame
//! in place and keeps its checksums right by RFC 1624. [`build`] writes whole frames into a buffer
//! that the caller keeps. [`vrrp`] reads advertisements with RFC 9568's receive checks,
//! [`heartbeat`] what the nodes of a pair tell each other beside it. Nothing here
//! panics on any input, allocates while packets flow, or decides where a packet goes.

#![forbid(unsafe_code)]

mod bytes;

pub mod arp;
pub mod build;
pub mod checksum;
pub mod ethernet;
pub mod heartbeat;
pub mod icmp;
pub mod ipv4;
pub mod ipv6;
pub mod ndp;
pub mod packet;
pub mod rewrite;
pub mod tcp;
pub mod udp;
pub mod vrrp;

pub use packet::{Frame, IpPacket, Payload};
