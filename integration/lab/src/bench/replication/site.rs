//! What the measured nodes are configured to do, and which session is which.
//!
//! Clients of 198.18.0.0/16 open UDP sessions to servers behind twenty WAN interfaces, each with an
//! external address of its own: every session gets a port mapping of its own, as TCP connections of
//! ordinary clients do, and a million of them fit.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use fib::{Fib, FibBuilder, Origin, Route, Target};
use forwarding::{InterfacePlan, Plan, PortKind};
use ipnet::{IpNet, Ipv4Net};
use session::policy::{
    AccessRule, DefaultTimeouts, PolicyInput, Route as Delivery, Scope, ServiceInput, TenantInput,
    Timeouts, TransportEnforcement,
};
use types::{Endpoint, Giid, InterfaceAddress, MacAddr, Name, NeighborRecord, NodeId};

/// WAN interfaces.
const WANS: u16 = 20;
/// Sessions of one WAN interface; its address has 64,512 ports.
const SESSIONS_A_WAN: u64 = 60_000;
/// More sessions than this do not fit.
pub(super) const MOST_SESSIONS: u64 = SESSIONS_A_WAN * WANS as u64;
/// Everything the port blocks of an address have.
const BLOCKS: u16 = 126;
/// The LAN's device and its address.
pub(super) const LAN: (&str, MacAddr) = ("bench-lan", MacAddr([2, 0, 0, 0, 0, 1]));
/// What the clients' frames come from.
pub(super) const CLIENTS: MacAddr = MacAddr([2, 0, 0, 0, 1, 1]);
const SERVERS: MacAddr = MacAddr([2, 0, 0, 0, 2, 1]);
const LAN_NET: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 16);
const LAN_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// Nothing expires while it is measured.
const TIMEOUT_MS: u32 = 3_600_000;

/// Both ends of session number `number`, as the client sends it.
pub(super) fn session(number: u64) -> (Endpoint, Endpoint) {
    let wan = u16::try_from(number / SESSIONS_A_WAN).unwrap_or(0);
    let client = number % SESSIONS_A_WAN;
    let octet = |value: u64| u8::try_from(value).unwrap_or(0);
    let address = Ipv4Addr::new(198, 18, octet(1 + client / 250), octet(1 + client % 250));
    let port = u16::try_from(1_024 + mix(number) % 64_000).unwrap_or(1_024);
    (
        Endpoint::new(address.into(), port),
        Endpoint::new(host_of(wan, 10).into(), 443),
    )
}

/// Any number from any number, the same each time.
pub(super) const fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
}

/// The `host`th address of a WAN's /28: sixteen of them make a documentation prefix.
fn host_of(wan: u16, host: u16) -> Ipv4Addr {
    let last = u8::try_from(wan % 16 * 16 + host).unwrap_or(0);
    match wan / 16 {
        0 => Ipv4Addr::new(203, 0, 113, last),
        _ => Ipv4Addr::new(198, 51, 100, last),
    }
}

const fn giid(wan: u16) -> Giid {
    Giid(2 + wan)
}

/// The data plane of `node`.
pub(super) fn plan(node: NodeId, seed: u64, workers: usize) -> Plan {
    Plan {
        node,
        seed,
        workers,
        port: PortKind::Raw,
        interfaces: interfaces(),
        policy: Arc::new(session::Policy::new(policy())),
        fib: Arc::new(routes()),
        max_sessions: usize::try_from(MOST_SESSIONS).unwrap_or(usize::MAX),
    }
}

fn interfaces() -> Vec<InterfacePlan> {
    let address = |ip: Ipv4Addr, prefix_len| InterfaceAddress {
        ip: ip.into(),
        prefix_len,
        utility: None,
    };
    let lan = InterfacePlan {
        giid: Giid(1),
        name: Name::from("lan"),
        device: LAN.0.to_owned(),
        addresses: vec![address(LAN_ADDRESS, LAN_NET.prefix_len())],
        tenant: Some(Name::from("lan")),
        ..InterfacePlan::default()
    };
    let wans = (0..WANS).map(|wan| InterfacePlan {
        giid: giid(wan),
        name: Name::from(format!("wan-{wan}")),
        device: format!("bench-wan-{wan}"),
        addresses: vec![address(host_of(wan, 1), 28)],
        source_nat: true,
        ..InterfacePlan::default()
    });
    std::iter::once(lan).chain(wans).collect()
}

fn policy() -> PolicyInput {
    let timeouts = Timeouts {
        initial_ms: TIMEOUT_MS,
        established_ms: TIMEOUT_MS,
    };
    let prefix = |first, second, third| {
        IpNet::V4(Ipv4Net::new_assert(
            Ipv4Addr::new(first, second, third, 0),
            24,
        ))
    };
    PolicyInput {
        services: vec![ServiceInput {
            name: Name::from("internet"),
            scope: Scope::Private,
            prefixes: vec![prefix(203, 0, 113), prefix(198, 51, 100)],
            transports: Vec::new(),
            access: vec![AccessRule {
                tenant: Some(Name::from("lan")),
                prefix: None,
                allow: true,
            }],
            source_nat: true,
            route: Delivery::Learned,
            enforcement: TransportEnforcement::Reset,
        }],
        tenants: vec![TenantInput {
            name: Name::from("lan"),
            members: Vec::new(),
        }],
        session_types: Vec::new(),
        default_timeouts: DefaultTimeouts {
            tcp: timeouts,
            udp: timeouts,
            icmp: timeouts,
        },
    }
}

fn routes() -> Fib {
    let mut builder = FibBuilder::new();
    let lan = (IpNet::V4(LAN_NET), Giid(1));
    let wans = (0..WANS).map(|wan| (Ipv4Net::new_assert(host_of(wan, 0), 28).into(), giid(wan)));
    for (prefix, interface) in std::iter::once(lan).chain(wans) {
        builder.offer(Route {
            prefix,
            target: Target::Hop {
                interface,
                gateway: None,
            },
            origin: Origin::Connected,
            distance: 0,
        });
    }
    builder.build()
}

/// The servers, as neighbour resolution would find them.
pub(super) fn neighbors() -> Vec<NeighborRecord> {
    let record = |wan| NeighborRecord {
        interface: giid(wan),
        ip: host_of(wan, 10).into(),
        mac: SERVERS,
    };
    (0..WANS).map(record).collect()
}

/// Gives the node every port block of every address, as the durable group would bit by bit.
pub(super) fn grant_everything(data_plane: &forwarding::Handle) {
    let blocks: Vec<u16> = (0..BLOCKS).collect();
    for wan in 0..WANS {
        data_plane.grant(IpAddr::V4(host_of(wan, 1)), &blocks);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn sessions_are_all_different_and_have_a_route() {
        let routes = routes();
        let mut seen = HashSet::new();
        for number in (0..MOST_SESSIONS).step_by(7) {
            let (client, server) = session(number);
            assert!(seen.insert((client, server)));
            assert!(routes.lookup(server.ip).is_some() && routes.lookup(client.ip).is_some());
        }
    }
}
