//! Listing and mending, in both roles.

use core::time::Duration;

use types::{Digest, Endpoint, FlowKey, Giid, Hop, Name, NodeId, Protocol, SessionChange};

use super::*;
use crate::table::Stamp;

const A: Stamp = Stamp {
    owner: NodeId(1),
    epoch: Epoch(0x101),
};
const B: Stamp = Stamp {
    owner: NodeId(2),
    epoch: Epoch(0x202),
};

#[test]
fn a_standby_takes_what_it_lacks_and_gives_up_what_nobody_knows() {
    let mut table = standby();
    let mut gone = Vec::new();
    table.install(&SessionChange::Put(record(1, A, 1)), at(0), &mut gone);
    table.install(&SessionChange::Put(record(2, A, 3)), at(0), &mut gone);

    let lacking = mend(&mut table, 3, None, Some(record(3, A, 1)));
    assert!(matches!(lacking, Repaired::Added(_)), "{lacking:?}");
    let unknown = mend(&mut table, 1, Some((A.epoch, 1)), None);
    assert_eq!(unknown, Repaired::Removed);
    // Its own last words were never agreed on: the agreed ones count, although they are older.
    let newer = mend(&mut table, 2, Some((A.epoch, 3)), Some(record(2, A, 2)));
    assert!(matches!(newer, Repaired::Added(_)), "{newer:?}");

    let agreed: Digest = [&record(2, A, 2), &record(3, A, 1)].into_iter().collect();
    assert_eq!(*table.digest(), agreed);
    assert_eq!(
        table.pending_changes(),
        0,
        "a standby tells nobody anything"
    );
}

#[test]
fn an_active_node_tells_again_what_the_cluster_has_missed() {
    let mut table = active();
    let mut gone = Vec::new();
    table.install(&SessionChange::Put(record(1, A, 1)), at(0), &mut gone);
    table.install(&SessionChange::Put(record(2, A, 2)), at(0), &mut gone);
    let first = take(&mut table);
    assert_eq!(first.len(), 2, "as the active one it vouches for both");

    let unknown = mend(&mut table, 1, Some((B.epoch, 1)), None);
    let newer = mend(&mut table, 2, Some((B.epoch, 1)), Some(record(2, A, 2)));

    assert_eq!([unknown, newer], [Repaired::ToldAgain; 2]);
    let told = take(&mut table);
    let ranks: Vec<_> = told.iter().map(SessionChange::rank).collect();
    assert_eq!(ranks, [(B.epoch, 2), (B.epoch, 2)]);
}

#[test]
fn an_active_node_ends_again_what_it_has_ended_and_takes_what_it_should_have_inherited() {
    let mut table = active();
    let mut gone = Vec::new();
    table.install(&SessionChange::Put(record(1, A, 1)), at(0), &mut gone);
    take(&mut table);

    // Told under the present epoch and not here any more: its end got lost.
    let ended = mend(&mut table, 7, None, Some(record(7, B, 4)));
    assert_eq!(ended, Repaired::EndedAgain);
    assert_eq!(
        take(&mut table),
        [SessionChange::Remove {
            id: SessionId(7),
            epoch: B.epoch,
            version: 5
        }]
    );

    let inherited = mend(&mut table, 8, None, Some(record(8, A, 4)));
    assert!(matches!(inherited, Repaired::Added(_)), "{inherited:?}");
    let told = take(&mut table);
    assert_eq!(told.first().map(SessionChange::id), Some(SessionId(8)));

    let newer = mend(&mut table, 1, Some((B.epoch, 1)), Some(record(1, B, 6)));
    assert!(matches!(newer, Repaired::Replaced(_)), "{newer:?}");
}

#[test]
fn what_has_changed_since_it_was_compared_is_left_alone() {
    let mut table = standby();
    let mut gone = Vec::new();
    table.install(&SessionChange::Put(record(1, A, 2)), at(0), &mut gone);
    let before = table.digest().clone();

    for (id, held, agreed) in [
        // It was older when it was compared.
        (1, Some((A.epoch, 1)), None),
        // It was not here yet.
        (1, None, Some(record(1, A, 3))),
        // It is gone meanwhile.
        (2, Some((A.epoch, 1)), None),
        // There is no difference any more.
        (1, Some((A.epoch, 2)), Some(record(1, A, 2))),
    ] {
        assert_eq!(mend(&mut table, id, held, agreed), Repaired::Outdated);
    }
    assert_eq!(*table.digest(), before);
}

#[test]
fn every_session_of_the_chosen_shards_is_listed_once_in_pieces() {
    let mut table = standby();
    let mut gone = Vec::new();
    for number in 0..50 {
        table.install(&SessionChange::Put(record(number, A, 1)), at(0), &mut gone);
    }
    let chosen = [SessionId(3).shard(), SessionId(4).shard()];
    let set: ShardSet = chosen.into_iter().collect();
    let mut held = Vec::new();
    let mut from = Some(0);
    while let Some(place) = from {
        from = table.held(&set, place, 7, &mut held);
    }
    let mut ids: Vec<_> = held.iter().map(|held| held.id).collect();
    ids.sort_unstable();
    let expected: Vec<_> = (0..50)
        .map(SessionId)
        .filter(|id| chosen.contains(&id.shard()))
        .collect();
    assert_eq!(ids, expected);
}

#[test]
fn what_waits_to_be_told_is_no_difference() {
    let mut table = active();
    let mut gone = Vec::new();
    table.install(&SessionChange::Put(record(1, A, 1)), at(0), &mut gone);
    let all: ShardSet = (0..types::DIGEST_SHARDS).collect();
    let mut held = Vec::new();
    table.held(&all, 0, 100, &mut held);
    assert_eq!(held, []);
    assert_eq!(
        mend(&mut table, 1, Some((A.epoch, 1)), None),
        Repaired::Outdated
    );
}

fn mend(
    table: &mut Table,
    id: u128,
    held: Option<(Epoch, u32)>,
    agreed: Option<SessionRecord>,
) -> Repaired {
    let repair = Repair {
        id: SessionId(id),
        held,
        agreed,
    };
    table.repair(&repair, at(1), &mut Vec::new())
}

fn take(table: &mut Table) -> Vec<SessionChange> {
    let mut changes = Vec::new();
    table.take_changes(B, usize::MAX, &mut changes);
    changes
}

fn standby() -> Table {
    Table::new(100, ahash::RandomState::with_seeds(1, 2, 3, 4))
}

fn active() -> Table {
    let mut table = standby();
    table.adopt(at(0));
    table
}

fn at(seconds: u64) -> Instant {
    Instant::START + Duration::from_secs(seconds)
}

fn record(number: u16, stamp: Stamp, version: u32) -> SessionRecord {
    let protocol = Protocol::UDP;
    let server = Endpoint::new([198, 51, 100, 1].into(), 53);
    let source = Endpoint::new([192, 0, 2, 1].into(), 1024 + number);
    let outside = Endpoint::new([203, 0, 113, 1].into(), 1024 + number);
    SessionRecord {
        id: SessionId(number.into()),
        owner: stamp.owner,
        epoch: stamp.epoch,
        version,
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
        tcp: None,
        established: true,
        timeout_ms: 180_000,
        initial_timeout_ms: 10_000,
        opened_unix_ms: 0,
    }
}
