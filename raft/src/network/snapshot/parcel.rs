//! The leader's end: one encoded snapshot, and the streams that carry it.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use openraft::storage::Snapshot;
use proto::raft::{Header, Reply, SnapshotChunk};
use raft_state::Versioned;

use super::CHUNK;
use crate::engine::aside;
use crate::group::{Group, Types, Vote};
use crate::network::client::Client;
use crate::network::seal;
use crate::network::transport::Failure;
use crate::store::{decode, encode};

/// Streams that may break one after the other without getting anything further. Then the consensus
/// decides, with a newer snapshot.
const VAIN: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(100);
/// For the answer to how much has arrived.
const QUESTION: Duration = Duration::from_secs(2);

type CommittedLeader<G> = openraft::alias::CommittedLeaderIdOf<Types<G>>;
type SnapshotOf<G> = Snapshot<CommittedLeader<G>, u64, (), <G as Group>::State>;

/// A snapshot, packed.
#[derive(Clone, Debug)]
pub(in crate::network) struct Parcel {
    /// The first message, but for where it begins and what it wants.
    label: SnapshotChunk,
    data: Bytes,
}

impl Parcel {
    /// Packs `snapshot`. Encoding a million sessions takes a while, so it has a thread for it.
    pub(in crate::network) async fn pack<G: Group>(
        header: Header,
        vote: Vote<G>,
        snapshot: SnapshotOf<G>,
        stripped: bool,
    ) -> Result<Self, Failure> {
        let internal = |error: &dyn std::fmt::Display| Failure::Unsent(error.to_string());
        let description = encode(&(vote, snapshot.meta)).map_err(|error| internal(&error))?;
        let state = snapshot.snapshot;
        let encoded = aside(move || {
            let data = state.encode()?;
            Ok::<_, raft_state::SnapshotError>((seal::of_bytes(&data), data))
        });
        let (content, data) = encoded
            .await
            .map_err(|error| internal(&error))?
            .map_err(|error| internal(&error))?;
        let data = Bytes::from(data);
        let label = SnapshotChunk {
            header: Some(header),
            description: description.into(),
            total_bytes: Some(u64::try_from(data.len()).unwrap_or(u64::MAX)),
            content: Some(content),
            stripped,
            ..SnapshotChunk::default()
        };
        Ok(Self { label, data })
    }

    fn first(&self, position: u64, asks: bool) -> SnapshotChunk {
        let mut first = SnapshotChunk {
            position,
            asks,
            ..self.label.clone()
        };
        first.digest = Some(seal::of_label(&first));
        first
    }

    /// "How much of this do you have?"
    fn question(&self) -> BoxStream<'static, SnapshotChunk> {
        let question = self.first(0, true);
        stream::once(async { question }).boxed()
    }

    /// Everything from `position` on.
    fn from(&self, position: u64) -> BoxStream<'static, SnapshotChunk> {
        let first = self.first(position, false);
        let begin = usize::try_from(position).unwrap_or(usize::MAX);
        let data = self.data.slice(begin.min(self.data.len())..);
        let chunks = (0..data.len().div_ceil(CHUNK)).map(move |number| {
            let from = number * CHUNK;
            let data = data.slice(from..data.len().min(from + CHUNK));
            let position = position + u64::try_from(from).unwrap_or(u64::MAX);
            SnapshotChunk {
                position,
                digest: Some(seal::of_chunk(position, &data)),
                data,
                ..SnapshotChunk::default()
            }
        });
        stream::iter(std::iter::once(first).chain(chunks)).boxed()
    }

    /// One stream costs no more than asking first.
    fn is_small(&self) -> bool {
        self.data.len() <= CHUNK
    }

    /// What the member says to have of it already.
    async fn arrived(&self, client: &Client) -> Result<u64, Failure> {
        let asked = client
            .peers
            .snapshot(client.to()?, self.question(), QUESTION);
        let position: u64 = match asked.await {
            Ok(reply) => read(&reply)?,
            // An older member, which takes the question for a snapshot that is not complete.
            Err(Failure::Invalid(_)) => 0,
            Err(failure) => return Err(failure),
        };
        let total = u64::try_from(self.data.len()).unwrap_or(u64::MAX);
        Ok(if position > total { 0 } else { position })
    }
}

fn read<A: serde::de::DeserializeOwned>(reply: &Reply) -> Result<A, Failure> {
    decode(seal::open(reply)?).map_err(|error| Failure::Broken(error.to_string()))
}

/// Brings `parcel` to a member, on as many streams as it takes. Each may take `patience`. Cancelling
/// leaves what has arrived with the member, for a while.
pub(in crate::network) async fn deliver<A: serde::de::DeserializeOwned>(
    client: &Client,
    parcel: &Parcel,
    patience: Duration,
) -> Result<A, Failure> {
    let (mut reached, mut vain) = (0, 0);
    loop {
        let sent = async {
            let position = if parcel.is_small() && vain == 0 {
                0
            } else {
                parcel.arrived(client).await?
            };
            let chunks = parcel.from(position);
            let sent = client.peers.snapshot(client.to()?, chunks, patience).await;
            Ok::<_, Failure>((position, sent))
        };
        let failure = match sent.await {
            Ok((_, Ok(reply))) => return read(&reply),
            Ok((position, Err(failure))) => {
                if position > reached {
                    (reached, vain) = (position, 0);
                }
                failure
            }
            Err(failure) => failure,
        };
        match failure {
            Failure::Refused(_) | Failure::Untrusted(_) => return Err(failure),
            Failure::Unsent(_) | Failure::Invalid(_) | Failure::Late(_) | Failure::Broken(_) => {
                vain += 1;
            }
        }
        if vain > VAIN {
            return Err(failure);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
