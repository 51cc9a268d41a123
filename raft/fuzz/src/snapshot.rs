//! Snapshots to a member that holds something: a true description and true pieces, changed and sealed anew
//! or not. A refused one changes nothing, and of an old one that is taken nothing is kept either.

use std::cell::RefCell;

use proto::raft::SnapshotChunk;
use raft::Health;
use raft::seam::Failure;
use types::NodeId;

use crate::bad::{FOLLOWER, Stage};
use crate::input::Input;
use crate::memory::W;
use crate::memory::mirror::{chunk, labelled};

thread_local! {
    /// Made once, and anew when a leader was allowed to change it.
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// One input.
pub fn run(data: &[u8]) {
    STAGE.with_borrow_mut(|slot| {
        let stage = slot.get_or_insert_with(Stage::new);
        let mut input = Input(data);
        let how = input.byte();
        let victim = if how & 1 == 0 { FOLLOWER } else { W };
        let group = if how & 2 == 0 { 1 } else { 2 };
        let (first, chunks) = parcel(stage, (victim, group), how, &mut input);
        let answer = stage.send_snapshot(victim, &first, &chunks);
        let (before, after) = (&stage.before[&victim], stage.look(victim));
        match &answer {
            // "Broken" is what a member says to pieces that do not follow each other.
            Err(
                Failure::Refused(_)
                | Failure::Invalid(_)
                | Failure::Untrusted(_)
                | Failure::Broken(_),
            ) => assert_eq!(after, *before, "{answer:?}: {first:?}"),
            Ok(()) => {}
            Err(Failure::Unsent(_) | Failure::Late(_)) => panic!("{answer:?}: {first:?}"),
        }
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
        assert_eq!(other.0, other.1, "{first:?}");
        let (before, after) = touched;
        assert!(!matches!(after.health, Health::Stopped(_)), "{first:?}");
        assert!(
            after.term >= before.term && after.applied >= before.applied,
            "{first:?}"
        );
        // Only what reaches further than everything here may change what is here.
        assert!(
            after.checksum == before.checksum || after.applied > before.applied,
            "{first:?}"
        );
        if before != after {
            *slot = None;
        }
    });
}

fn parcel(
    stage: &Stage,
    (victim, group): (NodeId, u32),
    how: u8,
    input: &mut Input<'_>,
) -> (SnapshotChunk, Vec<SnapshotChunk>) {
    let (mut first, data) = stage.old_snapshot(victim, group);
    let mut description = first.description.to_vec();
    if how & 4 != 0 {
        input.change(&mut description);
        first.description = description.into();
    }
    match input.byte() % 16 {
        0 => first.total_bytes = None,
        1 => first.total_bytes = Some(input.number()),
        2 => first.position = input.number(),
        3 => first.content = None,
        4 => first.content = Some(input.number()),
        5 => first.stripped = !first.stripped,
        6 => first.asks = true,
        7 => first.header.as_mut().unwrap().generation = input.number(),
        8 => first.header.as_mut().unwrap().source = input.number(),
        9 => first.header.as_mut().unwrap().protocol = u32::from(input.byte()),
        10 => first.header = None,
        _ => {}
    }
    if how & 8 == 0 && first.header.is_some() {
        first = labelled(first);
    }
    let mut chunks: Vec<_> = data
        .chunks(usize::from(input.byte()).max(1))
        .scan(0, |position, data| {
            let chunk = chunk(*position, data);
            *position += u64::try_from(data.len()).unwrap();
            Some(chunk)
        })
        .take(64)
        .collect();
    for _ in 0..input.byte() % 4 {
        let count = chunks.len();
        let Some(place) = usize::from(input.byte()).checked_rem(count) else {
            break;
        };
        match input.byte() % 6 {
            0 => drop(chunks.remove(place)),
            1 => chunks.push(chunks[place].clone()),
            2 => chunks.swap(place, 0),
            3 => {
                let mut data = chunks[place].data.to_vec();
                input.change(&mut data);
                chunks[place] = chunk(chunks[place].position, &data);
            }
            4 => chunks[place].position = input.number(),
            _ => chunks[place].digest = Some(input.number()).filter(|digest| *digest != 0),
        }
    }
    (first, chunks)
}
