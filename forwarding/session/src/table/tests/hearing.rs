//! What becomes of the other node's word: ranks, keys, ends and echoes.

use super::*;

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
