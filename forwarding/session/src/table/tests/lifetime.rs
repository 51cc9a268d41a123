//! How long a session lives, by protocol and state.

use super::*;

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
