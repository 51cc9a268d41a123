//! Greetings to a member that holds something: a true one, changed. Whatever is asked, nothing changes, and nobody
//! but a member of this cluster learns anything.

use std::cell::RefCell;

use prost::Message;
use proto::raft::HelloRequest;
use raft::seam::{Failure, PROTOCOL};

use crate::bad::Stage;
use crate::input::Input;
use crate::memory::{A, B, W};

/// Of one input.
const MOST: usize = 6;

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// One input.
pub fn run(data: &[u8]) {
    STAGE.with_borrow_mut(|slot| {
        let stage = slot.get_or_insert_with(Stage::new);
        let mut input = Input(data);
        for _ in 0..MOST {
            if input.is_empty() {
                break;
            }
            greet(stage, &mut input);
        }
    });
}

fn greet(stage: &Stage, input: &mut Input<'_>) {
    let how = input.byte();
    let members = [A, B, W];
    let to = members[usize::from(how & 3) % 3];
    let from = members[usize::from(how >> 2 & 3) % 3];
    let mut greeting = HelloRequest {
        cluster_id: "memory".to_owned(),
        node: u32::from(to.0),
        notice_seen: (how & 0x10 != 0).then(|| input.number()),
        source: u32::from(from.0),
        protocol: PROTOCOL,
    };
    match input.byte() % 8 {
        0 => greeting.cluster_id = String::from_utf8_lossy(&input.bytes()).into_owned(),
        1 => greeting.node = u32::try_from(input.number()).unwrap_or(u32::MAX),
        2 => greeting.source = u32::try_from(input.number()).unwrap_or(u32::MAX),
        3 => greeting.protocol = u32::from(input.byte()),
        _ => {}
    }
    let mut bytes = greeting.encode_to_vec();
    input.change(&mut bytes);
    let Ok(question) = HelloRequest::decode(&*bytes) else {
        return;
    };
    let answer = stage.server(to).hello(&question);
    let is_member = members.iter().any(|id| u32::from(id.0) == question.source);
    match answer {
        Ok(answer) => {
            assert_eq!(question.cluster_id, "memory", "{question:?}");
            assert_eq!(question.node, u32::from(to.0), "{question:?}");
            assert!(is_member && question.protocol >= PROTOCOL, "{question:?}");
            assert_eq!(answer.node, u32::from(to.0), "{question:?}");
            assert!(answer.dismissal.is_none(), "{question:?}: {answer:?}");
        }
        Err(Failure::Refused(_) | Failure::Untrusted(_)) => {}
        Err(failure) => panic!("{question:?}: {failure:?}"),
    }
    assert_eq!(stage.look(to), stage.before[&to], "{question:?}");
}
