//! A port in memory, for tests of workers: frames go in and come out through a [`FakeWire`].

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};
use parking_lot::Mutex;
use types::MacAddr;

use super::{Flushed, Offload, Port, RxBatch, TxQueue, VnetHeader};

/// Frames that may wait in each direction; the oldest stay.
const DEPTH: usize = 4096;

/// The test's end of a fake port. The lock is not on any real packet's path.
#[derive(Clone)]
pub struct FakeWire {
    ends: Arc<Mutex<Ends>>,
    /// Readable while frames wait, as a socket is.
    readable: Arc<EventFd>,
}

#[derive(Default)]
struct Ends {
    towards_port: VecDeque<Vec<u8>>,
    from_port: VecDeque<Vec<u8>>,
    accepted: Vec<MacAddr>,
}

impl FakeWire {
    /// A wire with nothing on it.
    pub fn new() -> io::Result<Self> {
        let readable = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Self {
            ends: Arc::default(),
            readable: Arc::new(readable),
        })
    }

    /// Lets `frame` arrive at the port; `false` when too many wait.
    pub fn send(&self, frame: Vec<u8>) -> bool {
        let mut ends = self.ends.lock();
        let room = ends.towards_port.len() < DEPTH;
        if room {
            ends.towards_port.push_back(frame);
            // Fails only when it is readable already.
            let _readable = self.readable.write(1);
        }
        room
    }

    /// What the port has sent since the last call.
    pub fn take(&self) -> Vec<Vec<u8>> {
        self.ends.lock().from_port.drain(..).collect()
    }

    /// The addresses the port was told to accept.
    pub fn accepted(&self) -> Vec<MacAddr> {
        self.ends.lock().accepted.clone()
    }

    /// A port at the other end.
    pub fn port(&self) -> FakePort {
        FakePort {
            wire: self.clone(),
            queue: TxQueue::default(),
        }
    }
}

/// The worker's end.
pub struct FakePort {
    wire: FakeWire,
    queue: TxQueue,
}

impl Port for FakePort {
    fn receive(&mut self, batch: &mut RxBatch) -> io::Result<()> {
        batch.clear();
        let mut ends = self.wire.ends.lock();
        while let Some(frame) = ends.towards_port.pop_front() {
            if !batch.push(&frame, Offload::None) {
                ends.towards_port.push_front(frame);
                return Ok(());
            }
        }
        // Fails only when nothing had been sent.
        let _empty = self.wire.readable.read();
        Ok(())
    }

    fn queue(&mut self, frame: &[u8], offload: Offload) {
        if self.queue.is_full_for(frame) {
            self.transmit();
        }
        self.queue.push(frame, offload);
    }

    fn flush(&mut self) -> Flushed {
        self.transmit();
        self.queue.take_report()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.wire.readable.as_fd())
    }

    fn accept(&mut self, mac: MacAddr) -> io::Result<()> {
        self.wire.ends.lock().accepted.push(mac);
        Ok(())
    }

    fn missed(&mut self) -> u64 {
        0
    }
}

impl FakePort {
    fn transmit(&mut self) {
        let mut ends = self.wire.ends.lock();
        let room = DEPTH.saturating_sub(ends.from_port.len());
        let taken = self.queue.len().min(room);
        for frame in self.queue.frames(0).take(taken) {
            let bytes = frame.get(VnetHeader::LEN..).unwrap_or_default();
            ends.from_port.push_back(bytes.to_vec());
        }
        drop(ends);
        self.queue.sent(0, taken);
        self.queue.report.refused += (self.queue.len() - taken) as u64;
        self.queue.clear();
    }
}
