//! Link-layer and interface addresses.

use core::fmt;
use core::str::FromStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::id::Vrid;

/// A 48-bit MAC address.
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// 00:00:00:00:00:00, "unknown" in ARP.
    pub const ZERO: Self = Self([0; 6]);

    /// Virtual router MAC of an IPv4 virtual router (RFC 9568 §7.3).
    pub const fn virtual_v4(vrid: Vrid) -> Self {
        Self([0x00, 0x00, 0x5e, 0x00, 0x01, vrid.get()])
    }

    /// Virtual router MAC of an IPv6 virtual router (RFC 9568 §7.3).
    pub const fn virtual_v6(vrid: Vrid) -> Self {
        Self([0x00, 0x00, 0x5e, 0x00, 0x02, vrid.get()])
    }

    /// The multicast MAC that carries `group` (RFC 1112 §6.4).
    pub const fn multicast_v4(group: Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// The multicast MAC that carries `group` (RFC 2464 §7).
    pub const fn multicast_v6(group: Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }

    /// Broadcast and multicast addresses have the group bit.
    pub const fn is_group(self) -> bool {
        let [first, ..] = self.0;
        first & 1 == 1
    }

    /// The link-local address that stateless autoconfiguration derives (RFC 4291 appendix A).
    pub const fn link_local(self) -> Ipv6Addr {
        let [a, b, c, d, e, f] = self.0;
        Ipv6Addr::from_octets([
            0xfe,
            0x80,
            0,
            0,
            0,
            0,
            0,
            0,
            a ^ 0x02,
            b,
            c,
            0xff,
            0xfe,
            d,
            e,
            f,
        ])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text is not six colon-separated hexadecimal bytes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("'{0}' is not a MAC address such as 00:00:5e:00:01:0a")]
pub struct InvalidMac(pub String);

impl FromStr for MacAddr {
    type Err = InvalidMac;

    fn from_str(text: &str) -> Result<Self, InvalidMac> {
        let invalid = || InvalidMac(text.to_owned());
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts
                .next()
                .filter(|part| part.len() == 2)
                .ok_or_else(invalid)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
        }
        if parts.next().is_some() {
            Err(invalid())
        } else {
            Ok(Self(bytes))
        }
    }
}

/// An address of a network-interface with its subnet.
///
/// On a shared interface `ip` is virtual (it moves with the role) and `utility` stays on its node.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct InterfaceAddress {
    /// The address that clients and neighbours know.
    pub ip: IpAddr,
    /// Length of the subnet's prefix, 0–32 or 0–128.
    pub prefix_len: u8,
    /// This node's own address in the same subnet, whatever its role.
    pub utility: Option<IpAddr>,
}

impl InterfaceAddress {
    /// The subnet; host bits are zero. `None` when `prefix_len` is too long for the family.
    pub fn subnet(&self) -> Option<ipnet::IpNet> {
        ipnet::IpNet::new(self.ip, self.prefix_len)
            .ok()
            .map(|net| net.trunc())
    }
}

/// The solicited-node multicast group of `address` (RFC 4291 §2.7.1).
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from_octets([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xff, a, b, c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_text_round_trips_and_bad_text_is_refused() {
        let mac: MacAddr = "00:00:5e:00:01:0a".parse().unwrap();
        assert_eq!(mac.to_string(), "00:00:5e:00:01:0a");
        for bad in [
            "",
            "0:0:5e:0:1:a",
            "00:00:5e:00:01",
            "00:00:5e:00:01:0a:0b",
            "zz:00:5e:00:01:0a",
        ] {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn derived_addresses_follow_their_rfcs() {
        let mac: MacAddr = "02:00:00:aa:bb:cc".parse().unwrap();
        assert_eq!(
            mac.link_local(),
            "fe80::ff:feaa:bbcc".parse::<Ipv6Addr>().unwrap()
        );
        assert_eq!(
            solicited_node("2001:db8::1:2:3".parse().unwrap()),
            "ff02::1:ff02:3".parse::<Ipv6Addr>().unwrap()
        );
        assert_eq!(
            MacAddr::multicast_v4("224.0.0.18".parse().unwrap()).to_string(),
            "01:00:5e:00:00:12"
        );
        assert_eq!(
            MacAddr::multicast_v6("ff02::12".parse().unwrap()).to_string(),
            "33:33:00:00:00:12"
        );
    }
}
