//! (signatures; bodies follow) Endpoint-independent mappings over granted port blocks.
#![expect(
    unused_variables,
    clippy::unused_self,
    clippy::needless_pass_by_ref_mut,
    clippy::needless_pass_by_value,
    reason = "signatures first"
)]
use core::time::Duration;
use std::net::IpAddr;
use std::sync::Arc;

use types::{DropReason, Endpoint, Instant, Protocol};

/// How a node translates.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Random at each start: where port searches begin must not be guessed (RFC 6056).
    pub seed: u64,
    /// How long a mapping without sessions keeps its port before another inside may have it.
    pub linger: Duration,
    /// Free ports of an address (in its scarcest protocol) below which more blocks are wanted.
    pub low_water: u32,
}

/// A port block of an address: 512 ports from `1024 + 512 * index`; 126 of them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Block(u16);

impl Block {
    /// How many there are.
    pub const COUNT: u16 = 126;
    /// `None` from 126 on.
    pub const fn new(index: u16) -> Option<Self> {
        if index < Self::COUNT {
            Some(Self(index))
        } else {
            None
        }
    }
    /// Its number.
    pub const fn index(self) -> u16 {
        self.0
    }
}

/// An outside endpoint for an inside one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mapping {
    /// What the outside sees.
    pub outside: Endpoint,
    /// No session had it before.
    pub fresh: bool,
}

/// What reserving did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reserved {
    /// A mapping that nobody had.
    Fresh,
    /// One more session on the same mapping.
    Shared,
    /// Another inside has that outside endpoint; nothing changed.
    Conflict {
        /// Who has it.
        holder: Endpoint,
    },
    /// Not one of our addresses, protocols or ports; nothing changed.
    Foreign,
}

/// The mappings of a node: one value, shared by its processors behind one lock, taken when a session
/// begins or ends.
#[derive(Debug)]
pub struct Nat;

impl Nat {
    /// No mappings, no grants.
    pub fn new(settings: Settings, addresses: &[IpAddr]) -> Self {
        Self
    }
    /// Replaces the external addresses; mappings of those that stay are kept.
    pub fn set_addresses(&mut self, addresses: &[IpAddr]) {}
    /// This node may allocate from this block.
    pub fn grant(&mut self, address: IpAddr, block: Block) {}
    /// This node may no longer allocate from this block; its mappings stay.
    pub fn revoke(&mut self, address: IpAddr, block: Block) {}
    /// The outside endpoint of `inside`, one more session on it: pair each call with a `release`.
    pub fn map(
        &mut self,
        protocol: Protocol,
        inside: Endpoint,
        external: IpAddr,
        now: Instant,
    ) -> Result<Mapping, DropReason> {
        Err(DropReason::NatExhausted)
    }
    /// A replicated session's mapping, one more session on it: pair each `Fresh` or `Shared` with a
    /// `release`. (Sessions that conflict may be released too: that does nothing.)
    pub fn reserve(
        &mut self,
        protocol: Protocol,
        inside: Endpoint,
        outside: Endpoint,
        now: Instant,
    ) -> Reserved {
        Reserved::Foreign
    }
    /// One session less; nothing when `inside` does not hold `outside`.
    pub fn release(
        &mut self,
        protocol: Protocol,
        inside: Endpoint,
        outside: Endpoint,
        now: Instant,
    ) {
    }
    /// Who is behind an outside endpoint that a session uses.
    pub fn inside_of(&self, protocol: Protocol, outside: Endpoint) -> Option<Endpoint> {
        None
    }
    /// Free ports of an address in its scarcest protocol.
    pub fn free_ports(&self, address: IpAddr) -> u32 {
        0
    }
    /// An address that needs more blocks; each is told once until it is granted some.
    pub fn take_low_water(&mut self) -> Option<IpAddr> {
        None
    }
    /// The lock-free view for steering; replaced by `set_addresses`.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::new(Directory)
    }
}

/// From outside endpoint to inside endpoint, read without a lock by any thread.
#[derive(Debug)]
pub struct Directory;

impl Directory {
    /// Whether `address` is translated here at all.
    pub fn is_external(&self, address: IpAddr) -> bool {
        false
    }
    /// Who is behind an outside endpoint.
    pub fn inside_of(&self, protocol: Protocol, outside: Endpoint) -> Option<Endpoint> {
        None
    }
}
