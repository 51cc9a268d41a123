//! (signatures; bodies follow)
#![expect(
    unused_variables,
    clippy::unused_self,
    clippy::needless_pass_by_ref_mut,
    reason = "signatures first"
)]
use core::time::Duration;
use std::net::IpAddr;

use types::{FlowKey, Instant, Protocol};

/// What all fragments of one datagram have in common (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FragmentKey {
    /// Sender.
    pub src: IpAddr,
    /// Destination.
    pub dst: IpAddr,
    /// Identification.
    pub id: u32,
    /// Protocol.
    pub protocol: Protocol,
}

/// Bounds of a tracker.
#[derive(Clone, Copy, Debug)]
pub struct FragmentLimits {
    /// Datagrams remembered at once.
    pub datagrams: usize,
    /// How long a datagram is remembered.
    pub lifetime: Duration,
}

/// What to do with a later fragment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Later {
    /// Its first fragment had this key (as on the wire).
    Known(FlowKey),
    /// The first fragment is not here yet: hold the frame.
    Wait,
    /// Too many datagrams at once: drop (`FragmentTableFull`).
    Full,
    /// It would overwrite the transport header: drop (`Malformed`).
    Overlap,
}

/// What a first fragment changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum First {
    /// Remembered.
    Remembered,
    /// Remembered, and later fragments have been told to wait: send them after it.
    Awaited,
    /// Too many datagrams at once: later fragments of it will not find their way.
    Full,
}

/// Remembers which datagram belongs to which flow.
#[derive(Debug)]
pub struct Fragments;

impl Fragments {
    /// A tracker.
    pub fn new(limits: FragmentLimits, hasher: ahash::RandomState) -> Self {
        Self
    }
    /// A first fragment (offset 0, more to come) of the flow `flow`.
    pub fn first(&mut self, key: FragmentKey, flow: FlowKey, now: Instant) -> First {
        First::Full
    }
    /// A later fragment, `offset` bytes into the datagram.
    pub fn later(&mut self, key: FragmentKey, offset: u16, now: Instant) -> Later {
        Later::Full
    }
    /// Forgets what is too old; calls `abandoned` for each datagram whose fragments waited in vain
    /// (drop the held frames: `FragmentWithoutFirst`).
    pub fn expire(&mut self, now: Instant, abandoned: impl FnMut(FragmentKey)) {}
    /// When `expire` has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }
    /// Later fragments that tried to overwrite a transport header (RFC 1858, RFC 3128).
    pub fn overlaps(&self) -> u64 {
        0
    }
}
