//! The reusable memory of a batch: slots for what arrives, one arena for what leaves.

use super::{BATCH, Flushed, Offload, VnetHeader};

/// The largest frame: the largest IP packet behind an Ethernet header. Large ones are segments that
/// a neighbour's kernel did not cut.
pub(super) const MAX_FRAME: usize = 65_535 + 14;

/// Bytes from one slot to the next. Not a multiple of the page size: all first lines would fall into
/// the same few sets of the first-level cache.
const STRIDE: usize = 65_536 + 5 * 64;

/// Frames beyond this many bytes make a queue flush early.
const ARENA: usize = 256 * 1024;

/// What arrived, at most [`BATCH`] frames, each behind its [`VnetHeader`].
pub struct RxBatch {
    /// Allocated zeroed, so the kernel backs only the pages that frames reach.
    storage: Box<[u8]>,
    frames: Vec<(usize, Offload)>,
}

impl Default for RxBatch {
    fn default() -> Self {
        Self {
            storage: vec![0; STRIDE * BATCH].into_boxed_slice(),
            frames: Vec::with_capacity(BATCH),
        }
    }
}

impl RxBatch {
    /// How many frames it holds.
    pub const fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Forgets all frames.
    pub fn clear(&mut self) {
        self.frames.clear();
    }

    /// The frame of slot `index`, to be changed in place.
    pub fn frame(&mut self, index: usize) -> Option<(&mut [u8], Offload)> {
        let (len, offload) = *self.frames.get(index)?;
        let start = index * STRIDE + VnetHeader::LEN;
        let frame = self.storage.get_mut(start..start + len)?;
        Some((frame, offload))
    }

    /// All slots, header included, for the system call that fills them.
    pub(super) fn slots(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.storage.chunks_mut(STRIDE)
    }

    /// Says that slot `self.len()` holds `received` bytes, header included. What is shorter than the
    /// header becomes an empty frame, which parsing refuses.
    pub(super) fn filled(&mut self, received: usize) {
        let start = self.frames.len() * STRIDE;
        let header = self
            .storage
            .get(start..)
            .and_then(|slot| slot.first_chunk::<{ VnetHeader::LEN }>());
        if let Some(header) = header {
            let offload = VnetHeader::from_bytes(*header).offload();
            self.frames
                .push((received.saturating_sub(VnetHeader::LEN), offload));
        }
    }

    /// Appends what a socket gave, header included.
    pub(super) fn push_raw(&mut self, received: &[u8]) {
        let start = self.frames.len() * STRIDE;
        if let Some(slot) = self.storage.get_mut(start..start + received.len()) {
            slot.copy_from_slice(received);
            self.filled(received.len());
        }
    }

    /// Appends a frame as a port without a system call has it; `false` when the batch is full.
    pub fn push(&mut self, frame: &[u8], offload: Offload) -> bool {
        let start = self.frames.len() * STRIDE + VnetHeader::LEN;
        let slot = self.storage.get_mut(start..start + frame.len());
        let Some(slot) = slot.filter(|_| frame.len() <= MAX_FRAME) else {
            return false;
        };
        slot.copy_from_slice(frame);
        self.frames.push((frame.len(), offload));
        true
    }
}

/// What leaves: frames one after another, each behind its [`VnetHeader`].
pub struct TxQueue {
    arena: Vec<u8>,
    ends: Vec<usize>,
    /// What became of frames since the worker asked last.
    pub(super) report: Flushed,
}

impl Default for TxQueue {
    fn default() -> Self {
        Self {
            arena: Vec::with_capacity(ARENA),
            ends: Vec::with_capacity(BATCH),
            report: Flushed::default(),
        }
    }
}

impl TxQueue {
    /// Whether `frame` must wait for a flush.
    pub(super) const fn is_full_for(&self, frame: &[u8]) -> bool {
        self.ends.len() >= BATCH || self.arena.len() + VnetHeader::LEN + frame.len() > ARENA
    }

    /// Copies a frame in. The caller has asked [`TxQueue::is_full_for`].
    pub(super) fn push(&mut self, frame: &[u8], offload: Offload) {
        let header = VnetHeader::for_transmit(offload).to_bytes();
        self.arena.extend_from_slice(&header);
        self.arena.extend_from_slice(frame);
        self.ends.push(self.arena.len());
    }

    /// How many frames wait.
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The frames from number `from` on, headers included.
    pub(super) fn frames(&self, from: usize) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(self.ends.iter().copied())
            .skip(from)
            .filter_map(|(start, end)| self.arena.get(start..end))
    }

    /// Notes that `count` frames from number `from` on were sent.
    pub(super) fn sent(&mut self, from: usize, count: usize) {
        let bytes: usize = self
            .frames(from)
            .take(count)
            .map(|frame| frame.len() - VnetHeader::LEN)
            .sum();
        self.report.packets += count as u64;
        self.report.bytes += bytes as u64;
    }

    /// Forgets the frames, keeps the memory and the report.
    pub(super) fn clear(&mut self) {
        self.arena.clear();
        self.ends.clear();
    }

    /// What became of frames since the last call.
    pub(super) fn take_report(&mut self) -> Flushed {
        std::mem::take(&mut self.report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_what_was_put_in_and_no_more_than_its_size() {
        let mut batch = RxBatch::default();
        for number in 0..BATCH {
            assert!(batch.push(&[u8::try_from(number).unwrap(); 60], Offload::None));
        }
        assert!(!batch.push(&[1; 60], Offload::None));
        assert_eq!(batch.frame(63).unwrap().0, &[63; 60]);
        assert!(batch.frame(64).is_none());
    }

    #[test]
    fn a_frame_larger_than_any_ip_packet_is_refused() {
        let mut batch = RxBatch::default();
        assert!(batch.push(&vec![0; MAX_FRAME], Offload::None));
        assert!(!batch.push(&vec![0; MAX_FRAME + 1], Offload::None));
    }

    #[test]
    fn a_queue_counts_frames_without_their_headers() {
        let mut queue = TxQueue::default();
        queue.push(&[1; 60], Offload::None);
        queue.push(&[2; 100], Offload::None);
        queue.sent(1, 1);
        assert_eq!((queue.report.packets, queue.report.bytes), (1, 100));
        let lens: Vec<_> = queue.frames(0).map(<[u8]>::len).collect();
        assert_eq!(lens, [70, 110]);
    }
}
