//! ICMP (RFC 792, RFC 1812 §4.3) and ICMPv6 (RFC 4443): what their types mean, for both families.

mod echo;

use std::net::IpAddr;

use crate::bytes::{be16, put16};
use crate::checksum::Change;

pub use echo::Echo;

/// Length of the header that echoes and errors share.
pub const HEADER_LEN: usize = 8;
/// Where the checksum stands.
pub(crate) const CHECKSUM: usize = 2;
/// Where an echo's identifier stands.
pub(crate) const IDENTIFIER: usize = 4;

pub(crate) mod v4 {
    pub(crate) const ECHO_REPLY: u8 = 0;
    pub(crate) const UNREACHABLE: u8 = 3;
    pub(crate) const SOURCE_QUENCH: u8 = 4;
    pub(crate) const REDIRECT: u8 = 5;
    pub(crate) const ECHO_REQUEST: u8 = 8;
    pub(crate) const TIME_EXCEEDED: u8 = 11;
    pub(crate) const PARAMETER_PROBLEM: u8 = 12;
    /// Code of [`UNREACHABLE`]: fragmentation was needed and forbidden.
    pub(crate) const FRAGMENTATION_NEEDED: u8 = 4;
}

pub(crate) mod v6 {
    pub(crate) const UNREACHABLE: u8 = 1;
    pub(crate) const TOO_BIG: u8 = 2;
    pub(crate) const TIME_EXCEEDED: u8 = 3;
    pub(crate) const PARAMETER_PROBLEM: u8 = 4;
    pub(crate) const ECHO_REQUEST: u8 = 128;
    pub(crate) const ECHO_REPLY: u8 = 129;
}

/// What an ICMP error that arrived says; the codes are those of its family.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ErrorKind {
    /// The destination was not reached.
    Unreachable {
        /// Why, as the family numbers it.
        code: u8,
    },
    /// The packet is larger than a link on its way (RFC 1191, RFC 8201).
    TooBig {
        /// What that link carries; 0 from routers older than RFC 1191.
        mtu: u32,
    },
    /// TTL or reassembly time ran out.
    TimeExceeded {
        /// 0 for the TTL, 1 for reassembly.
        code: u8,
    },
    /// A header field was not understood.
    ParameterProblem {
        /// Why, as the family numbers it.
        code: u8,
    },
}

impl ErrorKind {
    /// The error that `type`, `code` and the header's last four bytes mean in IPv4. `None` for
    /// queries, and for redirects and source quenches, which no router passes on (RFC 6633).
    pub(crate) fn from_v4(kind: u8, code: u8, rest: [u8; 4]) -> Option<Self> {
        let [_, _, mtu @ ..] = rest;
        match (kind, code) {
            (v4::UNREACHABLE, v4::FRAGMENTATION_NEEDED) => Some(Self::TooBig {
                mtu: u32::from(u16::from_be_bytes(mtu)),
            }),
            (v4::UNREACHABLE, _) => Some(Self::Unreachable { code }),
            (v4::TIME_EXCEEDED, _) => Some(Self::TimeExceeded { code }),
            (v4::PARAMETER_PROBLEM, _) => Some(Self::ParameterProblem { code }),
            _ => None,
        }
    }

    /// The error that `type`, `code` and the header's last four bytes mean in IPv6.
    pub(crate) fn from_v6(kind: u8, code: u8, rest: [u8; 4]) -> Option<Self> {
        match kind {
            v6::UNREACHABLE => Some(Self::Unreachable { code }),
            v6::TOO_BIG => Some(Self::TooBig {
                mtu: u32::from_be_bytes(rest),
            }),
            v6::TIME_EXCEEDED => Some(Self::TimeExceeded { code }),
            v6::PARAMETER_PROBLEM => Some(Self::ParameterProblem { code }),
            _ => None,
        }
    }
}

/// Whether a message of this type is itself an error, so that nobody answers it with another
/// (RFC 1812 §4.3.2.7, RFC 4443 §2.4). In IPv6 also those of types that nobody has defined yet.
pub(crate) fn is_error(source: IpAddr, kind: u8) -> bool {
    match source {
        IpAddr::V4(_) => matches!(
            kind,
            v4::UNREACHABLE
                | v4::SOURCE_QUENCH
                | v4::REDIRECT
                | v4::TIME_EXCEEDED
                | v4::PARAMETER_PROBLEM
        ),
        IpAddr::V6(_) => kind < 128,
    }
}

/// Changes the checksum of an echo message after its other fields have changed.
///
/// Without a pseudo-header, in IPv4, an echo reply whose every field is zero sums up to zero. RFC
/// 1624 leaves that case out, but receivers insist on all ones there, as a sum from scratch gives.
pub(crate) fn change_checksum(message: &mut [u8], change: Change) -> Option<()> {
    let checksum = change.apply(be16(message, CHECKSUM)?);
    put16(message, CHECKSUM, checksum)?;
    if checksum == 0 && message.iter().all(|byte| *byte == 0) {
        put16(message, CHECKSUM, 0xffff)?;
    }
    Some(())
}

/// Why a router tells a sender that its packet went no further.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Cause {
    /// TTL or hop limit ran out here.
    TtlExceeded,
    /// No route to the destination.
    NoRoute,
    /// The next hop, or the destination on link, does not answer.
    AddressUnreachable,
    /// Nobody listens on the port.
    PortUnreachable,
    /// A policy forbids it.
    Prohibited,
    /// Larger than the egress MTU and not to be fragmented.
    TooBig {
        /// The egress MTU.
        mtu: u16,
    },
}

impl Cause {
    /// Type, code and the header's last four bytes in IPv4 (RFC 792, RFC 1812 §5.2.7.1).
    pub(crate) const fn to_v4(self) -> (u8, u8, [u8; 4]) {
        match self {
            Self::TtlExceeded => (v4::TIME_EXCEEDED, 0, [0; 4]),
            Self::NoRoute => (v4::UNREACHABLE, 0, [0; 4]),
            Self::AddressUnreachable => (v4::UNREACHABLE, 1, [0; 4]),
            Self::PortUnreachable => (v4::UNREACHABLE, 3, [0; 4]),
            Self::Prohibited => (v4::UNREACHABLE, 13, [0; 4]),
            Self::TooBig { mtu } => {
                let [high, low] = mtu.to_be_bytes();
                (v4::UNREACHABLE, v4::FRAGMENTATION_NEEDED, [0, 0, high, low])
            }
        }
    }

    /// Type, code and the header's last four bytes in IPv6 (RFC 4443 §3).
    pub(crate) const fn to_v6(self) -> (u8, u8, [u8; 4]) {
        match self {
            Self::TtlExceeded => (v6::TIME_EXCEEDED, 0, [0; 4]),
            Self::NoRoute => (v6::UNREACHABLE, 0, [0; 4]),
            Self::AddressUnreachable => (v6::UNREACHABLE, 3, [0; 4]),
            Self::PortUnreachable => (v6::UNREACHABLE, 4, [0; 4]),
            Self::Prohibited => (v6::UNREACHABLE, 1, [0; 4]),
            Self::TooBig { mtu } => {
                let [high, low] = mtu.to_be_bytes();
                (v6::TOO_BIG, 0, [0, 0, high, low])
            }
        }
    }
}
