//! Snapshots on the wire: a description, then the state in chunks.

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use openraft::storage::Snapshot;
use proto::raft::{Header, SnapshotChunk};
use raft_state::Versioned;

use super::transport::Failure;
use crate::engine::aside;
use crate::group::{Group, SnapshotMeta, Types, Vote};
use crate::store::{decode, encode};

const CHUNK: usize = 1 << 20;
/// A million sessions are about a tenth of it.
const MAX_BYTES: usize = 2 << 30;

type CommittedLeader<G> = openraft::alias::CommittedLeaderIdOf<Types<G>>;
type SnapshotOf<G> = Snapshot<CommittedLeader<G>, u64, (), <G as Group>::State>;

/// Cuts `snapshot` into messages. Encoding a million sessions takes a while, so it has a thread for it.
pub(super) async fn chunks<G: Group>(
    header: Header,
    vote: Vote<G>,
    snapshot: SnapshotOf<G>,
) -> Result<impl Stream<Item = SnapshotChunk> + Send + 'static, Failure> {
    let internal = |error: &dyn std::fmt::Display| Failure::Unsent(error.to_string());
    let description = encode(&(vote, snapshot.meta)).map_err(|error| internal(&error))?;
    let state = snapshot.snapshot;
    let data = aside(move || state.encode())
        .await
        .map_err(|error| internal(&error))?
        .map_err(|error| internal(&error))?;
    let data = Bytes::from(data);
    let first = SnapshotChunk {
        header: Some(header),
        description: description.into(),
        data: Bytes::new(),
        total_bytes: Some(u64::try_from(data.len()).unwrap_or(u64::MAX)),
    };
    let count = data.len().div_ceil(CHUNK);
    let rest = (0..count).map(move |number| {
        let from = number * CHUNK;
        SnapshotChunk {
            header: None,
            description: Bytes::new(),
            data: data.slice(from..data.len().min(from + CHUNK)),
            total_bytes: None,
        }
    });
    Ok(futures::stream::iter(std::iter::once(first).chain(rest)))
}

/// Puts a snapshot together from what follows its first message.
pub(super) async fn collect<G: Group>(
    first: SnapshotChunk,
    mut rest: BoxStream<'_, Result<SnapshotChunk, Failure>>,
) -> Result<(Vote<G>, SnapshotOf<G>), Failure> {
    let (vote, meta): (Vote<G>, SnapshotMeta<G>) =
        decode(&first.description).map_err(|error| Failure::Invalid(error.to_string()))?;
    let total = first
        .total_bytes
        .and_then(|total| usize::try_from(total).ok())
        .filter(|total| *total <= MAX_BYTES)
        .ok_or_else(|| Failure::Invalid("the snapshot does not say how large it is".to_owned()))?;
    let mut data = Vec::new();
    while let Some(chunk) = rest.next().await {
        data.extend_from_slice(&chunk?.data);
        if data.len() > total {
            break;
        }
    }
    if data.len() != total {
        return Err(Failure::Invalid("the snapshot is not complete".to_owned()));
    }
    let state = aside(move || G::State::decode(&data))
        .await
        .map_err(|error| Failure::Broken(error.to_string()))?
        .map_err(|error| Failure::Invalid(error.to_string()))?;
    Ok((
        vote,
        Snapshot {
            meta,
            snapshot: state,
        },
    ))
}
