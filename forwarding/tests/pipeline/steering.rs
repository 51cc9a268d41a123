//! Several shards: whichever receives a frame, the session's owner decides, and there is only one.

use forwarding::Outcome;
use forwarding::port::Offload;
use forwarding::steering::{Arrival, ShardIndex, Steering};
use nat::{Block, Nat, Settings};
use proptest::prelude::*;
use types::{DropReason, Endpoint, FlowKey, Instant, NodeId, Protocol};

use crate::support::frames::{Build, quoted};
use crate::support::{
    Bench, CLIENT, CLIENT_MAC, EPOCH, EXTERNAL, LAN, LAN_VIRTUAL, SERVER, WAN, from_client,
    from_server, plan, source_port,
};

fn bench(shards: usize) -> Bench {
    let mut bench = Bench::with(plan(NodeId(1), shards));
    bench.open(EPOCH);
    bench
}

proptest! {
    /// Frames are received anywhere; both directions, errors about them and fragments of them must
    /// find the one session.
    #[test]
    fn a_session_has_one_owner_wherever_its_frames_arrive(
        shards in 1_usize..6,
        arrivals in proptest::array::uniform5(0_usize..6),
        client_port in 1024_u16..,
        tcp: bool,
    ) {
        let mut bench = bench(shards);
        let at = arrivals.map(|at| at % shards);
        let receive = |bench: &mut Bench, at, port, frame| {
            bench.receive_at(at, port, frame, Offload::None)
        };
        let client = from_client(SERVER);
        let forward = if tcp {
            client.tcp((client_port, 443), 0x02, 1, 0, b"")
        } else {
            client.udp(client_port, 443, b"question")
        };
        prop_assert_eq!(receive(&mut bench, at[0], LAN, forward.clone()), Ok(Outcome::Sent));
        let (_, left) = bench.only_sent();
        let external = source_port(&left);
        let answer = if tcp {
            from_server().tcp((443, external), 0x12, 1, 2, b"")
        } else {
            from_server().udp(443, external, b"answer")
        };
        prop_assert_eq!(receive(&mut bench, at[1], WAN, answer), Ok(Outcome::Sent));
        let (_, answered) = bench.only_sent();
        let expected = Build::new(LAN_VIRTUAL, CLIENT_MAC, SERVER, CLIENT).ttl(63);
        let expected = if tcp {
            expected.tcp((443, client_port), 0x12, 1, 2, b"")
        } else {
            expected.udp(443, client_port, b"answer")
        };
        prop_assert_eq!(answered, expected);

        let error = from_server().icmp(3, 1, &quoted(&left));
        prop_assert_eq!(receive(&mut bench, at[2], WAN, error), Ok(Outcome::Sent));
        prop_assert_eq!(&bench.only_sent().1[42..], &forward_quote(&forward)[..]);
        prop_assert_eq!(bench.sessions(), 1);

        if !tcp {
            let datagram = client.datagram(client_port, 443, &[3; 100]);
            let first = client.clone().fragment(0, true).ip(17, &datagram[..56]);
            let last = client.clone().fragment(56, false).ip(17, &datagram[56..]);
            prop_assert_eq!(receive(&mut bench, at[3], LAN, last), Ok(Outcome::Waiting));
            receive(&mut bench, at[4], LAN, first).unwrap();
            let mut sent = bench.sent();
            sent.sort_by_key(|(_, frame)| frame.len());
            prop_assert_eq!(sent.len(), 2);
            prop_assert_eq!(source_port(&sent[1].1), external);
        }
        prop_assert_eq!(bench.sessions(), 1);
    }

    #[test]
    fn both_directions_hash_alike_translated_or_not(
        inside: ([u8; 4], u16),
        peer: ([u8; 4], u16),
        seed: u64,
        shards in 1_usize..9,
    ) {
        let endpoint = |(ip, port): ([u8; 4], u16)| Endpoint::new(ip.into(), port);
        let (inside, peer) = (endpoint(inside), endpoint(peer));
        let external = EXTERNAL.parse().unwrap();
        let mut nat = Nat::new(Settings::with_seed(seed), &[external]);
        nat.grant(external, Block::new(0).unwrap());
        let steering = Steering::new(seed, shards, nat.directory());
        let protocol = Protocol::UDP;
        let forward = FlowKey { src: inside, dst: peer, protocol };
        let owner = steering.shard(&forward, Arrival::Inside);
        prop_assert!(owner.0 < shards);
        prop_assert_eq!(steering.shard(&forward.reversed(), Arrival::Inside), owner);

        let mapping = nat.map(protocol, inside, external, Instant::START);
        if let Ok(mapping) = mapping {
            let reverse = FlowKey { src: peer, dst: mapping.outside, protocol };
            prop_assert_eq!(steering.shard(&reverse, Arrival::Outside), owner);
        }
    }
}

/// The IP packet that an error about `frame` quotes after one hop.
fn forward_quote(frame: &[u8]) -> Vec<u8> {
    let mut packet = frame[14..].to_vec();
    packet[8] -= 1;
    // One less in the TTL is 0x0100 more in the header checksum, carry included.
    let sum = u32::from(u16::from_be_bytes([packet[10], packet[11]])) + 0x0100;
    let sum = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet
}

#[test]
fn sessions_of_one_client_spread_over_all_shards() {
    let mut bench = bench(4);
    for client_port in 20_000..20_400 {
        let frame = from_client(SERVER).udp(client_port, 53, b"x");
        assert_eq!(
            bench.receive_at(0, LAN, frame, Offload::None),
            Ok(Outcome::Sent)
        );
    }
    let sizes: Vec<_> = bench
        .shards
        .iter()
        .map(|shard| shard.table().len())
        .collect();
    assert_eq!(sizes.iter().sum::<usize>(), 400);
    assert!(sizes.iter().all(|size| *size > 50), "{sizes:?}");
}

#[test]
fn a_full_queue_drops_the_frame_and_counts_it() {
    let mut bench = bench(8);
    bench.out.full = true;
    let results: Vec<_> = (20_000..20_040)
        .map(|port| {
            let frame = from_client(SERVER).udp(port, 53, b"x");
            bench.receive(LAN, frame)
        })
        .collect();
    let dropped = results
        .iter()
        .filter(|result| **result == Err(DropReason::QueueFull))
        .count();
    assert!(dropped > 10, "{results:?}");
    assert_eq!(bench.drops(DropReason::QueueFull), dropped as u64);
}

#[test]
fn a_frame_that_waited_too_long_between_shards_is_dropped() {
    let mut bench = bench(8);
    // Finds a port whose session belongs to another shard.
    let (to, mut parcel) = (20_000..20_100)
        .find_map(|port| {
            let mut frame = from_client(SERVER).udp(port, 53, b"x");
            let parcel = forwarding::outbox::Parcel {
                ingress: LAN,
                frame: &mut frame,
                offload: Offload::None,
                stage: forwarding::outbox::Stage::Arrived,
            };
            let _sent_or_handed = bench.shards[0].process(parcel, &mut bench.out);
            bench.out.handed.pop()
        })
        .unwrap();
    bench.advance(std::time::Duration::from_secs(1));
    let ShardIndex(to) = to;
    let result = bench.shards[to].process_handed_over(&mut parcel, &mut bench.out);
    assert_eq!(result, Err(DropReason::QueueTimeout));
}
