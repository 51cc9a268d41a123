//! What one node tells the other of itself, as a node reads it: a true report, changed, or noise. What is
//! understood is said again in the same bytes, and is judged like any other, whatever figures it holds.

use std::time::Duration;

use ha::NodeRole;
use ha::report::{Agreed, Direction, DriftFigures, Report};
use ha::verdict::{NodeFacts, PairFacts, PeerFacts, Quorum, StorageFacts, judge};
use raft_state::Versioned;
use types::{Digest, Epoch, Name, Revision};

use crate::input::Input;
use crate::notice::Notice;

/// One input.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let how = input.byte();
    let mut bytes = if how & 1 == 0 {
        Notice(report(how, &mut input)).encode().unwrap()
    } else {
        input.bytes()
    };
    if how & 2 != 0 {
        input.change(&mut bytes);
    }
    let Ok(notice) = Notice::decode(&bytes) else {
        assert_ne!(how & 3, 0, "a report that nobody changed is not understood");
        return;
    };
    let again = notice.encode().unwrap();
    assert!(again.len() <= bytes.len(), "more was read than was there");
    assert_eq!(Notice::decode(&again).unwrap().0, notice.0);
    let judgement = judge(&PairFacts {
        maintenance: false,
        here: facts("a", NodeRole::Active),
        peer: Some(PeerFacts {
            name: "b".to_owned(),
            heard: true,
            active: notice.0.facts.active,
            report: Some(notice.0.facts),
        }),
        witness: None,
        links: Vec::new(),
        agrees: Some(how & 4 == 0),
        candidates: Vec::new(),
    });
    for failed in judgement.failed {
        assert!(!failed.found.is_empty() && !failed.next_step.is_empty());
        assert!(failed.verdict <= judgement.verdict);
    }
}

/// A report as nodes make them, with figures of the input's.
fn report(how: u8, input: &mut Input<'_>) -> Report {
    let role = if how & 8 == 0 {
        NodeRole::StandbyReady
    } else {
        NodeRole::Active
    };
    let mut facts = facts("b", role);
    facts.pending = input.number();
    facts.refused_lately = input.number();
    facts.lag = Duration::from_millis(input.number());
    facts.verified_ago = Some(Duration::from_millis(input.number()));
    facts.storage.free_percent = Some(input.byte());
    if how & 16 != 0 {
        facts.interfaces_down = vec![Name::from("lan")];
        facts.storage.lacks_room = Some(String::from_utf8_lossy(&input.bytes()).into_owned());
    }
    Report {
        facts,
        agreed: Agreed {
            generation: input.number(),
            applied: input.number(),
            ..Agreed::default()
        },
        programmed: Digest::default(),
        drift: DriftFigures::default(),
        outbound: Direction::default(),
        inbound: Direction::default(),
        backlog: input.number(),
    }
}

fn facts(name: &str, role: NodeRole) -> NodeFacts {
    NodeFacts {
        name: name.to_owned(),
        role,
        active: (role == NodeRole::Active).then_some(Epoch(0x101)),
        control: Quorum::Ok,
        state: Quorum::Ok,
        revision: Revision(1),
        running: Revision(1),
        interfaces_down: Vec::new(),
        lag: Duration::ZERO,
        pending: 0,
        capacity: 1_000,
        refused_lately: 0,
        shards_different: 0,
        verified_ago: None,
        storage: StorageFacts {
            free_percent: Some(50),
            lacks_room: None,
        },
    }
}
