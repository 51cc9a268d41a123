//! What goes to a witness beside a busy pair, counted message by message on virtual time: so few, and so
//! small, that its links carry less than they may, whatever machine counts them.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod memory;
mod support;

use std::time::Duration;

use prost::Message;
use proto::raft::Request;
use types::NodeId;

use memory::{A, B, Carried, Trio, W, virtual_time};
use support::put;

/// How long is counted.
const SECONDS: u64 = 10;
/// Between two batches of the node: more than any pair makes.
const BATCHES: Duration = Duration::from_millis(5);
/// Ethernet, IP, TCP with timestamps, and the same for every other acknowledgement.
const SEGMENT: usize = (14 + 20 + 32) * 3 / 2;
/// Frame of HTTP/2, prefix of gRPC.
const FRAMED: usize = 9 + 5;
/// Headers and trailers of a call that is no part of a stream, both ways, in HPACK; as the relay of
/// `witness_cost.rs` sees them, an upper end.
const CALL: usize = 250;
/// Largest answer: a log id and a digest, or what is told to those who ask how one is.
const REPLY: usize = 120;
/// What the links may carry.
const MOST_KBIT: usize = 50;

/// What went to the witness.
#[derive(Debug, Default)]
struct Count {
    entries: usize,
    heartbeats: usize,
    others: usize,
    /// With headers, both ways.
    bytes: usize,
    largest: usize,
}

impl Count {
    fn of(carried: impl Iterator<Item = Carried>) -> Self {
        let mut count = Self::default();
        for message in carried {
            let (length, extra) = match &message {
                Carried::Append(request) => {
                    if has_entries(request) {
                        count.entries += 1;
                    } else {
                        count.heartbeats += 1;
                    }
                    (request.encoded_len(), 0)
                }
                Carried::Call(request) => {
                    count.others += 1;
                    (request.encoded_len(), CALL)
                }
                Carried::Hello(question) => {
                    count.others += 1;
                    (question.encoded_len(), CALL)
                }
                Carried::Chunk(chunk) => {
                    count.others += 1;
                    (chunk.encoded_len(), CALL)
                }
            };
            count.largest = count.largest.max(length);
            count.bytes += length + REPLY + extra + 2 * (FRAMED + SEGMENT);
        }
        count
    }
}

/// Entries go to a witness as runs, and nothing else does.
fn has_entries(request: &Request) -> bool {
    request.form == 1
}

#[test]
fn a_witness_hears_little_of_a_busy_pair() {
    virtual_time().block_on(async {
        let trio = Trio::new().formed().await;
        // Until the leader trusts the other node.
        load(&trio, 3).await;
        trio.wires.record();
        let agreed = || trio.cluster(A).state.status().last_log;
        let before = agreed();
        load(&trio, SECONDS).await;
        let entries = agreed() - before;
        assert!(entries > 50 * SECONDS, "{entries} entries are no load");
        let recorded = trio.wires.recorded();
        let with_witness = recorded
            .into_iter()
            .filter(|(from, to, _)| [*from, *to].contains(&W));
        let count = Count::of(with_witness.map(|(_, _, carried)| carried));
        let seconds = usize::try_from(SECONDS).unwrap();
        println!("{entries} entries: {count:?}");
        // Entries gather for a fifth of a second.
        assert!(count.entries >= 4 * seconds, "{count:?}");
        assert!(count.entries <= 5 * seconds + 1, "{count:?}");
        // The control group, in which nothing happens, needs two of them: one within three fifths of 800 ms, to
        // the next whole beat. In the other one entries take their place.
        assert!(count.heartbeats >= seconds, "{count:?}");
        assert!(count.heartbeats <= 3 * seconds, "{count:?}");
        assert!(count.largest < 200, "{count:?}");
        let kbit = count.bytes * 8 / 1_000 / seconds;
        assert!(kbit < MOST_KBIT, "{kbit} kbit/s: {count:?}");
    });
}

async fn load(trio: &Trio, seconds: u64) {
    let leader = trio.cluster(A).state.status().leader.unwrap();
    assert!([A, B].contains(&leader), "{leader}");
    let (state, clock) = (&trio.cluster(NodeId(1)).state, runtime::Clock::start());
    let end = clock.now() + Duration::from_secs(seconds);
    let mut id = 0;
    while clock.now() < end {
        state
            .publish(
                vec![put(id % 500, 1 + u32::try_from(id / 500).unwrap())],
                vec![],
            )
            .unwrap();
        id += 1;
        // Virtual time, which is what is counted by.
        tokio::time::sleep(BATCHES).await;
    }
}
