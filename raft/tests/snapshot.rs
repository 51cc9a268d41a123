//! A member that was away gets a snapshot, on streams that break: nothing that arrived is sent again.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod memory;
mod support;

use proto::raft::SnapshotChunk;
use raft::{Health, MemberRole};

use memory::{A, B, Carried, Cut, Trio, W, eventually, virtual_time};
use support::put;

/// Enough for several chunks.
const SESSIONS: u128 = 24_000;

/// A pair that holds sessions; its logs are short, so that a newcomer gets a snapshot.
async fn loaded() -> Trio {
    let mut trio = Trio::new();
    trio.limits.log = 8;
    let mut trio = trio.formed().await;
    trio.kill(A).await;
    eventually("the other node leads", || {
        let status = trio.cluster(B).state.status();
        status.leader == Some(B) && status.health == Health::Ok
    })
    .await;
    for some in 0..24 {
        open(&trio, some * SESSIONS / 24..(some + 1) * SESSIONS / 24).await;
    }
    trio.wires.record();
    trio
}

async fn open(trio: &Trio, ids: std::ops::Range<u128>) {
    let state = &trio.cluster(B).state;
    state
        .publish(ids.map(|id| put(id, 1)).collect(), vec![])
        .unwrap();
    eventually("the sessions are agreed on", || state.pending() == 0).await;
    // Virtual time, in which whatever is still on its way arrives.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}

async fn returned(trio: &Trio) {
    eventually("the node that was away holds everything", || {
        let [a, b] = [A, B].map(|id| trio.cluster(id).state.status());
        a.checksum == b.checksum
            && b.member(A)
                .is_some_and(|member| member.role == MemberRole::Voter)
    })
    .await;
}

/// Streams with the state group's snapshot to A: their first messages and what followed.
fn streams(trio: &Trio) -> Vec<(SnapshotChunk, Vec<SnapshotChunk>)> {
    let mut streams: Vec<(SnapshotChunk, Vec<SnapshotChunk>)> = Vec::new();
    for (_, to, carried) in trio.wires.recorded() {
        let Carried::Chunk(chunk) = carried else {
            continue;
        };
        match &chunk.header {
            Some(_) if to != A || chunk.asks => {}
            Some(header) if header.group == 2 => streams.push((chunk, Vec::new())),
            // The control group's are small, and begin and end in between.
            Some(_) => streams.push((chunk, Vec::new())),
            None if to == A => streams.last_mut().unwrap().1.push(chunk),
            None => {}
        }
    }
    streams.retain(|(first, _)| first.header.as_ref().unwrap().group == 2);
    streams
}

#[test]
fn a_stream_that_is_cut_anywhere_is_gone_on_with_where_it_was_cut() {
    let runtime = virtual_time();
    runtime.block_on(async {
        let mut trio = loaded().await;
        trio.start(A).await;
        returned(&trio).await;
        let whole = streams(&trio);
        assert_eq!(whole.len(), 1);
        let count = whole[0].1.len();
        assert!(count > 3, "{count} chunks");
        for number in 0..=count {
            for cut in [Cut::After(number), Cut::Within(number)] {
                trio.kill(A).await;
                trio.wires.forget();
                trio.wires.cut([cut]);
                trio.start(A).await;
                returned(&trio).await;
                let streams = streams(&trio);
                assert_eq!(streams.len(), 2, "{cut:?}");
                let before = &streams[0].1;
                let arrived = &before[..before.len().min(number)];
                // All that was sent before the cut, and from there on the rest, once.
                let pieces = arrived.iter().chain(&streams[1].1);
                let mut end = 0;
                for piece in pieces {
                    assert_eq!(piece.position, end, "{cut:?}");
                    end += u64::try_from(piece.data.len()).unwrap();
                }
                assert_eq!(Some(end), streams[0].0.total_bytes, "{cut:?}");
            }
        }
    });
}

#[test]
fn a_stream_that_breaks_again_and_again_gets_there_as_long_as_it_gets_on() {
    let runtime = virtual_time();
    runtime.block_on(async {
        let mut trio = loaded().await;
        // More than a stream may break in vain, but each gets one chunk further.
        trio.wires
            .cut([Cut::After(0), Cut::After(1), Cut::Within(1), Cut::After(1)]);
        trio.wires.cut([Cut::Within(0), Cut::After(1)]);
        trio.start(A).await;
        returned(&trio).await;
        let streams = streams(&trio);
        assert_eq!(trio.wires.cuts_left(), 0);
        assert_eq!(streams.len(), 7);
        let chunk = streams[1].1[0].data.len();
        let begins: Vec<_> = streams
            .iter()
            .map(|(first, _)| usize::try_from(first.position).unwrap() / chunk)
            .collect();
        assert_eq!(begins, [0, 0, 1, 2, 3, 3, 4]);
        // All of it was one snapshot.
        assert!(
            streams
                .iter()
                .all(|(first, _)| first.content == streams[0].0.content)
        );
    });
}

#[test]
fn a_snapshot_that_has_changed_begins_anew() {
    let runtime = virtual_time();
    runtime.block_on(async {
        let mut trio = loaded().await;
        trio.wires.cut([Cut::After(2)]);
        trio.start(A).await;
        eventually("the first stream breaks", || trio.wires.cuts_left() == 0).await;
        trio.wires.forbid_snapshots(true);
        open(&trio, SESSIONS..SESSIONS + 10).await;
        // Long enough for the consensus to read another snapshot.
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        trio.wires.forbid_snapshots(false);
        returned(&trio).await;
        let streams = streams(&trio);
        let ([(old, _)], [(new, _), ..]) = streams.split_at(1) else {
            unreachable!("{} streams", streams.len());
        };
        assert_ne!(old.content, new.content);
        assert_eq!(new.position, 0);
        assert_eq!(trio.cluster(A).state.state().session_count(), 24_010);
    });
}

/// What goes to a witness is another snapshot than what goes to a node.
#[test]
fn a_witness_gets_a_snapshot_without_content() {
    let runtime = virtual_time();
    runtime.block_on(async {
        let mut trio = loaded().await;
        trio.start(A).await;
        returned(&trio).await;
        trio.kill(W).await;
        trio.wires.forget();
        trio.start(W).await;
        trio.all_vote().await;
        let to_witness = trio
            .wires
            .recorded()
            .into_iter()
            .filter_map(|carried| match carried {
                (_, W, Carried::Chunk(chunk)) => Some(chunk),
                _ => None,
            });
        let chunks: Vec<_> = to_witness.collect();
        assert!(chunks.iter().any(|chunk| chunk.header.is_some()));
        assert!(chunks.iter().all(|chunk| chunk.data.len() < 4_096));
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk.header.is_none() || chunk.stripped)
        );
        assert_eq!(trio.cluster(W).state.state().session_count(), 0);
    });
}
