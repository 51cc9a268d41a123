//! What the cluster is told of this table, and in which order.

use super::*;

#[test]
fn changes_are_merged_by_session_and_stamped_in_order() {
    let mut table = active();
    let slot = table.open(tcp(1, Syn), at(0)).unwrap();
    table.touch(hit(slot, Direction::Reverse), Some(SynAck), 40, at(0));
    assert_eq!(table.pending_changes(), 1);
    let changes = take(&mut table, A);
    assert_eq!(ranks(&changes), [(A.epoch, 1)]);
    let SessionChange::Put(record) = &changes[0] else {
        panic!("{changes:?}")
    };
    assert_eq!(
        (record.owner, record.tcp),
        (A.owner, Some(TcpState::SynReceived))
    );
    assert_eq!(take(&mut table, A), [], "nothing happened since");
    table.touch(hit(slot, Direction::Forward), None, 40, at(1));
    assert_eq!(
        take(&mut table, A),
        [],
        "a packet that changes no state is no news"
    );

    table.touch(hit(slot, Direction::Forward), Some(Ack), 40, at(1));
    assert_eq!(ranks(&take(&mut table, A)), [(A.epoch, 2)]);
    table.touch(hit(slot, Direction::Forward), Some(Fin), 40, at(1));
    assert_eq!(
        ranks(&take(&mut table, B)),
        [(B.epoch, 1)],
        "a new epoch counts anew"
    );
    table.remove(slot);
    let end = SessionChange::Remove {
        id: SessionId(1),
        epoch: B.epoch,
        version: 2,
    };
    assert_eq!(take(&mut table, B), [end]);
}

#[test]
fn a_new_way_out_is_news_and_the_same_one_is_not() {
    let mut table = active();
    let slot = table.open(udp(1), at(0)).unwrap();
    take(&mut table, A);
    let hop = table.get(slot).unwrap().hop(Direction::Forward);
    table.set_hop(hit(slot, Direction::Forward), hop);
    assert_eq!(table.pending_changes(), 0);
    table.set_hop(
        hit(slot, Direction::Forward),
        Hop {
            interface: Giid(7),
            ..hop
        },
    );
    assert_eq!(table.pending_changes(), 1);
    assert_eq!(
        table.get(slot).unwrap().hop(Direction::Forward).interface,
        Giid(7)
    );
}

#[test]
fn a_session_that_came_and_went_between_two_calls_is_never_told() {
    let mut table = active();
    for number in 0..1000 {
        let slot = table.open(udp(number), at(0)).unwrap();
        table.remove(slot);
    }
    assert_eq!(table.pending_changes(), 0);
    assert_eq!(take(&mut table, A), []);
}

/// The new one may have the keys and the port of the old one, and the other node has to let go first.
#[test]
fn what_ended_is_told_before_what_began() {
    let mut table = active();
    let slot = table.open(udp(1), at(0)).unwrap();
    take(&mut table, A);
    table.remove(slot);
    table
        .open(
            NewSession {
                id: SessionId(77),
                ..udp(1)
            },
            at(0),
        )
        .unwrap();
    let mut changes = Vec::new();
    assert_eq!(table.take_changes(A, 1, &mut changes), 1);
    assert!(matches!(
        changes[0],
        SessionChange::Remove {
            id: SessionId(1),
            ..
        }
    ));
    assert_eq!(table.take_changes(A, 10, &mut changes), 1);
    assert!(matches!(&changes[1], SessionChange::Put(record) if record.id == SessionId(77)));
}

#[test]
fn removals_that_nobody_takes_stay_within_bounds() {
    let mut table = Table::new(10, hasher());
    table.adopt(at(0));
    for number in 0..25 {
        let installed = table.install(&put(number, A, 1), at(0), &mut Vec::new());
        let Installed::Added(slot) = installed else {
            panic!("{installed:?}");
        };
        table.remove(slot);
    }
    assert_eq!((table.pending_changes(), table.lost_removals()), (10, 15));
}
