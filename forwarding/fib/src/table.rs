//! The built table: two prefix tries and a checksum that both nodes can compare.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

use crate::route::{Origin, Route, Target};

/// Longest-prefix match over IPv4 and IPv6; immutable.
#[derive(Clone, Debug, Default)]
pub struct Fib {
    v4: PrefixMap<Ipv4Net, Route>,
    v6: PrefixMap<Ipv6Net, Route>,
    checksum: u64,
}

impl Fib {
    /// A table without routes.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Builds from one route a prefix.
    pub(crate) fn from_best(routes: impl IntoIterator<Item = Route>) -> Self {
        let mut fib = Self::default();
        for route in routes {
            // Addition does not depend on the order, so the sum equals wherever the set is the same.
            fib.checksum = fib.checksum.wrapping_add(fingerprint(&route));
            match route.prefix {
                IpNet::V4(prefix) => fib.v4.insert(prefix, route),
                IpNet::V6(prefix) => fib.v6.insert(prefix, route),
            };
        }
        fib
    }

    /// The most specific route of a destination. Allocates nothing.
    #[inline]
    pub fn lookup(&self, destination: IpAddr) -> Option<&Route> {
        match destination {
            IpAddr::V4(ip) => self.v4.get_lpm(&Ipv4Net::from(ip)).map(|(_, route)| route),
            IpAddr::V6(ip) => self.v6.get_lpm(&Ipv6Net::from(ip)).map(|(_, route)| route),
        }
    }

    /// All routes, IPv4 first, each family in the order of its prefixes.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.v4.values().chain(self.v6.values())
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is no route at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Equal on two nodes when their routes are equal, whatever order they were learned in.
    pub const fn checksum(&self) -> u64 {
        self.checksum
    }
}

/// Two nodes must agree on this number, so it uses no random seed and no standard hasher.
fn fingerprint(route: &Route) -> u64 {
    let mut sum = Fnv(0xcbf2_9ce4_8422_2325);
    sum.address(route.prefix.addr());
    sum.byte(route.prefix.prefix_len());
    sum.byte(route.distance);
    sum.byte(match route.origin {
        Origin::Connected => 0,
        Origin::Static => 1,
    });
    match route.target {
        Target::Blackhole => sum.byte(0),
        Target::Hop { interface, gateway } => {
            sum.byte(1);
            for byte in interface.0.to_be_bytes() {
                sum.byte(byte);
            }
            match gateway {
                None => sum.byte(0),
                Some(gateway) => sum.address(gateway),
            }
        }
    }
    sum.finish()
}

/// FNV-1a with a final mix, so that sums of many fingerprints do not cancel out.
struct Fnv(u64);

impl Fnv {
    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(ip) => {
                self.byte(4);
                ip.octets().into_iter().for_each(|byte| self.byte(byte));
            }
            IpAddr::V6(ip) => {
                self.byte(6);
                ip.octets().into_iter().for_each(|byte| self.byte(byte));
            }
        }
    }

    const fn finish(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }
}
