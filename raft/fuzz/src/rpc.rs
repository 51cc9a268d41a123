//! Questions to a member that holds something: recorded ones of true members, changed, sealed anew or not,
//! alone or on a stream. A refused one changes nothing; one that is taken changes only what its sender may.

use std::cell::RefCell;
use std::time::Duration;

use proto::raft::{Kind, Request};
use raft::Health;
use raft::seam::Failure;
use types::NodeId;

use crate::bad::{GroupLook, Look, Stage};
use crate::input::Input;
use crate::memory::{A, B, W, mirror};

/// Of one input.
const MOST: usize = 6;
/// A term may rise so far at once; see `sieve`.
const LEAP: u64 = 1 << 32;

thread_local! {
    /// Made once, and anew when somebody was allowed to change it.
    static STAGE: RefCell<Option<Play>> = const { RefCell::new(None) };
}

struct Play {
    stage: Stage,
    letters: Vec<(NodeId, Request)>,
}

impl Play {
    fn new() -> Self {
        let stage = Stage::new();
        let letters = stage.letters();
        Self { stage, letters }
    }
}

/// One input.
pub fn run(data: &[u8]) {
    STAGE.with_borrow_mut(|slot| {
        let play = slot.get_or_insert_with(Play::new);
        let mut input = Input(data);
        for _ in 0..MOST {
            if input.is_empty() {
                break;
            }
            let (to, request, streamed) = play.question(&mut input);
            if play.ask(to, &request, streamed) {
                *slot = None;
                break;
            }
        }
    });
}

impl Play {
    fn question(&self, input: &mut Input<'_>) -> (NodeId, Request, bool) {
        let how = input.byte();
        let (to, mut request) =
            self.letters[usize::from(input.byte()) % self.letters.len()].clone();
        // Mostly to whom it was sent.
        let to = match how & 7 {
            5 => A,
            6 => B,
            7 => W,
            _ => to,
        };
        let mut header = request.header.clone().unwrap();
        let (mut kind, mut form) = (request.kind, request.form);
        match input.byte() % 24 {
            0 => header.cluster_id = String::from_utf8_lossy(&input.bytes()).into_owned(),
            1 => header.group = u32::from(input.byte()),
            2 => header.target = input.number(),
            3 => header.source = input.number(),
            4 => header.generation = input.number(),
            5 => header.protocol = u32::from(input.byte()),
            6 | 7 => kind = i32::from(input.byte() % 9),
            8 => form = u32::from(input.byte() % 3),
            // From another member, or to the one that is asked.
            9..=12 => {
                let from = [A, B, W][usize::from(input.byte()) % 3];
                if from != to {
                    header = self
                        .stage
                        .header_between(from, to, header.group.clamp(1, 2));
                }
            }
            _ => {}
        }
        let mut payload = request.payload.to_vec();
        if how & 0x20 != 0 {
            payload = [&[1], &*input.bytes()].concat();
        }
        input.change(&mut payload);
        if how & 0x40 == 0 {
            let kind = Kind::try_from(kind).unwrap_or_default();
            request = mirror::sealed_in(&header, kind, form, payload);
        } else {
            request.header = Some(header);
            request.payload = payload.into();
            (request.kind, request.form) = (kind, form);
        }
        (to, request, how & 0x80 != 0)
    }

    /// Asks, and checks what became of it. Whether the stage is another one now.
    fn ask(&self, to: NodeId, request: &Request, streamed: bool) -> bool {
        let stage = &self.stage;
        let answer = if streamed {
            stage.ask_on_stream(to, request)
        } else {
            stage.ask(to, request).map(drop)
        };
        let before = &stage.before[&to];
        match &answer {
            Err(Failure::Refused(_) | Failure::Invalid(_) | Failure::Untrusted(_)) => {
                assert_eq!(stage.look(to), *before, "{request:?}: {answer:?}");
                return false;
            }
            Ok(()) => {}
            Err(Failure::Unsent(_) | Failure::Late(_) | Failure::Broken(_)) => {
                panic!("{request:?}: {answer:?}")
            }
        }
        // What these ask for comes a moment later, and may come to others.
        let (late, everybody) = match request.kind() {
            Kind::TransferLeader | Kind::Propose | Kind::Join => (true, [A, B, W]),
            Kind::Unspecified | Kind::Append | Kind::Vote | Kind::PreVote | Kind::Yield => {
                (false, [to; 3])
            }
        };
        if late {
            stage.rests(Duration::from_millis(400));
        }
        everybody.into_iter().any(|id| {
            let after = stage.look(id);
            may_follow(request, &stage.before[&id], &after);
            after != stage.before[&id]
        })
    }
}

/// Whether a question that was taken may lead from `before` to `after`.
fn may_follow(request: &Request, before: &Look, after: &Look) {
    let group = request.header.as_ref().unwrap().group;
    let (touched, other) = if group == 1 {
        (
            (&before.control, &after.control),
            (&before.state, &after.state),
        )
    } else {
        (
            (&before.state, &after.state),
            (&before.control, &after.control),
        )
    };
    // Of the other group nothing, but that its leader may have been elected anew meanwhile.
    assert_eq!(other.0.checksum, other.1.checksum, "{request:?}");
    assert_eq!(other.0.members, other.1.members, "{request:?}");
    let (before, after) = touched;
    assert!(
        !matches!(after.health, Health::Stopped(_)),
        "{request:?}: {after:?}"
    );
    assert!(
        (before.term..=before.term.saturating_add(LEAP)).contains(&after.term),
        "{request:?}: {after:?}"
    );
    assert!(after.applied >= before.applied, "{request:?}: {after:?}");
    assert_eq!(after.generation, before.generation, "{request:?}");
    let same = |of: fn(&GroupLook) -> String| of(before) == of(after);
    let agreed = same(|look| format!("{:?} {:?}", look.checksum, look.members));
    match request.kind() {
        // A leader's entries, a proposal, a newcomer: these are agreed on, and counted.
        Kind::Append | Kind::Propose | Kind::Join | Kind::TransferLeader => {
            assert!(agreed || after.applied > before.applied || request.kind() == Kind::Append);
        }
        Kind::Vote => assert!(agreed, "{request:?}: {after:?}"),
        Kind::PreVote | Kind::Yield | Kind::Unspecified => {
            assert_eq!(before, after, "{request:?}");
        }
    }
}
