//! Buffers that travel with frames from one worker to another and come back.
//!
//! Frames that belong to another worker's shard are copied once. The copy's memory is taken from
//! here and returned here, so steady traffic allocates nothing; what does not fit is freed.

use crossbeam_queue::ArrayQueue;

/// A bounded stack of empty buffers, shared by all workers.
pub struct BufferPool(ArrayQueue<Vec<u8>>);

/// Buffers kept; more than this are freed.
const KEPT: usize = 4096;
/// Larger buffers are freed rather than kept: few frames need them.
const KEPT_BYTES: usize = 16 * 1024;

impl Default for BufferPool {
    fn default() -> Self {
        Self(ArrayQueue::new(KEPT))
    }
}

impl BufferPool {
    /// A buffer with a copy of `frame`.
    pub fn copy(&self, frame: &[u8]) -> Vec<u8> {
        let mut buffer = self.0.pop().unwrap_or_default();
        buffer.extend_from_slice(frame);
        buffer
    }

    /// Takes a buffer back.
    pub fn give_back(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= KEPT_BYTES {
            buffer.clear();
            // A full pool frees the buffer.
            let _freed = self.0.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_carries_the_next_frame_only() {
        let pool = BufferPool::default();
        let first = pool.copy(&[1, 2, 3]);
        let address = first.as_ptr();
        pool.give_back(first);
        let second = pool.copy(&[4]);
        assert_eq!((second.as_ptr(), second.as_slice()), (address, &[4][..]));
    }
}
