//! A digest over each message, so that one that was damaged on its way is nothing but a refusal.
//!
//! TCP's own sum misses damage in memory, in drivers and in middleboxes once in 65 000 times, and a
//! flipped bit in an entry would be agreed on as it is. The digest guards against mistakes; against
//! people there is TLS.

use bytes::Bytes;
use proto::raft::{Header, Reply, Request, SnapshotChunk};
use raft_state::Checksum;

use super::transport::Failure;

/// The digest of a question.
pub(super) fn of_question(header: &Header, (kind, form): (i32, u32), payload: &[u8]) -> u64 {
    let place = (
        &header.cluster_id,
        header.group,
        header.target,
        header.source,
        header.generation,
        header.protocol,
        kind,
        form,
    );
    Checksum::of_bytes(Checksum::of(&place).0.into(), payload).0
}

/// The digest of bytes that say themselves what they are.
pub(super) fn of_bytes(bytes: &[u8]) -> u64 {
    Checksum::of_bytes(0, bytes).0
}

/// Whether `question` came as it was sent.
pub(super) fn check_question(question: &Request) -> Result<(), Failure> {
    let Some(header) = &question.header else {
        return Err(Failure::Invalid("no header".to_owned()));
    };
    let digest = of_question(header, (question.kind, question.form), &question.payload);
    compare(question.digest, digest)
}

/// An answer with its digest.
pub(super) fn reply(payload: Bytes) -> Reply {
    Reply {
        digest: Some(of_bytes(&payload)),
        payload,
    }
}

/// The content of an answer, if it came as it was sent.
pub(super) fn open(reply: &Reply) -> Result<&[u8], Failure> {
    if reply.digest == Some(of_bytes(&reply.payload)) {
        return Ok(&reply.payload);
    }
    Err(Failure::Broken("the answer was damaged".to_owned()))
}

fn compare(found: Option<u64>, made: u64) -> Result<(), Failure> {
    if found == Some(made) {
        return Ok(());
    }
    Err(Failure::Invalid("the message was damaged".to_owned()))
}

/// The digest of a chunk of a snapshot.
pub(super) fn of_chunk(position: u64, data: &[u8]) -> u64 {
    Checksum::of_bytes(position.into(), data).0
}

/// The digest of the first message of a stream with a snapshot.
pub(super) fn of_label(first: &SnapshotChunk) -> u64 {
    let header = first.header.clone().unwrap_or_default();
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
    Checksum::of_bytes(Checksum::of(&place).0.into(), &first.description).0
}

/// Whether the first message of a stream came as it was sent.
pub(super) fn check_label(first: &SnapshotChunk) -> Result<(), Failure> {
    compare(first.digest, of_label(first))
}
