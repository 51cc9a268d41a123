//! RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5508 (ICMP): what a mapping has to be like.

#![expect(
    clippy::unwrap_used,
    reason = "test helpers stop at the first surprise"
)]

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use nat::{Block, Nat, Reserved, Settings};
use types::{DropReason, Endpoint, Instant, Protocol};

const NOW: Instant = Instant::START;

/// REQ-1: the destination plays no role, not even as an argument.
#[test]
fn an_inside_endpoint_has_one_outside_endpoint_for_all_sessions() {
    let mut nat = granted(&[0, 1]);
    let first = nat
        .map(Protocol::UDP, inside(1, 5000), external(), NOW)
        .unwrap();
    let second = nat
        .map(Protocol::UDP, inside(1, 5000), external(), NOW)
        .unwrap();
    assert_eq!((second.outside, second.fresh), (first.outside, false));
    let tcp = nat
        .map(Protocol::TCP, inside(1, 5000), external(), NOW)
        .unwrap();
    assert!(tcp.fresh, "protocols have spaces of their own");
}

/// REQ-3: no port overloading; two hosts with one source port get two outside ports.
#[test]
fn a_port_is_preserved_unless_another_inside_holds_it() {
    let mut nat = granted(&[0]);
    let outside = |nat: &mut Nat, host| {
        nat.map(Protocol::UDP, inside(host, 1100), external(), NOW)
            .unwrap()
            .outside
            .port
    };
    assert_eq!(outside(&mut nat, 1), 1100);
    assert_ne!(outside(&mut nat, 2), 1100);
}

/// REQ-3a: well-known inside ports may leave their range, others stay in theirs.
#[test]
fn well_known_ports_go_to_granted_ports_above_1023() {
    let mut nat = granted(&[3]);
    let mapping = nat
        .map(Protocol::UDP, inside(1, 53), external(), NOW)
        .unwrap();
    assert_eq!(
        Block::of(mapping.outside.port).unwrap().0,
        Block::new(3).unwrap()
    );
}

/// REQ-4, for RTP and RTCP.
#[test]
fn parity_is_kept_while_ports_of_that_parity_are_left() {
    let mut nat = granted(&[0]);
    for port in 20_000..20_512 {
        let mapping = nat
            .map(Protocol::UDP, inside(1, port), external(), NOW)
            .unwrap();
        assert_eq!(mapping.outside.port % 2, port % 2);
    }
    assert_eq!(nat.free_ports(external()), 0);

    let mut nat = granted(&[0]);
    let even = (0..512).map(|at| {
        nat.map(Protocol::UDP, inside(1, 20_000 + 2 * at), external(), NOW)
            .unwrap()
            .outside
            .port
    });
    assert_eq!(
        even.collect::<HashSet<_>>().len(),
        512,
        "odd ports serve when even ones are gone"
    );
}

/// RFC 5508 REQ-1: query identifiers are mapped as ports are.
#[test]
fn identifiers_of_queries_are_mapped_and_both_versions_of_icmp_are_known() {
    let mut nat = granted(&[0]);
    let mapping = nat
        .map(Protocol::ICMP, inside(1, 7), external(), NOW)
        .unwrap();
    assert_eq!(
        nat.inside_of(Protocol::ICMP, mapping.outside),
        Some(inside(1, 7))
    );
    assert_eq!(nat.inside_of(Protocol::UDP, mapping.outside), None);

    let v6: IpAddr = "2001:db8::1".parse().unwrap();
    let host = Endpoint::new("2001:db8:1::9".parse().unwrap(), 7);
    nat.set_addresses(&[v6]);
    nat.grant(v6, block(5));
    let mapping = nat.map(Protocol::ICMPV6, host, v6, NOW).unwrap();
    assert_eq!(
        nat.directory().inside_of(Protocol::ICMPV6, mapping.outside),
        Some(host)
    );
    assert_eq!(
        nat.inside_of(Protocol::ICMP, Endpoint::new(external(), 1024)),
        None
    );
}

#[test]
fn other_protocols_and_addresses_are_not_translated() {
    let mut nat = granted(&[0]);
    let gre = Protocol(47);
    assert_eq!(
        nat.map(gre, inside(1, 0), external(), NOW),
        Err(DropReason::UnsupportedProtocol)
    );
    let other: IpAddr = [203, 0, 113, 77].into();
    assert_eq!(
        nat.map(Protocol::TCP, inside(1, 1), other, NOW),
        Err(DropReason::NatExhausted)
    );
    let foreign = Endpoint::new(other, 1024);
    assert_eq!(
        nat.reserve(Protocol::TCP, inside(1, 1), foreign, NOW),
        Reserved::Foreign
    );
    assert!(nat.directory().is_external(external()) && !nat.directory().is_external(other));
}

/// RFC 6056: somebody who saw one port does not know the next one.
#[test]
fn ports_that_are_not_preserved_are_spread_and_differ_from_start_to_start() {
    let ports = |seed| {
        let mut nat = Nat::new(Settings::with_seed(seed), &[external()]);
        for index in 0..Block::COUNT {
            nat.grant(external(), block(index));
        }
        let mut outside = |port| {
            nat.map(Protocol::UDP, inside(1, port), external(), NOW)
                .unwrap()
                .outside
                .port
        };
        (0..100).map(&mut outside).collect::<Vec<_>>()
    };
    let first = ports(1);
    assert_ne!(first, ports(2));
    let blocks: HashSet<_> = first
        .iter()
        .map(|port| Block::of(*port).unwrap().0)
        .collect();
    assert!(
        blocks.len() > 30,
        "100 ports in {} of 126 blocks",
        blocks.len()
    );
}

#[test]
fn an_exhausted_grant_refuses_until_ports_have_rested_and_one_inside_may_come_back_at_once() {
    let mut nat = granted(&[0]);
    let all: Vec<_> = (0..512)
        .map(|at| {
            let host = inside(1, 30_000 + at);
            (
                host,
                nat.map(Protocol::TCP, host, external(), NOW)
                    .unwrap()
                    .outside,
            )
        })
        .collect();
    let refused = nat.map(Protocol::TCP, inside(2, 1), external(), NOW);
    assert_eq!(refused, Err(DropReason::NatExhausted));

    let (host, outside) = all[100];
    nat.release(Protocol::TCP, host, outside, at(10));
    assert_eq!(
        nat.map(Protocol::TCP, inside(2, 1), external(), at(14)),
        Err(DropReason::NatExhausted),
        "it lingers"
    );
    let back = nat.map(Protocol::TCP, host, external(), at(14)).unwrap();
    assert_eq!(
        (back.outside, back.fresh),
        (outside, false),
        "its last inside may have it"
    );

    nat.release(Protocol::TCP, host, outside, at(15));
    assert_eq!(
        nat.map(Protocol::TCP, inside(2, 1), external(), at(19)),
        Err(DropReason::NatExhausted),
        "it rests from its last use on"
    );
    let next = nat
        .map(Protocol::TCP, inside(2, 1), external(), at(20))
        .unwrap();
    assert_eq!((next.outside, next.fresh), (outside, true));
    assert_eq!(
        nat.directory().inside_of(Protocol::TCP, outside),
        Some(inside(2, 1))
    );
}

/// A mapping counts its sessions: it goes with the last of them.
#[test]
fn a_mapping_lives_as_long_as_its_last_session() {
    let mut nat = granted(&[0]);
    let host = inside(1, 1024);
    let outside = nat
        .map(Protocol::TCP, host, external(), NOW)
        .unwrap()
        .outside;
    nat.map(Protocol::TCP, host, external(), NOW).unwrap();
    nat.release(Protocol::TCP, host, outside, at(1));
    let stranger = nat
        .map(Protocol::TCP, inside(2, 1024), external(), at(100))
        .unwrap();
    assert_ne!(stranger.outside, outside);
    nat.release(Protocol::TCP, host, outside, at(100));
    let late = nat
        .map(Protocol::TCP, inside(3, 1024), external(), at(106))
        .unwrap();
    assert_eq!(late.outside, outside);
}

/// The peer's ports: known after a takeover, never given to anybody else.
#[test]
fn a_reserved_port_of_the_peers_block_serves_its_inside_and_nobody_else() {
    let mut nat = granted(&[0]);
    let peers = Endpoint::new(external(), 40_000);
    assert_eq!(
        nat.reserve(Protocol::UDP, inside(1, 9), peers, NOW),
        Reserved::Fresh
    );
    assert_eq!(
        nat.reserve(Protocol::UDP, inside(1, 9), peers, NOW),
        Reserved::Shared
    );
    let conflict = Reserved::Conflict {
        holder: inside(1, 9),
    };
    assert_eq!(
        nat.reserve(Protocol::UDP, inside(2, 9), peers, NOW),
        conflict
    );
    let joined = nat
        .map(Protocol::UDP, inside(1, 9), external(), NOW)
        .unwrap();
    assert_eq!((joined.outside, joined.fresh), (peers, false));

    for _ in 0..3 {
        nat.release(Protocol::UDP, inside(1, 9), peers, NOW);
    }
    let own = nat
        .map(Protocol::UDP, inside(1, 9), external(), at(1))
        .unwrap();
    assert!(
        own.fresh && own.outside.port < 1536,
        "without sessions the peer may give it away"
    );
    let next = nat.reserve(Protocol::UDP, inside(2, 9), peers, at(1));
    assert_eq!(next, Reserved::Fresh, "and has done so");
}

/// What is granted may hold reserved ports already.
#[test]
fn a_grant_skips_ports_that_sessions_hold() {
    let mut nat = Nat::new(Settings::with_seed(1), &[external()]);
    for port in 1024..1535 {
        let outside = Endpoint::new(external(), port);
        nat.reserve(Protocol::TCP, inside(1, port), outside, NOW);
    }
    nat.grant(external(), block(0));
    let last = nat
        .map(Protocol::TCP, inside(2, 2), external(), NOW)
        .unwrap();
    assert_eq!(last.outside.port, 1535);
    assert_eq!(nat.free_ports(external()), 0);
}

#[test]
fn an_address_asks_for_blocks_once_and_again_when_a_grant_was_not_enough() {
    let mut nat = Nat::new(Settings::with_seed(1), &[external()]);
    assert_eq!(
        nat.take_low_water(),
        Some(external()),
        "nothing is granted yet"
    );
    assert_eq!(nat.take_low_water(), None);
    nat.grant(external(), block(0));
    assert_eq!(nat.take_low_water(), None, "512 free ports are enough");
    let ports: Vec<_> = (0..257)
        .map(|at| {
            nat.map(Protocol::TCP, inside(1, 1024 + at), external(), NOW)
                .unwrap()
        })
        .collect();
    assert_eq!(nat.take_low_water(), Some(external()));
    assert_eq!(nat.take_low_water(), None);
    nat.revoke(external(), block(0));
    nat.grant(external(), block(0));
    assert_eq!(
        nat.take_low_water(),
        Some(external()),
        "that brought nothing"
    );
    nat.grant(external(), block(1));
    assert_eq!(nat.take_low_water(), None);
    assert_eq!(
        (ports.len(), nat.free_ports(external())),
        (257, 2 * 512 - 257)
    );
}

#[test]
fn addresses_that_stay_keep_their_mappings() {
    let mut nat = granted(&[0]);
    let outside = nat
        .map(Protocol::TCP, inside(1, 1), external(), NOW)
        .unwrap()
        .outside;
    let second: IpAddr = [203, 0, 113, 2].into();
    nat.set_addresses(&[second, external()]);
    assert_eq!(
        nat.directory().inside_of(Protocol::TCP, outside),
        Some(inside(1, 1))
    );
    assert_eq!(nat.take_low_water(), Some(second));
    nat.set_addresses(&[second]);
    assert_eq!(nat.directory().inside_of(Protocol::TCP, outside), None);
    assert_eq!(nat.free_ports(external()), 0);
}

fn granted(blocks: &[u16]) -> Nat {
    let mut nat = Nat::new(Settings::with_seed(42), &[external()]);
    for index in blocks {
        nat.grant(external(), block(*index));
    }
    assert_eq!(nat.take_low_water(), None);
    nat
}

fn block(index: u16) -> Block {
    Block::new(index).unwrap()
}

fn external() -> IpAddr {
    [203, 0, 113, 1].into()
}

fn inside(host: u8, port: u16) -> Endpoint {
    Endpoint::new([192, 0, 2, host].into(), port)
}

fn at(seconds: u64) -> Instant {
    NOW + Duration::from_secs(seconds)
}
