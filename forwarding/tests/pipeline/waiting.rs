//! Packets that wait for their neighbour's MAC address.

use std::time::Duration;

use forwarding::{NeighborKey, Outcome};
use neighbor::Event;
use types::{DropReason, Giid};

use crate::support::frames::quoted;
use crate::support::{
    Bench, CLIENT, CLIENT_MAC, LAN, SERVER, SERVER_MAC, WAN, from_client, source_port,
};

fn server() -> NeighborKey {
    NeighborKey {
        interface: Giid(2),
        ip: SERVER.parse().unwrap(),
    }
}

/// A bench that does not know the server.
fn bench() -> Bench {
    let mut bench = Bench::active();
    bench.know(&[(1, CLIENT, CLIENT_MAC)]);
    bench.begin();
    bench
}

#[test]
fn packets_wait_for_the_answer_and_leave_in_order() {
    let mut bench = bench();
    for mark in [b"1", b"2", b"3"] {
        let frame = from_client(SERVER).udp(40_000, 53, mark);
        assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Waiting));
    }
    let needed = Event::Needed {
        interface: Giid(2),
        ip: SERVER.parse().unwrap(),
    };
    assert_eq!(bench.out.told, [needed], "one question for all of them");
    assert!(bench.sent().is_empty());

    bench.know(&[(1, CLIENT, CLIENT_MAC), (2, SERVER, SERVER_MAC)]);
    bench.begin();
    let marks: Vec<_> = bench
        .sent()
        .into_iter()
        .map(|(port, frame)| (port, frame[42]))
        .collect();
    assert_eq!(marks, [(WAN, b'1'), (WAN, b'2'), (WAN, b'3')]);
    assert_eq!(bench.sessions(), 1);
}

#[test]
fn a_silent_neighbour_is_unreachable_and_the_sender_is_told() {
    let mut bench = bench();
    let frame = from_client(SERVER).udp(40_000, 53, b"x");
    assert_eq!(bench.receive(LAN, frame.clone()), Ok(Outcome::Waiting));
    bench.shards[0].neighbor_failed(server(), &mut bench.out);

    assert_eq!(bench.drops(DropReason::NeighborUnreachable), 1);
    let (port, sent) = bench.only_sent();
    assert_eq!((port, sent[34], sent[35]), (LAN, 3, 1));
    assert_eq!(sent[42..], quoted(&frame)[4..], "quoted as it was sent");
}

#[test]
fn packets_do_not_wait_for_ever_for_a_neighbour_nobody_speaks_of() {
    let mut bench = bench();
    let frame = from_client(SERVER).udp(40_000, 53, b"x");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Waiting));
    bench.advance(Duration::from_secs(1));
    bench.shards[0].expire(&mut bench.out);
    assert_eq!(bench.out.told.len(), 2, "asked once more");
    bench.advance(Duration::from_secs(10));
    bench.shards[0].expire(&mut bench.out);
    assert_eq!(bench.drops(DropReason::NeighborUnreachable), 1);
}

#[test]
fn too_many_waiting_packets_are_dropped_and_counted() {
    let mut bench = bench();
    let mut dropped = 0;
    for _ in 0..100 {
        let frame = from_client(SERVER).udp(40_000, 53, b"x");
        if bench.receive(LAN, frame) == Err(DropReason::NeighborPending) {
            dropped += 1;
        }
    }
    assert_eq!(dropped, 36);
    assert_eq!(bench.drops(DropReason::NeighborPending), 36);
}

#[test]
fn a_standby_that_waited_forwards_nothing_when_the_answer_comes() {
    let mut bench = bench();
    let frame = from_client(SERVER).udp(40_000, 53, b"x");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Waiting));
    bench.close();
    bench.know(&[(1, CLIENT, CLIENT_MAC), (2, SERVER, SERVER_MAC)]);
    bench.begin();
    assert!(bench.sent().is_empty());
    assert_eq!(bench.drops(DropReason::Standby), 1);
}

#[test]
fn a_known_neighbour_costs_no_question() {
    let mut bench = Bench::active();
    let frame = from_client(SERVER).udp(40_000, 53, b"x");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));
    assert!(bench.out.told.is_empty());
    assert_ne!(source_port(&bench.only_sent().1), 0);
}
