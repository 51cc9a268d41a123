//! What an ADVERTISEMENT says to the election: priority, interval, sender.

use core::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::timers::AdvertInterval;

/// Address family of a virtual router; the same VRID in the other family is another router.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The text that operators read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Election weight of a VRRP router (RFC 9568 §5.2.4); the higher one wins.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Priority(u8);

impl Priority {
    /// Sent by an Active router that gives up its role; never configured.
    pub const RELEASE: Self = Self(0);
    /// The router whose own interface has the virtual address.
    pub const OWNER: Self = Self(255);

    /// A weight that an operator may choose.
    pub const fn configured(value: u8) -> Result<Self, ReservedPriority> {
        match value {
            0 | 255 => Err(ReservedPriority(value)),
            1..=254 => Ok(Self(value)),
        }
    }

    /// A weight as it came in; every byte means something.
    pub const fn received(value: u8) -> Self {
        Self(value)
    }

    /// The byte on the wire.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Not a weight that an operator may choose.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("priority {0} is reserved; choose 1 to 254")]
pub struct ReservedPriority(pub u8);

/// A received ADVERTISEMENT that passed every check of RFC 9568 §7.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Advert {
    /// The sender's weight.
    pub priority: Priority,
    /// The sender's Max Advertise Interval.
    pub interval: AdvertInterval,
    /// The sender's address, which breaks ties.
    pub source: IpAddr,
}
