//! Standby and takeover: nothing leaves before the gate opens, everything is there when it does.

use std::time::Duration;

use forwarding::Outcome;
use types::{DropReason, Epoch, NodeId, SessionChange};

use crate::support::frames::Build;
use crate::support::{
    Bench, CLIENT, CLIENT_MAC, EPOCH, EXTERNAL, LAN, LAN_VIRTUAL, SERVER, SERVER_MAC, WAN,
    WAN_VIRTUAL, from_client, from_server, plan, source_port,
};

const NEXT_EPOCH: Epoch = Epoch(0x202);

/// The first node, with a UDP session of the client; its external port.
fn first_node() -> (Bench, u16) {
    let mut bench = Bench::active();
    let frame = from_client(SERVER).udp(40_000, 53, b"question");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));
    let external = source_port(&bench.only_sent().1);
    (bench, external)
}

/// The second node on standby, with what the first one told the cluster.
fn second_node(changes: &[SessionChange]) -> Bench {
    let mut bench = Bench::with(plan(NodeId(2), 1));
    bench.shards[0].install(changes);
    bench
}

#[test]
fn on_standby_nothing_is_forwarded_and_nothing_is_opened() {
    let mut bench = Bench::standby();
    let to_virtual = from_client(SERVER).udp(40_000, 53, b"question");
    let mut to_device = from_client(SERVER);
    to_device.dst_mac = crate::support::LAN_DEVICE;
    for frame in [to_virtual, to_device.udp(40_000, 53, b"question")] {
        assert_eq!(bench.receive(LAN, frame), Err(DropReason::Standby));
    }
    assert!(bench.sent().is_empty());
    assert_eq!(bench.sessions(), 0);
    assert_eq!(bench.drops(DropReason::Standby), 2);
}

#[test]
fn the_very_next_packet_after_a_takeover_is_forwarded_in_both_directions() {
    let (mut first, external) = first_node();
    let mut second = second_node(&first.changes());
    assert_eq!(second.sessions(), 1);

    first.close();
    second.open(NEXT_EPOCH);

    let answer = from_server().udp(53, external, b"answer");
    assert_eq!(second.receive(WAN, answer), Ok(Outcome::Sent));
    let expected = Build::new(LAN_VIRTUAL, CLIENT_MAC, SERVER, CLIENT).ttl(63);
    assert_eq!(
        second.only_sent(),
        (LAN, expected.udp(53, 40_000, b"answer"))
    );
    let more = from_client(SERVER).udp(40_000, 53, b"more");
    assert_eq!(second.receive(LAN, more), Ok(Outcome::Sent));
    let expected = Build::new(WAN_VIRTUAL, SERVER_MAC, EXTERNAL, SERVER).ttl(63);
    assert_eq!(
        second.only_sent(),
        (WAN, expected.udp(external, 53, b"more"))
    );
    assert!(second.out.told.is_empty(), "no neighbour is asked for");
}

#[test]
fn the_first_packet_of_an_epoch_is_reported_once() {
    let mut bench = Bench::active();
    for _ in 0..3 {
        let frame = from_client(SERVER).udp(40_000, 53, b"x");
        assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));
    }
    assert_eq!(bench.out.first, [EPOCH]);
    bench.close();
    bench.open(NEXT_EPOCH);
    let ping = from_client(crate::support::GATEWAY).echo(true, 1, b"");
    assert_eq!(bench.receive(LAN, ping), Ok(Outcome::Sent));
    assert_eq!(bench.out.first, [EPOCH], "an answer is not forwarding");
    let frame = from_client(SERVER).udp(40_000, 53, b"x");
    assert_eq!(bench.receive(LAN, frame), Ok(Outcome::Sent));
    assert_eq!(bench.out.first, [EPOCH, NEXT_EPOCH]);
}

#[test]
fn the_new_owner_stamps_its_records_with_its_epoch() {
    let (mut first, external) = first_node();
    let mut second = second_node(&first.changes());
    second.open(NEXT_EPOCH);
    let answer = from_server().udp(53, external, b"answer");
    assert_eq!(second.receive(WAN, answer), Ok(Outcome::Sent));

    let changes = second.changes();
    let [SessionChange::Put(record)] = changes.as_slice() else {
        panic!("{changes:?}");
    };
    assert_eq!((record.owner, record.epoch), (NodeId(2), NEXT_EPOCH));
    assert!(record.established);
}

#[test]
fn ports_of_replicated_sessions_are_not_given_to_others() {
    let (mut first, external) = first_node();
    let mut second = second_node(&first.changes());
    second.open(NEXT_EPOCH);
    let mut ports = vec![external];
    for client_port in 41_000..41_100 {
        let frame = from_client(SERVER).udp(client_port, 53, b"x");
        assert_eq!(second.receive(LAN, frame), Ok(Outcome::Sent));
        ports.push(source_port(&second.only_sent().1));
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 101);
}

#[test]
fn a_session_that_ended_is_removed_everywhere() {
    let (mut first, external) = first_node();
    let mut second = second_node(&first.changes());
    first.advance(Duration::from_secs(1000));
    while first.shards[0].expire(&mut first.out) {}
    assert_eq!(first.sessions(), 0);

    let changes = first.changes();
    assert!(
        matches!(changes.as_slice(), [SessionChange::Remove { .. }]),
        "{changes:?}"
    );
    second.shards[0].install(&changes);
    assert_eq!(second.sessions(), 0);
    second.open(NEXT_EPOCH);
    let answer = from_server().udp(53, external, b"answer");
    assert_eq!(
        second.receive(WAN, answer),
        Err(DropReason::UnsolicitedInbound)
    );
}

#[test]
fn on_standby_no_session_idles_out() {
    let (mut first, external) = first_node();
    let mut second = second_node(&first.changes());
    second.advance(Duration::from_secs(1000));
    while second.shards[0].expire(&mut second.out) {}
    assert_eq!(second.sessions(), 1);
    second.open(NEXT_EPOCH);
    let answer = from_server().udp(53, external, b"answer");
    assert_eq!(second.receive(WAN, answer), Ok(Outcome::Sent));
}

#[test]
fn refused_changes_are_offered_again_and_later_ones_merge_behind_them() {
    let (mut bench, external) = first_node();
    let mut refused = Vec::new();
    bench.shards[0].replicate(|changes| {
        refused.clone_from(&changes);
        Err(changes)
    });
    assert_eq!(refused.len(), 1);
    assert!(bench.shards[0].is_dirty());
    // The answer changes the session once more.
    let answer = from_server().udp(53, external, b"answer");
    assert_eq!(bench.receive(WAN, answer), Ok(Outcome::Sent));

    let changes = bench.changes();
    assert_eq!(changes[0], refused[0]);
    let SessionChange::Put(last) = changes.last().unwrap() else {
        panic!("{changes:?}");
    };
    assert!(last.established);
    assert!(!bench.shards[0].is_dirty());
}
