//! The member's end: what has arrived of a snapshot so far.
//!
//! One for each group. It grows with what arrives, never with what is announced, and ends when it is
//! complete, when another one begins, or when nobody has gone on with it for a while.

use parking_lot::Mutex;
use proto::raft::SnapshotChunk;
use types::{Instant, MemberKind};

use super::{KEPT, MAX_CONTROL_BYTES, MAX_STATE_BYTES, MAX_WITNESS_BYTES};
use crate::group::{Group, GroupName, LogId, SnapshotMeta, Vote};
use crate::network::seal;
use crate::network::transport::Failure;
use crate::store::decode;

/// What the first message of a stream says.
pub(in crate::network) struct Announced<G: Group> {
    pub(in crate::network) vote: Vote<G>,
    pub(in crate::network) meta: SnapshotMeta<G>,
    pub(in crate::network) parcel: Which,
    pub(in crate::network) position: u64,
}

/// Tells one snapshot from all others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::network) struct Which {
    generation: u64,
    source: u64,
    /// The last entry that is part of it: term, leader, index.
    last: Option<(u64, u64, u64)>,
    total: u64,
    /// Digest of all of it; older members do not say it.
    content: Option<u64>,
    stripped: bool,
}

fn bad(reason: &str) -> Failure {
    Failure::Invalid(reason.to_owned())
}

impl<G: Group> Announced<G> {
    /// Reads the first message of a stream to a `listener`.
    pub(in crate::network) fn read(
        first: &SnapshotChunk,
        listener: MemberKind,
    ) -> Result<Self, Failure> {
        let header = first.header.as_ref().ok_or_else(|| bad("no header"))?;
        seal::check_label(first)?;
        let (vote, meta): (Vote<G>, SnapshotMeta<G>) =
            decode(&first.description).map_err(|error| Failure::Invalid(error.to_string()))?;
        let total = first
            .total_bytes
            .ok_or_else(|| bad("the snapshot does not say how large it is"))?;
        let most = largest(G::NAME, listener);
        if total > most {
            return Err(Failure::Invalid(format!(
                "a snapshot of {total} bytes: more than {most} are not taken"
            )));
        }
        let is_witness = match listener {
            MemberKind::Node => false,
            MemberKind::Witness => true,
        };
        if first.content.is_some() && first.stripped != is_witness {
            return Err(bad("a snapshot for a member of another kind"));
        }
        let place = |last: &LogId<G>| (last.leader_id.term, last.leader_id.node_id, last.index);
        Ok(Self {
            parcel: Which {
                generation: header.generation,
                source: header.source,
                last: meta.last_log_id.as_ref().map(place),
                total,
                content: first.content,
                stripped: first.stripped,
            },
            position: first.position,
            vote,
            meta,
        })
    }
}

const fn largest(group: GroupName, listener: MemberKind) -> u64 {
    match (listener, group) {
        (MemberKind::Witness, _) => MAX_WITNESS_BYTES,
        (MemberKind::Node, GroupName::Control) => MAX_CONTROL_BYTES,
        (MemberKind::Node, GroupName::State) => MAX_STATE_BYTES,
    }
}

/// What has arrived, of each group.
#[derive(Debug, Default)]
pub(crate) struct Partials {
    control: Mutex<Option<Partial>>,
    state: Mutex<Option<Partial>>,
}

/// What has arrived of one snapshot.
#[derive(Debug)]
pub(in crate::network) struct Partial {
    of: Which,
    data: Vec<u8>,
    touched: Instant,
}

impl Partials {
    fn slot(&self, group: GroupName) -> &Mutex<Option<Partial>> {
        match group {
            GroupName::Control => &self.control,
            GroupName::State => &self.state,
        }
    }

    /// Drops what nobody goes on with.
    pub(crate) fn sweep(&self, now: Instant) {
        for slot in [&self.control, &self.state] {
            let mut slot = slot.lock();
            if slot
                .as_ref()
                .is_some_and(|partial| now.saturating_since(partial.touched) > KEPT)
            {
                *slot = None;
            }
        }
    }

    /// How much there is of `parcel`.
    pub(in crate::network) fn position(&self, group: GroupName, parcel: &Which) -> u64 {
        let slot = self.slot(group).lock();
        let partial = slot.as_ref().filter(|partial| partial.of == *parcel);
        partial.map_or(0, Partial::position)
    }

    /// A stream of `parcel` begins at `position`.
    pub(in crate::network) fn begin(
        &self,
        group: GroupName,
        parcel: &Which,
        position: u64,
        now: Instant,
    ) -> Result<(), Failure> {
        let mut slot = self.slot(group).lock();
        if position == 0 {
            *slot = Some(Partial {
                of: parcel.clone(),
                data: Vec::new(),
                touched: now,
            });
            return Ok(());
        }
        Partial::of(&mut slot, parcel, position).map(|partial| partial.touched = now)
    }

    /// The next chunk of `parcel`.
    pub(in crate::network) fn take(
        &self,
        group: GroupName,
        parcel: &Which,
        chunk: &SnapshotChunk,
        now: Instant,
    ) -> Result<(), Failure> {
        let mut slot = self.slot(group).lock();
        // Chunks of older members say neither where they belong nor what they add up to.
        let position = match (chunk.digest, parcel.content) {
            (None, None) => slot.as_ref().map_or(0, Partial::position),
            (Some(digest), _) if digest == seal::of_chunk(chunk.position, &chunk.data) => {
                chunk.position
            }
            (Some(_), _) | (None, Some(_)) => return Err(bad("a chunk was damaged")),
        };
        let partial = Partial::of(&mut slot, parcel, position)?;
        let more = u64::try_from(chunk.data.len()).unwrap_or(u64::MAX);
        if position.saturating_add(more) > parcel.total {
            return Err(bad("a snapshot that is larger than it said"));
        }
        partial.data.extend_from_slice(&chunk.data);
        partial.touched = now;
        Ok(())
    }

    /// All of `parcel`, which is not kept any longer.
    pub(in crate::network) fn finish(
        &self,
        group: GroupName,
        parcel: &Which,
    ) -> Result<Vec<u8>, Failure> {
        let mut slot = self.slot(group).lock();
        Partial::of(&mut slot, parcel, parcel.total)
            .map_err(|_| bad("the snapshot is not complete"))?;
        let data = slot.take().map(|partial| partial.data).unwrap_or_default();
        if parcel
            .content
            .is_some_and(|content| content != seal::of_bytes(&data))
        {
            return Err(bad("the snapshot was damaged"));
        }
        Ok(data)
    }
}

impl Partial {
    fn position(&self) -> u64 {
        u64::try_from(self.data.len()).unwrap_or(u64::MAX)
    }

    /// What there is, if it is of `parcel` and ends at `position`. Another stream may have taken its
    /// place meanwhile: then the older one ends here.
    fn of<'a>(
        slot: &'a mut Option<Self>,
        parcel: &Which,
        position: u64,
    ) -> Result<&'a mut Self, Failure> {
        slot.as_mut()
            .filter(|partial| partial.of == *parcel && partial.position() == position)
            .ok_or_else(|| Failure::Broken("what came before is not here: ask again".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupName = GroupName::State;
    const DATA: &[u8] = b"everything that was agreed on";

    fn parcel(content: &[u8]) -> Which {
        Which {
            generation: 1,
            source: 1 << 32 | 1,
            last: Some((3, 1 << 32 | 1, 9)),
            total: u64::try_from(content.len()).unwrap(),
            content: Some(seal::of_bytes(content)),
            stripped: false,
        }
    }

    fn chunk(position: usize, data: &'static [u8]) -> SnapshotChunk {
        let position = u64::try_from(position).unwrap();
        SnapshotChunk {
            position,
            digest: Some(seal::of_chunk(position, data)),
            data: data.into(),
            ..SnapshotChunk::default()
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_broken_stream_is_gone_on_with_where_it_broke() {
        for cut in 0..=DATA.len() {
            let (partials, parcel) = (Partials::default(), parcel(DATA));
            partials.begin(GROUP, &parcel, 0, at(0)).unwrap();
            partials
                .take(GROUP, &parcel, &chunk(0, &DATA[..cut]), at(0))
                .unwrap();
            let position = partials.position(GROUP, &parcel);
            assert_eq!(position, u64::try_from(cut).unwrap());
            partials.begin(GROUP, &parcel, position, at(1)).unwrap();
            partials
                .take(GROUP, &parcel, &chunk(cut, &DATA[cut..]), at(1))
                .unwrap();
            assert_eq!(partials.finish(GROUP, &parcel).unwrap(), DATA);
            assert_eq!(partials.position(GROUP, &parcel), 0);
        }
    }

    #[test]
    fn of_two_streams_of_one_snapshot_each_byte_counts_once() {
        let (partials, parcel) = (Partials::default(), parcel(DATA));
        partials.begin(GROUP, &parcel, 0, at(0)).unwrap();
        partials
            .take(GROUP, &parcel, &chunk(0, &DATA[..5]), at(0))
            .unwrap();
        partials.begin(GROUP, &parcel, 5, at(1)).unwrap();
        partials
            .take(GROUP, &parcel, &chunk(5, &DATA[5..]), at(1))
            .unwrap();
        // The first stream wakes up.
        assert!(
            partials
                .take(GROUP, &parcel, &chunk(5, &DATA[5..9]), at(1))
                .is_err()
        );
        assert_eq!(partials.finish(GROUP, &parcel).unwrap(), DATA);
    }

    #[test]
    fn another_snapshot_takes_the_place_of_what_there_was() {
        let (partials, old, new) = (Partials::default(), parcel(DATA), parcel(b"other"));
        partials.begin(GROUP, &old, 0, at(0)).unwrap();
        partials
            .take(GROUP, &old, &chunk(0, &DATA[..5]), at(0))
            .unwrap();
        assert_eq!(partials.position(GROUP, &new), 0);
        assert!(partials.begin(GROUP, &new, 5, at(0)).is_err());
        partials.begin(GROUP, &new, 0, at(0)).unwrap();
        assert_eq!(partials.position(GROUP, &old), 0);
        assert!(
            partials
                .take(GROUP, &old, &chunk(5, &DATA[5..]), at(0))
                .is_err()
        );
        // The other group's place is another one.
        partials.begin(GroupName::Control, &old, 0, at(0)).unwrap();
        partials
            .take(GROUP, &new, &chunk(0, b"other"), at(0))
            .unwrap();
        assert_eq!(partials.finish(GROUP, &new).unwrap(), b"other");
    }

    #[test]
    fn what_is_wrong_is_refused_and_what_came_before_is_kept() {
        let (partials, parcel) = (Partials::default(), parcel(DATA));
        partials.begin(GROUP, &parcel, 0, at(0)).unwrap();
        partials
            .take(GROUP, &parcel, &chunk(0, &DATA[..5]), at(0))
            .unwrap();
        let mut flipped = chunk(5, &DATA[5..]);
        flipped.data = b"another text of equal length ..."[..DATA.len() - 5].into();
        let mut moved = chunk(5, &DATA[5..]);
        moved.position = 4;
        let mut bare = chunk(5, &DATA[5..]);
        bare.digest = None;
        for wrong in [
            flipped,
            moved,
            bare,
            chunk(4, &DATA[4..]),
            chunk(6, &DATA[6..]),
        ] {
            assert!(
                partials.take(GROUP, &parcel, &wrong, at(0)).is_err(),
                "{wrong:?}"
            );
            assert_eq!(partials.position(GROUP, &parcel), 5);
        }
        assert!(
            partials
                .take(GROUP, &parcel, &chunk(5, DATA), at(0))
                .is_err(),
            "too much"
        );
        assert!(partials.finish(GROUP, &parcel).is_err(), "too little");
        // Whole chunks that do not add up to what was announced.
        let twisted = b"wrong from here to the very end";
        partials
            .take(GROUP, &parcel, &chunk(5, &twisted[..DATA.len() - 5]), at(0))
            .unwrap();
        assert!(partials.finish(GROUP, &parcel).is_err());
        assert_eq!(
            partials.position(GROUP, &parcel),
            0,
            "nothing of it is kept"
        );
    }

    #[test]
    fn what_nobody_goes_on_with_is_dropped() {
        let (partials, parcel) = (Partials::default(), parcel(DATA));
        partials.begin(GROUP, &parcel, 0, at(0)).unwrap();
        partials
            .take(GROUP, &parcel, &chunk(0, &DATA[..5]), at(30))
            .unwrap();
        partials.sweep(at(90));
        assert_eq!(partials.position(GROUP, &parcel), 5);
        partials.sweep(at(91));
        assert_eq!(partials.position(GROUP, &parcel), 0);
    }
}
