//! Sessions in few bytes: whatever is packed comes back, and bytes that nobody packed are refused.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use raft_state::{Names, Packed};
use types::flow_key::{Endpoint, FlowKey, Protocol};
use types::{
    Direction, Epoch, Giid, Hop, Name, NodeId, SessionChange, SessionId, SessionRecord, TcpState,
};

proptest! {
    #[test]
    fn every_change_comes_back(changes in vec(change(), 0..20)) {
        let packed: Packed = changes.iter().collect();
        prop_assert_eq!(packed.len(), changes.len());
        prop_assert_eq!(unpacked(&packed), Some(changes.clone()));
        for (packed, change) in packed.iter().zip(&changes) {
            prop_assert_eq!((packed.id(), packed.rank()), (change.id(), change.rank()));
        }
        let bytes = postcard::to_stdvec(&packed).unwrap();
        let read: Packed = postcard::from_bytes(&bytes).unwrap();
        prop_assert_eq!(unpacked(&read), Some(changes));
    }

    /// Bytes from a peer are changes from the first to the last, or refused as a whole.
    #[test]
    fn damaged_changes_are_refused_or_changes(
        changes in vec(change(), 1..6),
        place in any::<prop::sample::Index>(),
        value: u8,
    ) {
        let packed: Packed = changes.iter().collect();
        let mut bytes = postcard::to_stdvec(&packed).unwrap();
        let place = place.index(bytes.len());
        bytes[place] = value;
        if let Ok(read) = postcard::from_bytes::<Packed>(&bytes) {
            prop_assert_eq!(unpacked(&read).map(|changes| changes.len()), Some(read.len()));
        }
    }
}

/// What memory and wires are reckoned with.
#[test]
fn an_ipv4_session_takes_some_seventy_bytes() {
    let inside = Endpoint::new([192, 0, 2, 9].into(), 40_000);
    let outside = Endpoint::new([198, 51, 100, 9].into(), 443);
    let record = SessionRecord {
        forward: FlowKey {
            src: inside,
            dst: outside,
            protocol: Protocol::TCP,
        },
        reverse: FlowKey {
            src: outside,
            dst: Endpoint::new([203, 0, 113, 1].into(), 40_000),
            protocol: Protocol::TCP,
        },
        forward_hop: Hop {
            interface: Giid(2),
            neighbor: [203, 0, 113, 254].into(),
        },
        reverse_hop: Hop {
            interface: Giid(1),
            neighbor: inside.ip,
        },
        id: SessionId(1 << 100),
        owner: NodeId(1),
        epoch: Epoch(0x101),
        version: 1,
        ingress: Giid(1),
        service: Name::from("internet"),
        tenant: Some(Name::from("lan")),
        tcp: Some(TcpState::Established),
        established: true,
        initial_timeout_ms: 10_000,
        timeout_ms: 1_900_000,
        opened_unix_ms: 1_700_000_000_000,
    };
    let packed: Packed = [SessionChange::Put(record)].into_iter().collect();
    let bytes = postcard::to_stdvec(&packed).unwrap();
    assert!(bytes.len() <= 80, "{} bytes", bytes.len());
}

fn unpacked(packed: &Packed) -> Option<Vec<SessionChange>> {
    let mut names = Names::default();
    let changes = packed.iter().map(|change| change.unpack(&mut names));
    changes.collect()
}

fn change() -> impl Strategy<Value = SessionChange> {
    let ended = (any::<u128>(), any::<u64>(), any::<u32>()).prop_map(|(id, epoch, version)| {
        SessionChange::Remove {
            id: SessionId(id),
            epoch: Epoch(epoch),
            version,
        }
    });
    prop_oneof![1 => ended, 4 => record().prop_map(SessionChange::Put)]
}

fn record() -> impl Strategy<Value = SessionRecord> {
    let identity = (any::<u128>(), any::<u8>(), any::<u64>(), any::<u32>());
    let flows = (key(), key(), any::<[bool; 4]>());
    let hops = (any::<u16>(), hop(), hop());
    let names = ("[a-z.]{0,200}", option::of("[a-z.]{0,20}"));
    let timeouts = (any::<u32>(), any::<u32>());
    let rest = (option::of(tcp()), any::<bool>(), timeouts, any::<u64>());
    (identity, flows, hops, names, rest).prop_map(|(identity, flows, hops, names, rest)| {
        let (id, owner, epoch, version) = identity;
        let (forward, mut reverse, follows) = flows;
        let (ingress, mut forward_hop, mut reverse_hop) = hops;
        let (tcp, established, timeouts, opened_unix_ms) = rest;
        let [same_src, same_dst, same_hop, same_way] = follows;
        if same_src {
            reverse.src = forward.dst;
            reverse.protocol = forward.protocol;
        }
        if same_dst {
            reverse.dst = forward.src;
        }
        if same_hop {
            forward_hop.neighbor = forward.dst.ip;
            reverse_hop.neighbor = forward.src.ip;
        }
        if same_way {
            reverse_hop.interface = Giid(ingress);
        }
        SessionRecord {
            id: SessionId(id),
            owner: NodeId(owner),
            epoch: Epoch(epoch),
            version,
            forward,
            reverse,
            ingress: Giid(ingress),
            forward_hop,
            reverse_hop,
            service: Name::from(names.0),
            tenant: names.1.map(Name::from),
            tcp,
            established,
            initial_timeout_ms: timeouts.0,
            timeout_ms: timeouts.1,
            opened_unix_ms,
        }
    })
}

fn key() -> impl Strategy<Value = FlowKey> {
    (endpoint(), endpoint(), any::<u8>()).prop_map(|(src, dst, protocol)| FlowKey {
        src,
        dst,
        protocol: Protocol(protocol),
    })
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| Endpoint { ip, port })
}

fn hop() -> impl Strategy<Value = Hop> {
    (any::<u16>(), any::<IpAddr>()).prop_map(|(interface, neighbor)| Hop {
        interface: Giid(interface),
        neighbor,
    })
}

fn tcp() -> impl Strategy<Value = TcpState> {
    prop_oneof![
        Just(TcpState::SynSent),
        Just(TcpState::SynReceived),
        Just(TcpState::Established),
        Just(TcpState::FinWait(Direction::Forward)),
        Just(TcpState::FinWait(Direction::Reverse)),
        Just(TcpState::Closing),
        Just(TcpState::TimeWait),
        Just(TcpState::Reset),
    ]
}
