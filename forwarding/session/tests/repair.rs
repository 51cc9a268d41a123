//! Whatever an active table, a standby's and the agreed one hold of the same sessions: comparing and
//! mending makes all three equal, and what the active node forwards is never lost on the way.

#![expect(
    clippy::unwrap_used,
    reason = "test helpers stop at the first surprise"
)]

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use session::table::Held;
use session::{Repair, Stamp, Table};
use types::{
    DIGEST_SHARDS, Digest, Endpoint, Epoch, FlowKey, Giid, Hop, Instant, Name, NodeId, Protocol,
    SessionChange, SessionId, SessionRecord, ShardSet,
};

/// Of the active node; records may also be of the epoch before.
const STAMP: Stamp = Stamp {
    owner: NodeId(2),
    epoch: Epoch(0x202),
};
const BEFORE: Epoch = Epoch(0x101);
/// Told, found, mended, told again.
const ROUNDS: usize = 4;

/// What one table holds of a session: nothing, or a version of one of the two epochs.
fn held() -> impl Strategy<Value = Option<(bool, u32)>> {
    prop::option::of((any::<bool>(), 1..4_u32))
}

proptest! {
    #[test]
    fn three_tables_become_one(sessions in vec((held(), held(), held()), 1..40)) {
        let (mut active, mut standby) = (table(), table());
        active.adopt(Instant::START);
        let mut agreed = BTreeMap::new();
        let mut gone = Vec::new();
        for (number, (here, there, told)) in (0_u16..).zip(&sessions) {
            let record = |of: &Option<(bool, u32)>| {
                of.map(|(now, version)| record(number, if now { STAMP.epoch } else { BEFORE }, version))
            };
            for (table, of) in [(&mut active, here), (&mut standby, there)] {
                if let Some(record) = record(of) {
                    table.install(&SessionChange::Put(record), Instant::START, &mut gone);
                }
            }
            if let Some(record) = record(told) {
                agreed.insert(record.id, record);
            }
        }
        // What was taken as news has been told, and got lost.
        take(&mut active);
        let forwarded: Vec<_> = active.iter().map(|(_, session)| session.id()).collect();

        for _ in 0..ROUNDS {
            for table in [&mut active, &mut standby] {
                mend(table, &agreed);
            }
            for change in take(&mut active) {
                merge(&mut agreed, &change);
                standby.install(&change, Instant::START, &mut gone);
            }
        }
        let expected: Digest = agreed.values().collect();
        prop_assert_eq!(active.digest(), &expected);
        prop_assert_eq!(standby.digest(), &expected);
        for id in forwarded {
            prop_assert!(active.find(id).is_some() && standby.find(id).is_some());
        }
    }
}

/// Compares the whole table and mends every difference.
fn mend(table: &mut Table, agreed: &BTreeMap<SessionId, SessionRecord>) {
    let all: ShardSet = (0..DIGEST_SHARDS).collect();
    let mut held: Vec<Held> = Vec::new();
    table.held(&all, 0, u32::MAX, &mut held);
    let mut ranks: BTreeMap<_, _> = agreed.keys().map(|id| (*id, None)).collect();
    ranks.extend(held.iter().map(|held| (held.id, Some(held.rank))));
    for (id, held) in ranks {
        let repair = Repair {
            id,
            held,
            agreed: agreed.get(&id).cloned(),
        };
        table.repair(&repair, Instant::START, &mut Vec::new());
    }
}

fn merge(agreed: &mut BTreeMap<SessionId, SessionRecord>, change: &SessionChange) {
    let known = agreed.get(&change.id());
    if known.is_some_and(|known| known.rank() >= change.rank()) {
        return;
    }
    match change {
        SessionChange::Put(record) => agreed.insert(record.id, record.clone()),
        SessionChange::Remove { id, .. } => agreed.remove(id),
    };
}

fn take(table: &mut Table) -> Vec<SessionChange> {
    let mut changes = Vec::new();
    table.take_changes(STAMP, usize::MAX, &mut changes);
    changes
}

fn table() -> Table {
    Table::new(100, ahash::RandomState::with_seeds(1, 2, 3, 4))
}

fn record(number: u16, epoch: Epoch, version: u32) -> SessionRecord {
    let protocol = Protocol::UDP;
    let server = Endpoint::new([198, 51, 100, 1].into(), 53);
    let source = Endpoint::new([192, 0, 2, 1].into(), 1024 + number);
    let outside = Endpoint::new([203, 0, 113, 1].into(), 1024 + number);
    SessionRecord {
        id: SessionId(number.into()),
        owner: epoch.owner().unwrap(),
        epoch,
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
