//! Who is found by which key, and how many there may be.

use super::*;

#[test]
fn both_directions_lead_to_the_session_and_leave_translated() {
    let mut table = active();
    let slot = table.open(udp(1), at(0)).unwrap();
    let session = table.get(slot).unwrap();
    assert_eq!(session.mapping(), Some((endpoint(18, 1), endpoint(19, 1))));
    for (direction, other) in [
        (Direction::Forward, Direction::Reverse),
        (Direction::Reverse, Direction::Forward),
    ] {
        assert_eq!(
            table.lookup(&session.key(direction)),
            Some(Hit { slot, direction })
        );
        assert_eq!(session.outgoing(direction), session.key(other).reversed());
    }
    assert_eq!(
        table.lookup(&session.key(Direction::Forward).reversed()),
        None
    );
    assert_eq!(table.find(session.id()), Some(slot));
}

#[test]
fn a_table_takes_no_more_than_its_limit_and_no_key_twice() {
    let mut table = Table::new(2, hasher());
    table.open(udp(1), at(0)).unwrap();
    let twice = NewSession {
        id: SessionId(99),
        ..udp(1)
    };
    assert_eq!(
        table.open(twice, at(0)),
        Err(DropReason::UnsolicitedInbound)
    );
    table.open(udp(2), at(0)).unwrap();
    assert_eq!(table.open(udp(3), at(0)), Err(DropReason::SessionTableFull));
    assert_eq!((table.len(), table.limit()), (2, 2));
}

/// A million sessions are to fit into some 230 MB, indexes included.
#[test]
fn a_session_takes_168_bytes() {
    assert_eq!(size_of::<Option<Session>>(), 168);
}
