//! The members' messages as they are on the wire, written down a second time: what the product encodes
//! and what a test makes up must be the same bytes, or nobody would notice that the format changed.

#![allow(
    clippy::zero_sized_map_values,
    reason = "as the consensus library has it"
)]

use std::collections::{BTreeMap, BTreeSet};

use proto::raft::{Header, Kind, Request, SnapshotChunk};
use raft_state::Checksum;
use serde::{Deserialize, Serialize};

/// Version byte of everything here.
const VERSION: u8 = 1;

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct LeaderId {
    pub(crate) term: u64,
    pub(crate) node: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Vote {
    pub(crate) leader: LeaderId,
    pub(crate) committed: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct LogId {
    pub(crate) leader: LeaderId,
    pub(crate) index: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Membership {
    pub(crate) configs: Vec<BTreeSet<u64>>,
    pub(crate) nodes: BTreeMap<u64, ()>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Payload<D> {
    Blank,
    Normal(D),
    Membership(Membership),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Entry<D> {
    pub(crate) at: LogId,
    pub(crate) payload: Payload<D>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Append<D> {
    pub(crate) vote: Vote,
    pub(crate) previous: Option<LogId>,
    pub(crate) entries: Vec<Entry<D>>,
    pub(crate) agreed: Option<LogId>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Candidacy {
    pub(crate) vote: Vote,
    pub(crate) last: Option<LogId>,
    pub(crate) transfer: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Ballot {
    pub(crate) vote: Vote,
    pub(crate) granted: bool,
    pub(crate) last: Option<LogId>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Transfer {
    pub(crate) from: Vote,
    pub(crate) to: u64,
    pub(crate) last: Option<LogId>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Description {
    pub(crate) vote: Vote,
    pub(crate) last: Option<LogId>,
    pub(crate) membership_at: Option<LogId>,
    pub(crate) membership: Membership,
    pub(crate) reserved: String,
}

/// The version, then the value.
pub(crate) fn bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).unwrap()
}

/// Reads what [`bytes`] wrote.
pub(crate) fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    postcard::from_bytes(bytes.strip_prefix(&[VERSION]).unwrap()).unwrap()
}

/// A question with its digest, as a true member seals it.
pub(crate) fn sealed(header: &Header, kind: Kind, payload: Vec<u8>) -> Request {
    sealed_in(header, kind, 0, payload)
}

/// The same, for entries in another form.
pub(crate) fn sealed_in(header: &Header, kind: Kind, form: u32, payload: Vec<u8>) -> Request {
    let mut request = Request {
        header: Some(header.clone()),
        kind: kind.into(),
        form,
        digest: None,
        payload: payload.into(),
    };
    request.digest = Some(digest(&request));
    request
}

/// What a true member says of a question's place and content.
fn digest(request: &Request) -> u64 {
    let header = request.header.as_ref().unwrap();
    let place = (
        &header.cluster_id,
        header.group,
        header.target,
        header.source,
        header.generation,
        header.protocol,
        request.kind,
        request.form,
    );
    let place = Checksum::of(&place).0;
    Checksum::of_bytes(place.into(), &request.payload).0
}

/// The first message of a stream with a snapshot, with its digest.
pub(crate) fn labelled(mut first: SnapshotChunk) -> SnapshotChunk {
    let header = first.header.clone().unwrap();
    let place = (
        (
            &header.cluster_id,
            header.group,
            header.target,
            header.source,
            header.generation,
            header.protocol,
        ),
        first.total_bytes,
        first.position,
        first.content,
        first.stripped,
        first.asks,
    );
    let place = Checksum::of(&place).0;
    first.digest = Some(Checksum::of_bytes(place.into(), &first.description).0);
    first
}

/// A chunk with its digest.
pub(crate) fn chunk(position: u64, data: &[u8]) -> SnapshotChunk {
    SnapshotChunk {
        position,
        digest: Some(Checksum::of_bytes(position.into(), data).0),
        data: data.to_vec().into(),
        ..SnapshotChunk::default()
    }
}
