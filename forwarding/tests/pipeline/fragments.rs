//! Fragmented datagrams: keyed by their first fragment, whatever the order, translated alike.

use std::time::Duration;

use forwarding::Outcome;
use types::DropReason;

use crate::support::frames::Build;
use crate::support::{
    Bench, EXTERNAL, LAN, SERVER, SERVER_MAC, WAN, WAN_VIRTUAL, from_client, source_port,
};

/// Three fragments of one datagram from the client to the server.
fn fragments() -> [Vec<u8>; 3] {
    let build = from_client(SERVER);
    let datagram = build.datagram(40_000, 53, &[9; 100]);
    [
        build.clone().fragment(0, true).ip(17, &datagram[..40]),
        build.clone().fragment(40, true).ip(17, &datagram[40..80]),
        build.fragment(80, false).ip(17, &datagram[80..]),
    ]
}

/// The same as they leave.
fn translated(external: u16) -> [Vec<u8>; 3] {
    let build = Build::new(WAN_VIRTUAL, SERVER_MAC, EXTERNAL, SERVER).ttl(63);
    let datagram = build.datagram(external, 53, &[9; 100]);
    [
        build.clone().fragment(0, true).ip(17, &datagram[..40]),
        build.clone().fragment(40, true).ip(17, &datagram[40..80]),
        build.fragment(80, false).ip(17, &datagram[80..]),
    ]
}

#[test]
fn later_fragments_follow_the_first_through_nat() {
    let mut bench = Bench::active();
    for fragment in fragments() {
        assert_eq!(bench.receive(LAN, fragment), Ok(Outcome::Sent));
    }
    let sent = bench.sent();
    let external = source_port(&sent[0].1);
    assert_eq!(sent, translated(external).map(|frame| (WAN, frame)));
}

#[test]
fn later_fragments_wait_for_a_first_that_was_overtaken() {
    let mut bench = Bench::active();
    let [first, second, third] = fragments();
    assert_eq!(bench.receive(LAN, third), Ok(Outcome::Waiting));
    assert_eq!(bench.receive(LAN, second), Ok(Outcome::Waiting));
    assert!(bench.sent().is_empty());
    assert_eq!(bench.receive(LAN, first), Ok(Outcome::Sent));

    let sent = bench.sent();
    let [first, second, third] = translated(source_port(&sent[0].1));
    assert_eq!(sent, [(WAN, first), (WAN, third), (WAN, second)]);
}

#[test]
fn fragments_whose_first_never_comes_are_counted() {
    let mut bench = Bench::active();
    let [_, second, third] = fragments();
    for fragment in [second, third] {
        assert_eq!(bench.receive(LAN, fragment), Ok(Outcome::Waiting));
    }
    bench.advance(Duration::from_mins(1));
    bench.shards[0].expire(&mut bench.out);
    assert_eq!(bench.drops(DropReason::FragmentWithoutFirst), 2);
    assert!(bench.out.sent.is_empty());
}

#[test]
fn fragments_of_a_refused_datagram_are_refused() {
    let mut bench = Bench::active();
    let build = from_client("198.51.100.66");
    let datagram = build.datagram(1, 2, &[0; 64]);
    let first = build.clone().fragment(0, true).ip(17, &datagram[..40]);
    let last = build.fragment(40, false).ip(17, &datagram[40..]);
    assert_eq!(bench.receive(LAN, first), Err(DropReason::AccessDenied));
    assert_eq!(
        bench.receive(LAN, last),
        Err(DropReason::FragmentWithoutFirst)
    );
    assert_eq!(bench.sessions(), 0);
}
