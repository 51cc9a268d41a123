//! One table by itself: states, ages, ranks and limits.

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

#[test]
fn udp_is_established_by_the_first_packet_back() {
    let mut table = active();
    let slot = table.open(udp(1), at(0)).unwrap();
    assert_eq!(
        table.touch(hit(slot, Direction::Forward), None, 100, at(1)),
        Touched::default()
    );
    let touched = table.touch(hit(slot, Direction::Reverse), None, 60, at(2));
    assert_eq!(
        touched,
        Touched {
            established: true,
            closed: false
        }
    );
    assert_eq!(
        table.touch(hit(slot, Direction::Reverse), None, 60, at(3)),
        Touched::default()
    );
    let session = table.get(slot).unwrap();
    assert_eq!(
        (
            session.packets(Direction::Forward),
            session.bytes(Direction::Forward)
        ),
        (1, 100)
    );
    assert_eq!(
        (
            session.packets(Direction::Reverse),
            session.bytes(Direction::Reverse)
        ),
        (2, 120)
    );
    assert_eq!(session.last_seen(), at(3));
}

/// A step: who sends what, what that changes, and how long the session may be idle afterwards.
#[test]
fn tcp_ages_by_its_state() {
    let (forward, reverse) = (Direction::Forward, Direction::Reverse);
    let established = Touched {
        established: true,
        closed: false,
    };
    let closed = Touched {
        established: false,
        closed: true,
    };
    let none = Touched::default();
    for steps in [
        vec![
            (forward, Syn, none, 10),
            (reverse, SynAck, none, 10),
            (forward, Ack, established, 1900),
            (reverse, Fin, none, 240),
            (forward, Ack, none, 240),
            (forward, Fin, none, 240),
            (reverse, Ack, closed, 240),
            (forward, Syn, none, 10),
        ],
        // Refused: no reason to remember that for long.
        vec![(reverse, Rst, closed, 10), (forward, Syn, none, 10)],
        // A reset that may be forged shortens the idle time and closes nothing.
        vec![
            (reverse, SynAck, none, 10),
            (forward, Ack, established, 1900),
            (reverse, Rst, closed, 240),
            (forward, Ack, none, 240),
        ],
    ] {
        let mut table = active();
        let slot = table.open(tcp(1, Syn), at(0)).unwrap();
        for (direction, segment, touched, idle) in steps {
            let context = format!("{direction:?} {segment:?}");
            let found = table.touch(hit(slot, direction), Some(segment), 40, at(1));
            assert_eq!(found, touched, "{context}");
            let timeout = table.get(slot).unwrap().idle_timeout();
            assert_eq!(timeout, Duration::from_secs(idle), "{context}");
        }
    }
}

#[test]
fn a_connection_older_than_its_session_is_established_by_the_first_segment_back() {
    let mut table = active();
    let slot = table.open(tcp(1, Ack), at(0)).unwrap();
    assert_eq!(
        table.get(slot).unwrap().record().tcp,
        Some(TcpState::Established)
    );
    assert_eq!(
        table.touch(hit(slot, Direction::Forward), Some(Ack), 40, at(0)),
        Touched::default()
    );
    assert_eq!(
        table.get(slot).unwrap().idle_timeout(),
        Duration::from_secs(10)
    );
    let touched = table.touch(hit(slot, Direction::Reverse), Some(Ack), 40, at(0));
    assert!(touched.established);
    assert_eq!(
        table.get(slot).unwrap().idle_timeout(),
        Duration::from_secs(1900)
    );
}

#[test]
fn an_operators_shorter_timeout_holds_for_closing_connections_too() {
    let mut table = active();
    let timeouts = Timeouts {
        initial_ms: 2_000,
        established_ms: 5_000,
    };
    let slot = table
        .open(
            NewSession {
                timeouts,
                ..tcp(1, Syn)
            },
            at(0),
        )
        .unwrap();
    for (direction, segment) in [
        (Direction::Reverse, SynAck),
        (Direction::Forward, Ack),
        (Direction::Forward, Fin),
    ] {
        table.touch(hit(slot, direction), Some(segment), 40, at(0));
    }
    assert_eq!(
        table.get(slot).unwrap().idle_timeout(),
        Duration::from_secs(5)
    );
}

/// RFC 4787 REQ-5: a mapping that was only used outwards lives as long on the node that takes over.
#[test]
fn a_replicated_session_that_nobody_has_answered_keeps_its_own_initial_timeout() {
    let timeouts = Timeouts {
        initial_ms: 120_000,
        established_ms: 180_000,
    };
    let mut owner = active();
    let new = NewSession { timeouts, ..udp(1) };
    owner.open(new, at(0)).unwrap();
    let changes = take(&mut owner, A);

    let mut other = Table::new(10, hasher());
    let installed = other.install(&changes[0], at(0), &mut Vec::new());
    let Installed::Added(slot) = installed else {
        panic!("{installed:?}");
    };
    let session = other.get(slot).unwrap();
    assert!(!session.record().established);
    assert_eq!(session.idle_timeout(), Duration::from_mins(2));
}

#[test]
fn idle_sessions_end_and_busy_ones_stay() {
    let mut table = active();
    let idle = table.open(udp(1), at(0)).unwrap();
    let busy = table.open(udp(2), at(0)).unwrap();
    for second in 1..=30 {
        table.touch(hit(busy, Direction::Forward), None, 60, at(second));
        let gone = expire(&mut table, at(second));
        assert_eq!(gone.len(), usize::from(second == 10), "at {second} s");
    }
    assert!(table.get(idle).is_none() && table.get(busy).is_some());
}

/// The timer of the old, long timeout must not keep what has closed meanwhile.
#[test]
fn a_state_with_a_shorter_timeout_takes_effect_at_once() {
    let mut table = active();
    let slot = table.open(tcp(1, Syn), at(0)).unwrap();
    table.touch(hit(slot, Direction::Reverse), Some(SynAck), 40, at(0));
    table.touch(hit(slot, Direction::Forward), Some(Ack), 40, at(0));
    table.touch(hit(slot, Direction::Forward), Some(Rst), 40, at(1));
    assert_eq!(expire(&mut table, at(240)).len(), 0);
    assert_eq!(expire(&mut table, at(242)).len(), 1);
}

/// Invariant 4 of the design: a takeover copies nothing and touches no session.
#[test]
fn on_standby_nothing_ends_and_a_takeover_counts_every_session_as_seen_now() {
    let mut table = Table::new(200_000, hasher());
    let mut gone = Vec::new();
    for number in 0..100_000 {
        table.install(&put(number, A, 1), at(0), &mut gone);
    }
    assert!(
        !table.expire(at(10_000), usize::MAX, &mut gone),
        "timers stand still on standby"
    );
    table.adopt(at(10_000));
    assert!(
        !table.expire(at(10_000), 1000, &mut gone),
        "nothing is due at the takeover"
    );
    let mut looks = 0;
    for tick in 0..1000 {
        while table.expire(
            at(10_000) + Duration::from_millis(tick * 100),
            100,
            &mut gone,
        ) {
            looks += 1;
        }
    }
    assert_eq!(
        (gone.len(), table.len()),
        (0, 100_000),
        "100 s are less than UDP's 180 s"
    );
    assert!(
        looks < 1000,
        "looks are spread over the timeout: {looks} hundreds"
    );
    while table.expire(at(10_181), 1000, &mut gone) {}
    assert_eq!((gone.len(), table.len()), (100_000, 0));
}

#[test]
fn expiry_looks_at_no_more_timers_than_it_is_allowed() {
    let mut table = active();
    for number in 0..100 {
        table.open(udp(number), at(0)).unwrap();
    }
    let mut gone = Vec::new();
    assert!(table.expire(at(60), 30, &mut gone));
    assert_eq!(gone.len(), 30);
    while table.expire(at(60), 30, &mut gone) {}
    assert_eq!((gone.len(), table.is_empty()), (100, true));
}

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

/// A node ends a session, loses its role before it could say so, and gets it back.
#[test]
fn an_untold_end_is_void_once_the_other_node_has_kept_the_session_alive() {
    for kept_alive in [false, true] {
        let mut table = active();
        let slot = table.open(udp(1), at(0)).unwrap();
        take(&mut table, A);
        table.remove(slot);
        table.pause();
        if kept_alive {
            table.install(&put(1, B, 1), at(1), &mut Vec::new());
        }
        table.adopt(at(2));
        let again = Stamp {
            epoch: B.epoch.next_for(A.owner),
            ..A
        };
        let expected = SessionChange::Remove {
            id: SessionId(1),
            epoch: again.epoch,
            version: 1,
        };
        let told = take(&mut table, again);
        assert_eq!(told, if kept_alive { vec![] } else { vec![expected] });
    }
}

/// What the active node tells comes back to it through the cluster, later than what it did since.
#[test]
fn an_echo_raises_no_session_from_the_dead_and_takes_no_keys() {
    let mut table = active();
    let slot = table.open(udp(1), at(0)).unwrap();
    let echo = take(&mut table, A);
    table.remove(slot);
    let next = table
        .open(
            NewSession {
                id: SessionId(77),
                ..udp(1)
            },
            at(0),
        )
        .unwrap();
    let mut gone = Vec::new();
    assert_eq!(table.install(&echo[0], at(0), &mut gone), Installed::Stale);
    assert_eq!((gone.len(), table.len()), (0, 1));
    assert!(table.get(next).is_some());
}

/// A packet came before the old node's word of its session: the new session is the true one, and the
/// cluster hears that the old one is void.
#[test]
fn a_late_word_of_the_old_node_does_not_take_keys_from_a_session_opened_here() {
    for told_something in [false, true] {
        let mut table = active();
        if told_something {
            table.open(udp(2), at(0)).unwrap();
            take(&mut table, B);
        }
        let slot = table
            .open(
                NewSession {
                    id: SessionId(77),
                    ..udp(1)
                },
                at(0),
            )
            .unwrap();
        let mut gone = Vec::new();
        assert_eq!(
            table.install(&put(1, A, 9), at(0), &mut gone),
            Installed::Stale
        );
        assert!(gone.is_empty() && table.get(slot).is_some());
        let changes = take(&mut table, B);
        assert_eq!(changes[0], remove(1, B, 1));
        assert_eq!(changes.len(), 2);
    }
}

#[test]
fn the_newest_rank_wins_and_applying_twice_changes_nothing() {
    let mut table = Table::new(10, hasher());
    let mut gone = Vec::new();
    let Installed::Added(slot) = table.install(&put(1, A, 2), at(0), &mut gone) else {
        panic!("a new session is added");
    };
    for (change, expected) in [
        (put(1, A, 2), Installed::Stale),
        (put(1, A, 1), Installed::Stale),
        (remove(1, A, 2), Installed::Stale),
        (put(1, A, 3), Installed::Updated(slot)),
        (put(1, B, 1), Installed::Updated(slot)),
        (put(1, A, 9), Installed::Stale),
        (remove(2, B, 9), Installed::Stale),
    ] {
        assert_eq!(
            table.install(&change, at(1), &mut gone),
            expected,
            "{change:?}"
        );
        assert!(gone.is_empty());
    }
    assert_eq!(
        table.install(&remove(1, B, 2), at(2), &mut gone),
        Installed::Removed
    );
    assert_eq!((gone.len(), table.len()), (1, 0));
    assert_eq!(*table.digest(), types::Digest::default());
    assert_eq!(
        table.install(&remove(1, B, 2), at(2), &mut gone),
        Installed::Stale
    );
}

#[test]
fn a_session_with_new_keys_leaves_its_old_ones() {
    let mut table = Table::new(10, hasher());
    let mut gone = Vec::new();
    table.install(&put(1, A, 1), at(0), &mut gone);
    let SessionChange::Put(old) = put(1, A, 1) else {
        unreachable!()
    };
    let mut new = old.clone();
    new.version = 2;
    new.reverse.dst.port = 9;
    let installed = table.install(&SessionChange::Put(new.clone()), at(0), &mut gone);
    assert!(matches!(installed, Installed::Added(_)));
    assert_eq!(
        gone,
        std::slice::from_ref(&old),
        "its mapping is to be released"
    );
    assert_eq!(table.lookup(&old.reverse), None);
    assert!(table.lookup(&new.reverse).is_some() && table.lookup(&new.forward).is_some());
    assert_eq!(table.len(), 1);
}

/// After both nodes were active, one pair of keys may belong to two sessions.
#[test]
fn the_higher_epoch_gets_the_keys() {
    let mut gone = Vec::new();
    let same_keys = |id, stamp: Stamp| {
        let SessionChange::Put(mut record) = put(1, stamp, 1) else {
            unreachable!()
        };
        record.id = SessionId(id);
        SessionChange::Put(record)
    };
    let mut table = Table::new(10, hasher());
    table.install(&same_keys(50, A), at(0), &mut gone);
    let installed = table.install(&same_keys(51, B), at(0), &mut gone);
    assert!(matches!(installed, Installed::Added(_)));
    assert_eq!(
        gone.iter().map(|record| record.id).collect::<Vec<_>>(),
        [SessionId(50)]
    );
    assert_eq!(
        table.install(&same_keys(52, A), at(0), &mut gone),
        Installed::Stale
    );
    assert_eq!((table.len(), gone.len()), (1, 1));
    assert_eq!(table.find(SessionId(50)), None);
}

#[test]
fn a_full_standby_says_so() {
    let mut table = Table::new(1, hasher());
    let mut gone = Vec::new();
    table.install(&put(1, A, 1), at(0), &mut gone);
    assert_eq!(
        table.install(&put(2, A, 1), at(0), &mut gone),
        Installed::Full
    );
    assert_eq!((table.len(), gone.len()), (1, 0));
}

/// A node that was active before has things to say that are no longer its to say.
#[test]
fn a_newer_word_outdates_what_this_node_wanted_to_tell() {
    let mut table = active();
    let slot = table.open(udp(1), at(0)).unwrap();
    let changes = take(&mut table, A);
    table.touch(hit(slot, Direction::Reverse), None, 60, at(1));
    table.pause();
    let SessionChange::Put(record) = &changes[0] else {
        panic!("{changes:?}")
    };
    let newer = SessionRecord {
        epoch: B.epoch,
        owner: B.owner,
        version: 1,
        ..record.clone()
    };
    let installed = table.install(&SessionChange::Put(newer), at(2), &mut Vec::new());
    assert_eq!(
        (installed, table.pending_changes()),
        (Installed::Updated(slot), 0)
    );
    table.touch(hit(slot, Direction::Reverse), None, 60, at(3));
    assert_eq!(take(&mut table, A), [], "under its old epoch it has no say");
}

#[test]
fn the_digest_is_equal_when_the_replicated_sessions_are_and_only_then() {
    let mut active = active();
    let mut standby = Table::new(100, ahash::RandomState::with_seeds(9, 8, 7, 6));
    let mut gone = Vec::new();
    let slots: Vec<_> = (0..20)
        .map(|number| active.open(udp(number), at(0)).unwrap())
        .collect();
    assert_eq!(
        active.digest(),
        standby.digest(),
        "what was never told does not count"
    );
    let changes = take(&mut active, A);
    assert_ne!(active.digest(), standby.digest());
    for change in changes.iter().rev() {
        standby.install(change, at(0), &mut gone);
    }
    assert_eq!(active.digest(), standby.digest());
    active.touch(hit(slots[3], Direction::Reverse), None, 60, at(1));
    active.remove(slots[4]);
    for change in take(&mut active, A) {
        assert_ne!(active.digest(), standby.digest());
        standby.install(&change, at(1), &mut gone);
    }
    assert_eq!((active.digest(), gone.len()), (standby.digest(), 1));
}

/// A million sessions are to fit into some 230 MB, indexes included.
#[test]
fn a_session_takes_168_bytes() {
    assert_eq!(size_of::<Option<Session>>(), 168);
}

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
