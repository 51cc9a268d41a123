//! Neighbor Discovery (RFC 4861 §4, §7.1): solicitations and advertisements of neighbours, and
//! router solicitations. Router advertisements and redirects concern hosts, not us.

use std::net::Ipv6Addr;

use types::MacAddr;

use crate::bytes::{array, byte};

pub(crate) const ROUTER_SOLICITATION: u8 = 133;
pub(crate) const NEIGHBOR_SOLICITATION: u8 = 135;
pub(crate) const NEIGHBOR_ADVERTISEMENT: u8 = 136;

/// Kind of the option with the sender's link-layer address.
pub(crate) const SOURCE_LINK_LAYER: u8 = 1;
/// Kind of the option with the target's link-layer address.
pub(crate) const TARGET_LINK_LAYER: u8 = 2;

pub(crate) const FLAG_ROUTER: u8 = 0x80;
pub(crate) const FLAG_SOLICITED: u8 = 0x40;
pub(crate) const FLAG_OVERRIDE: u8 = 0x20;

/// A MAC address and the IPv6 address that it answers for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Station {
    /// Its MAC address.
    pub mac: MacAddr,
    /// Its IPv6 address.
    pub ip: Ipv6Addr,
}

/// What an advertisement claims about its sender (RFC 4861 §4.4).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct AdvertisementFlags {
    /// R: the sender is a router.
    pub router: bool,
    /// S: it answers a solicitation, and so confirms reachability.
    pub solicited: bool,
    /// O: replaces a cached link-layer address.
    pub overrides: bool,
}

/// A message that passed RFC 4861's validity checks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Message {
    /// "Who has `target`?"
    NeighborSolicitation {
        /// The address that is asked for.
        target: Ipv6Addr,
        /// The asker's MAC address; absent in duplicate address detection.
        source_mac: Option<MacAddr>,
    },
    /// "I have `target`."
    NeighborAdvertisement {
        /// The address that is advertised.
        target: Ipv6Addr,
        /// Who answers for it; may be left out in an answer to a unicast solicitation.
        target_mac: Option<MacAddr>,
        /// What the sender claims.
        flags: AdvertisementFlags,
    },
    /// "Are there routers?"
    RouterSolicitation {
        /// The asker's MAC address.
        source_mac: Option<MacAddr>,
    },
}

/// The IPv6 header's part in the validity checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Carrier {
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// Hop limit: 255 proves that no router passed the message on.
    pub hop_limit: u8,
}

/// Why a Neighbor Discovery message is not one of ours to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NdpError {
    /// Of another type; nothing is wrong with it.
    #[error("ICMPv6 type {0} is not of neighbour discovery for routers")]
    OtherType(u8),
    /// RFC 4861 §7.1: it must be discarded in silence.
    #[error("the message fails a validity check of RFC 4861 section 7.1")]
    Invalid,
}

impl Message {
    /// Reads a whole ICMPv6 message whose checksum has been verified.
    pub fn parse(carrier: Carrier, message: &[u8]) -> Result<Self, NdpError> {
        let [kind, code] = array(message, 0).ok_or(NdpError::Invalid)?;
        let parsed = match kind {
            ROUTER_SOLICITATION => router_solicitation(carrier, message),
            NEIGHBOR_SOLICITATION => neighbor_solicitation(carrier, message),
            NEIGHBOR_ADVERTISEMENT => neighbor_advertisement(carrier, message),
            other => return Err(NdpError::OtherType(other)),
        };
        let acceptable = carrier.hop_limit == 255 && code == 0;
        parsed.filter(|_| acceptable).ok_or(NdpError::Invalid)
    }
}

fn router_solicitation(carrier: Carrier, message: &[u8]) -> Option<Message> {
    let source_mac = link_layer(message.get(8..)?, SOURCE_LINK_LAYER)?;
    let anonymous = carrier.src.is_unspecified();
    (!anonymous || source_mac.is_none()).then_some(Message::RouterSolicitation { source_mac })
}

fn neighbor_solicitation(carrier: Carrier, message: &[u8]) -> Option<Message> {
    let target = target(message)?;
    let source_mac = link_layer(message.get(24..)?, SOURCE_LINK_LAYER)?;
    // Duplicate address detection asks the group of the target, and nobody can answer it directly.
    let probe = carrier.src.is_unspecified();
    let valid =
        !probe || (source_mac.is_none() && carrier.dst == types::net::solicited_node(target));
    valid.then_some(Message::NeighborSolicitation { target, source_mac })
}

fn neighbor_advertisement(carrier: Carrier, message: &[u8]) -> Option<Message> {
    let target = target(message)?;
    let target_mac = link_layer(message.get(24..)?, TARGET_LINK_LAYER)?;
    let bits = byte(message, 4)?;
    let flags = AdvertisementFlags {
        router: bits & FLAG_ROUTER != 0,
        solicited: bits & FLAG_SOLICITED != 0,
        overrides: bits & FLAG_OVERRIDE != 0,
    };
    let valid = !(carrier.dst.is_multicast() && flags.solicited);
    valid.then_some(Message::NeighborAdvertisement {
        target,
        target_mac,
        flags,
    })
}

/// The target address, which is never a group.
fn target(message: &[u8]) -> Option<Ipv6Addr> {
    array(message, 8)
        .map(Ipv6Addr::from_octets)
        .filter(|target| !target.is_multicast())
}

/// The MAC address in the last option of `kind`; the outer `None` when an option is cut off or has
/// length zero.
#[expect(
    clippy::option_option,
    reason = "broken options and an absent option are two answers"
)]
fn link_layer(mut options: &[u8], kind: u8) -> Option<Option<MacAddr>> {
    let mut found = None;
    while !options.is_empty() {
        let [this, units] = array(options, 0)?;
        let (option, rest) = options.split_at_checked(usize::from(units) * 8)?;
        if option.is_empty() {
            return None;
        }
        if this == kind && units == 1 {
            found = array(option, 2).map(MacAddr);
        }
        options = rest;
    }
    Some(found)
}
