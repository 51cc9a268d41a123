//! Who holds each port of one space.

use types::{Endpoint, Instant};

use crate::bitmap::Bitmap;
use crate::block::Block;

/// The inside endpoint that has a port, and for how many sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    pub(super) inside: Endpoint,
    pub(super) sessions: u32,
    /// When the last session ended; the port falls free some time later.
    pub(super) idle_since: Instant,
    /// Whether it stands in the queue of lingering ports.
    pub(super) queued: bool,
}

/// All ports by block; a block is made when one of its ports is first used.
#[derive(Debug)]
pub(super) struct Holders(Vec<Option<Box<Ports>>>);

#[derive(Debug)]
struct Ports {
    free: Bitmap,
    holders: Vec<Option<Holder>>,
}

impl Holders {
    pub(super) fn none() -> Self {
        Self((0..Block::COUNT).map(|_| None).collect())
    }

    pub(super) fn get(&self, port: u16) -> Option<&Holder> {
        let (block, offset) = Block::of(port)?;
        let ports = self.0.get(usize::from(block.index()))?.as_deref()?;
        ports.holders.get(usize::from(offset))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, port: u16) -> Option<&mut Holder> {
        let (block, offset) = Block::of(port)?;
        let place = self.0.get_mut(usize::from(block.index()))?;
        let ports = place.as_deref_mut()?;
        ports.holders.get_mut(usize::from(offset))?.as_mut()
    }

    pub(super) fn inside_of(&self, port: u16) -> Option<Endpoint> {
        self.get(port).map(|holder| holder.inside)
    }

    /// Which ports of a block are free.
    pub(super) fn bitmap(&self, block: Block) -> &Bitmap {
        self.0
            .get(usize::from(block.index()))
            .and_then(Option::as_deref)
            .map_or(&Bitmap::ALL_FREE, |ports| &ports.free)
    }

    /// Puts the port into somebody's hands; the block in which that changed something.
    pub(super) fn put(&mut self, port: u16, holder: Holder) -> Option<Block> {
        let (block, offset) = Block::of(port)?;
        let place = self.0.get_mut(usize::from(block.index()))?;
        let ports = place.get_or_insert_with(|| Box::new(Ports::unused()));
        *ports.holders.get_mut(usize::from(offset))? = Some(holder);
        ports.free.set_taken(offset);
        Some(block)
    }

    /// Takes the port from its holder.
    pub(super) fn take(&mut self, port: u16) -> Option<(Block, Holder)> {
        let (block, offset) = Block::of(port)?;
        let place = self.0.get_mut(usize::from(block.index()))?;
        let ports = place.as_deref_mut()?;
        let holder = ports.holders.get_mut(usize::from(offset))?.take()?;
        ports.free.set_free(offset);
        Some((block, holder))
    }
}

impl Ports {
    fn unused() -> Self {
        Self {
            free: Bitmap::ALL_FREE,
            holders: vec![None; usize::from(Block::PORTS)],
        }
    }
}
