//! The question "may I give way to you?" to a member that leads: a true one, changed, from a member or in the
//! name of another. The one that is asked goes on as it was, unless it answers that the other one stands higher:
//! that takes another lineage than its own, of a member that speaks for itself.

use std::cell::RefCell;

use proto::raft::Kind;
use raft::seam::Failure;
use raft_state::yielding::{Answer, Question};
use raft_state::{ControlLineage, Standing};
use types::Name;

use crate::bad::{FOLLOWER, LEADER, Stage};
use crate::input::Input;
use crate::memory::mirror;

thread_local! {
    /// Made once, and anew when somebody stood higher.
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// One input.
pub fn run(data: &[u8]) {
    STAGE.with_borrow_mut(|slot| {
        if ask(slot.get_or_insert_with(Stage::new), &mut Input(data)) {
            *slot = None;
        }
    });
}

/// Asks, and checks what became of it. Whether the one that was asked may give way now.
fn ask(stage: &Stage, input: &mut Input<'_>) -> bool {
    let how = input.byte();
    let mut header = stage.header_between(FOLLOWER, LEADER, 1);
    let mut question = Question {
        ask: input.number(),
        standing: Standing {
            lineage: ControlLineage::from_wire(header.generation).unwrap(),
            committed: input.number(),
            name: Name::from(format!("node-{FOLLOWER}").as_str()),
        },
    };
    match input.byte() % 8 {
        0 => question.standing.name = Name::from("node-1"),
        1 => question.standing.name = String::from_utf8_lossy(&input.bytes()).as_ref().into(),
        // Of another lineage, whether the header says the same or not.
        2 | 3 => {
            let wire = input.number();
            if let Some(lineage) = ControlLineage::from_wire(wire) {
                question.standing.lineage = lineage;
                header.generation = if how & 1 == 0 {
                    wire
                } else {
                    header.generation
                };
            }
        }
        4 => header.target = input.number(),
        5 => header.source = input.number(),
        _ => {}
    }
    let mut payload = mirror::bytes(&question);
    if how & 2 != 0 {
        input.change(&mut payload);
    }
    let true_payload = how & 2 == 0;
    let generation = header.generation;
    let request = mirror::sealed(&header, Kind::Yield, payload);
    let own = stage.header_between(FOLLOWER, LEADER, 1).generation;
    match stage.ask(LEADER, &request) {
        Ok(reply) if mirror::read::<Answer>(&reply) == Answer::Refused => {
            assert_ne!(generation, own, "{question:?}");
            assert!(!true_payload || question.standing.name.as_str() == "node-1");
            return true;
        }
        Ok(_) | Err(Failure::Refused(_) | Failure::Invalid(_) | Failure::Untrusted(_)) => {}
        Err(other) => panic!("{question:?}: {other:?}"),
    }
    assert_eq!(stage.look(LEADER), stage.before[&LEADER], "{question:?}");
    false
}
