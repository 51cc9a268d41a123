//! Where frames come from and go to: one port is one device, as one worker sees it.
//!
//! A worker lends one [`RxBatch`] to all its ports in turn and copies what leaves into the egress
//! port's [`TxQueue`], so no packet costs an allocation, and a system call is shared by a batch.
//! Behind the trait stand the raw socket, pnet's channel, and the fake that tests drive.

mod batch;
mod fake;
mod pnet_port;
mod raw_socket;
mod vnet;

use std::io;
use std::os::fd::BorrowedFd;

use types::MacAddr;

pub use batch::{RxBatch, TxQueue};
pub use fake::{FakePort, FakeWire};
pub use pnet_port::PnetPort;
pub use raw_socket::{Fanout, RawSocket};
pub use vnet::{Segments, VnetHeader};

/// Frames handled between two looks at commands, timers and the gate.
pub const BATCH: usize = 64;

/// Which implementation carries a node's frames.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PortKind {
    /// `AF_PACKET` with `recvmmsg` and `sendmmsg`.
    #[default]
    Raw,
    /// pnet's data link channel over the same kind of socket, a system call a frame.
    Pnet,
}

impl PortKind {
    /// The word operators configure and read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Pnet => "pnet",
        }
    }
}

/// What the sending kernel left to the network card, and so to us.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Offload {
    /// Nothing: the frame is as it would be on a wire.
    #[default]
    None,
    /// The transport checksum covers the pseudo-header only.
    ChecksumMissing,
    /// One frame stands for several TCP segments or UDP datagrams of at most this size.
    Segments(Segments),
}

/// What became of the frames of one flush.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flushed {
    /// Frames the device took.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames the transmit queue refused.
    pub refused: u64,
    /// Frames for a device that is down.
    pub down: u64,
}

/// A device's frames, in and out.
pub trait Port: Send {
    /// Replaces the content of `batch` by frames that wait; an empty batch means that none does.
    fn receive(&mut self, batch: &mut RxBatch) -> io::Result<()>;

    /// Takes a copy of `frame` for the next flush. Flushes by itself when its queue is full.
    fn queue(&mut self, frame: &[u8], offload: Offload);

    /// Hands everything queued to the device and says what became of it since the last call.
    fn flush(&mut self) -> Flushed;

    /// The descriptor that becomes readable when frames wait; `None` for ports without one.
    fn poll_fd(&self) -> Option<BorrowedFd<'_>>;

    /// Makes the device accept frames for `mac`, a virtual router's or a group's address.
    fn accept(&mut self, mac: MacAddr) -> io::Result<()>;

    /// Frames the kernel threw away since the last call, because nobody had fetched them.
    fn missed(&mut self) -> u64;
}
