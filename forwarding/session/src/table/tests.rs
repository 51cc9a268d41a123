//! One table by itself: states, ages, ranks and limits.

mod hearing;
mod lifetime;
mod lookup;
mod telling;

use core::time::Duration;

use types::{Endpoint, Giid, Name, Protocol, SessionChange, TcpState};

use super::*;
use crate::policy::Timeouts;
use crate::tcp_state::Segment::{Ack, Fin, Rst, Syn, SynAck};

const A: Stamp = Stamp {
    owner: NodeId(1),
    epoch: Epoch(0x101),
};
const B: Stamp = Stamp {
    owner: NodeId(2),
    epoch: Epoch(0x202),
};

fn active() -> Table {
    let mut table = Table::new(1000, hasher());
    table.adopt(at(0));
    table
}

fn hasher() -> ahash::RandomState {
    ahash::RandomState::with_seeds(1, 2, 3, 4)
}

fn at(seconds: u64) -> Instant {
    Instant::START + Duration::from_secs(seconds)
}

const fn hit(slot: Slot, direction: Direction) -> Hit {
    Hit { slot, direction }
}

/// 198.18.0.0/16 is inside, 198.19.0.0/16 outside.
fn endpoint(net: u8, number: u32) -> Endpoint {
    let [_, host, high, low] = number.to_be_bytes();
    Endpoint::new([198, net, host, high].into(), 1024 + u16::from(low))
}

fn udp(number: u32) -> NewSession {
    let protocol = Protocol::UDP;
    let server = Endpoint::new([198, 51, 100, 1].into(), 53);
    let source = endpoint(18, number);
    let outside = endpoint(19, number);
    NewSession {
        id: SessionId(u128::from(number)),
        forward: FlowKey {
            src: source,
            dst: server,
            protocol,
        },
        reverse: FlowKey {
            src: server,
            dst: outside,
            protocol,
        },
        ingress: Giid(1),
        forward_hop: Hop {
            interface: Giid(2),
            neighbor: server.ip,
        },
        reverse_hop: Hop {
            interface: Giid(1),
            neighbor: source.ip,
        },
        service: Name::from("internet"),
        tenant: None,
        segment: None,
        timeouts: Timeouts {
            initial_ms: 10_000,
            established_ms: 180_000,
        },
        opened_unix_ms: 0,
    }
}

fn tcp(number: u32, segment: Segment) -> NewSession {
    let mut new = udp(number);
    new.forward.protocol = Protocol::TCP;
    new.reverse.protocol = Protocol::TCP;
    let timeouts = Timeouts {
        initial_ms: 10_000,
        established_ms: 1_900_000,
    };
    NewSession {
        segment: Some(segment),
        timeouts,
        ..new
    }
}

/// An established session as the other node tells it.
fn put(number: u32, stamp: Stamp, version: u32) -> SessionChange {
    let record = Session::open(udp(number), at(0)).record();
    let Stamp { owner, epoch } = stamp;
    SessionChange::Put(SessionRecord {
        owner,
        epoch,
        version,
        established: true,
        ..record
    })
}

const fn remove(number: u128, stamp: Stamp, version: u32) -> SessionChange {
    SessionChange::Remove {
        id: SessionId(number),
        epoch: stamp.epoch,
        version,
    }
}

fn take(table: &mut Table, stamp: Stamp) -> Vec<SessionChange> {
    let mut changes = Vec::new();
    let count = table.take_changes(stamp, usize::MAX, &mut changes);
    assert_eq!(count, changes.len());
    changes
}

fn ranks(changes: &[SessionChange]) -> Vec<(Epoch, u32)> {
    changes.iter().map(SessionChange::rank).collect()
}

fn expire(table: &mut Table, now: Instant) -> Vec<SessionRecord> {
    let mut gone = Vec::new();
    while table.expire(now, 10, &mut gone) {}
    gone
}
