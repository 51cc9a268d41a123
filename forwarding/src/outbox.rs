//! What a shard asks its worker to do: the only way out of the pipeline, and what tests replace.

use types::{Epoch, FlowKey, Instant};

use crate::plan::PortIndex;
use crate::port::Offload;
use crate::steering::ShardIndex;

/// How far a frame has come when a shard gets it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Just received.
    Arrived,
    /// A fragment that its receiver gave to the home of its datagram.
    Fragment,
    /// Given to the owner of this flow; the key is the wire's, also for a later fragment.
    Flow(FlowKey),
    /// Translated once and sent to another inside (RFC 4787 REQ-9): as if it had arrived outside.
    Hairpin,
}

/// A frame on its way into a shard.
#[derive(Debug)]
pub struct Parcel<'f> {
    /// The interface it came in by.
    pub ingress: PortIndex,
    /// Its bytes.
    pub frame: &'f mut [u8],
    /// What the kernel left undone.
    pub offload: Offload,
    /// How far it has come.
    pub stage: Stage,
}

/// A frame that goes from one worker to another, or comes back to its own shard later.
#[derive(Debug)]
pub struct OwnedParcel {
    /// The interface it came in by.
    pub ingress: PortIndex,
    /// Its bytes.
    pub frame: Vec<u8>,
    /// What the kernel left undone.
    pub offload: Offload,
    /// How far it has come.
    pub stage: Stage,
    /// When it was put into the queue.
    pub queued_at: Instant,
}

impl OwnedParcel {
    /// The frame, lent to a shard.
    pub fn lend(&mut self) -> Parcel<'_> {
        Parcel {
            ingress: self.ingress,
            frame: &mut self.frame,
            offload: self.offload,
            stage: self.stage,
        }
    }
}

/// The other shard's queue was full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

/// Effects of processing a packet. Nothing here waits.
pub trait Outbox {
    /// Sends a finished frame by an interface.
    fn transmit(&mut self, egress: PortIndex, frame: &[u8], offload: Offload);

    /// Gives a copy of a frame to another shard.
    fn hand_over(&mut self, to: ShardIndex, parcel: &Parcel<'_>) -> Result<(), Full>;

    /// Tells the neighbour actor what was heard or is needed; it may be busy, and is told again by
    /// the next packet.
    fn tell_neighbors(&mut self, event: neighbor::Event);

    /// The first packet under `epoch` has been queued for its device.
    fn first_packet(&mut self, epoch: Epoch);
}
