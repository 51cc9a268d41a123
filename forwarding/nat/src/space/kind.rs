//! Protocols with a port space of their own.

use types::Protocol;

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SpaceKind {
    Tcp,
    Udp,
    /// Query identifiers of ICMP or, on IPv6 addresses, ICMPv6.
    Icmp,
}

impl SpaceKind {
    pub(crate) const COUNT: usize = 3;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Tcp, Self::Udp, Self::Icmp];

    pub(crate) const fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::TCP => Some(Self::Tcp),
            Protocol::UDP => Some(Self::Udp),
            Protocol::ICMP | Protocol::ICMPV6 => Some(Self::Icmp),
            Protocol(_) => None,
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Tcp => 0,
            Self::Udp => 1,
            Self::Icmp => 2,
        }
    }
}
