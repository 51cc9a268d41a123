//! The ports of one external address for one protocol: who holds which, and which is free for whom.

use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use types::{Endpoint, Instant, Protocol};

use crate::bitmap::{Bitmap, Parity};
use crate::block::Block;
use crate::insides::Insides;
use crate::random::Random;

/// What reserving did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reserved {
    /// A mapping that nobody held.
    Fresh,
    /// One more session on a mapping that its inside holds.
    Shared,
    /// Sessions of another inside use that outside endpoint; nothing changed.
    Conflict {
        /// The inside that holds it.
        holder: Endpoint,
    },
    /// Not one of our addresses, protocols or ports; nothing changed.
    Foreign,
}

/// Protocols with a port space of their own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SpaceKind {
    Tcp,
    Udp,
    /// Query identifiers of ICMP or, on IPv6 addresses, ICMPv6.
    Icmp,
}

impl SpaceKind {
    pub(crate) const COUNT: usize = 3;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Tcp, Self::Udp, Self::Icmp];

    pub(crate) const fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::TCP => Some(Self::Tcp),
            Protocol::UDP => Some(Self::Udp),
            Protocol::ICMP | Protocol::ICMPV6 => Some(Self::Icmp),
            Protocol(_) => None,
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Tcp => 0,
            Self::Udp => 1,
            Self::Icmp => 2,
        }
    }
}

/// One port space.
#[derive(Debug)]
pub(crate) struct Space {
    /// Made when a port of the block is first used.
    blocks: Vec<Option<Box<Ports>>>,
    /// The port of each inside endpoint (RFC 4787 REQ-1).
    by_inside: Insides,
    /// Further ports of an inside, which only replication brings: both nodes were active at once. One of
    /// them takes over when the port above has no session left. Nearly always empty.
    spare: HashMap<Endpoint, Vec<u16>, ahash::RandomState>,
    /// Blocks that this node allocates from.
    granted: u128,
    /// Of those, blocks with a free even port and with a free odd port.
    open_even: u128,
    open_odd: u128,
    /// Free ports in granted blocks.
    free: u32,
    /// Ports without a session, each once, roughly in the order in which they fall free.
    lingering: VecDeque<(Instant, u16)>,
}

#[derive(Debug)]
struct Ports {
    free: Bitmap,
    holders: Vec<Option<Holder>>,
}

const NOT_QUEUED: bool = false;

#[derive(Clone, Copy, Debug)]
struct Holder {
    inside: Endpoint,
    sessions: u32,
    /// When the last session ended; the port falls free some time later.
    idle_since: Instant,
    /// Whether it stands in `lingering`.
    queued: bool,
}

impl Space {
    pub(crate) fn new(hasher: ahash::RandomState) -> Self {
        Self {
            blocks: (0..Block::COUNT).map(|_| None).collect(),
            by_inside: Insides::new(hasher.clone()),
            spare: HashMap::with_hasher(hasher),
            granted: 0,
            open_even: 0,
            open_odd: 0,
            free: 0,
            lingering: VecDeque::new(),
        }
    }

    pub(crate) fn grant(&mut self, block: Block) {
        if self.granted & block.bit() == 0 {
            self.granted |= block.bit();
            self.free += self.bitmap(block).count_free();
            self.refresh(block);
        }
    }

    pub(crate) fn revoke(&mut self, block: Block) {
        if self.granted & block.bit() != 0 {
            self.granted &= !block.bit();
            self.free -= self.bitmap(block).count_free();
            self.refresh(block);
        }
    }

    pub(crate) const fn free(&self) -> u32 {
        self.free
    }

    /// The port that `inside` holds already, with one more session on it.
    pub(crate) fn join(&mut self, inside: Endpoint) -> Option<u16> {
        let port = self.port_of(inside)?;
        let granted = Block::of(port).is_some_and(|(block, _)| self.granted & block.bit() != 0);
        let holder = self.holder_mut(port)?;
        // Without a session a port is its block's owner's again, who may give it away.
        if holder.sessions == 0 && !granted {
            return None;
        }
        holder.sessions += 1;
        Some(port)
    }

    /// A free port for `inside`, out of granted blocks: its own port, else one of the same parity, else
    /// any. The order is that of RFC 4787's preferences; where the search begins is random.
    pub(crate) fn allocate(&mut self, inside: Endpoint, random: &mut Random) -> Option<u16> {
        let port = self.choose(inside.port, random)?;
        self.take(port, inside, NOT_QUEUED);
        self.set_port(inside, port);
        Some(port)
    }

    /// Puts a replicated session's port into its holder's hands, granted to this node or not.
    pub(crate) fn reserve(&mut self, inside: Endpoint, port: u16) -> Reserved {
        let mut queued = NOT_QUEUED;
        let shared = match self.holder_mut(port) {
            Some(holder) if holder.inside == inside => {
                holder.sessions += 1;
                true
            }
            Some(holder) if holder.sessions > 0 => {
                return Reserved::Conflict {
                    holder: holder.inside,
                };
            }
            Some(holder) => {
                // The cluster has given the port to somebody new while it lingered here.
                queued = holder.queued;
                self.vacate(port);
                false
            }
            None => false,
        };
        if !shared {
            self.take(port, inside, queued);
        }
        match self.port_of(inside) {
            Some(first) if first == port => {}
            Some(first) if self.is_in_use(first) => {
                let spare = self.spare.entry(inside).or_default();
                if !spare.contains(&port) {
                    spare.push(port);
                }
            }
            // New sessions join the port that is in use.
            Some(_) | None => {
                self.set_port(inside, port);
            }
        }
        if shared {
            Reserved::Shared
        } else {
            Reserved::Fresh
        }
    }

    /// One session less on the port, if `inside` holds it.
    pub(crate) fn release(&mut self, inside: Endpoint, port: u16, now: Instant, linger: Duration) {
        let Some(holder) = self
            .holder_mut(port)
            .filter(|holder| holder.inside == inside)
        else {
            return;
        };
        if holder.sessions == 0 {
            return;
        }
        holder.sessions -= 1;
        if holder.sessions > 0 {
            return;
        }
        holder.idle_since = now;
        if !holder.queued {
            holder.queued = true;
            self.lingering.push_back((now + linger, port));
        }
        self.promote_spare(inside, port);
    }

    /// The port of `inside` has no session left: a further one that has some takes its place.
    fn promote_spare(&mut self, inside: Endpoint, port: u16) {
        if self.spare.is_empty() || self.port_of(inside) != Some(port) {
            return;
        }
        let mut spares = self.spare.get(&inside).into_iter().flatten().copied();
        if let Some(next) = spares.find(|spare| self.is_in_use(*spare)) {
            self.drop_spare(inside, next);
            self.set_port(inside, next);
        }
    }

    fn drop_spare(&mut self, inside: Endpoint, port: u16) {
        if let Some(spares) = self.spare.get_mut(&inside) {
            spares.retain(|spare| *spare != port);
            if spares.is_empty() {
                self.spare.remove(&inside);
            }
        }
    }

    fn is_in_use(&self, port: u16) -> bool {
        self.holder(port).is_some_and(|holder| holder.sessions > 0)
    }

    /// Frees up to `limit` ports that have lingered long enough; tells which.
    pub(crate) fn reclaim(
        &mut self,
        now: Instant,
        linger: Duration,
        limit: usize,
        mut freed: impl FnMut(u16),
    ) {
        for _ in 0..limit {
            let Some((turn, port)) = self.lingering.front().copied() else {
                return;
            };
            if turn > now {
                return;
            }
            self.lingering.pop_front();
            let Some(holder) = self.holder_mut(port) else {
                continue;
            };
            holder.queued = false;
            if holder.sessions > 0 {
                continue;
            }
            let due = holder.idle_since + linger;
            if due > now {
                // It was used again in between.
                holder.queued = true;
                self.lingering.push_back((due, port));
            } else {
                self.vacate(port);
                freed(port);
            }
        }
    }

    fn port_of(&self, inside: Endpoint) -> Option<u16> {
        self.by_inside
            .find(inside, |port| inside_of(&self.blocks, port))
    }

    fn set_port(&mut self, inside: Endpoint, port: u16) {
        let blocks = &self.blocks;
        self.by_inside
            .set(inside, port, |port| inside_of(blocks, port));
    }

    pub(crate) fn inside_of(&self, port: u16) -> Option<Endpoint> {
        self.holder(port).map(|holder| holder.inside)
    }

    fn choose(&self, wanted: u16, random: &mut Random) -> Option<u16> {
        if let Some((block, offset)) = Block::of(wanted)
            && self.granted & block.bit() != 0
            && self.bitmap(block).is_free(offset)
        {
            return Some(wanted);
        }
        let parity = Parity::of(wanted);
        [parity, parity.other()].into_iter().find_map(|parity| {
            let block = self.choose_block(parity, random)?;
            let offset = self.bitmap(block).pick(parity, random)?;
            Some(block.first_port() + offset)
        })
    }

    fn choose_block(&self, parity: Parity, random: &mut Random) -> Option<Block> {
        let open = match parity {
            Parity::Even => self.open_even,
            Parity::Odd => self.open_odd,
        };
        let start = random.below(u128::BITS);
        let index = (open != 0)
            .then(|| (open.rotate_right(start).trailing_zeros() + start) % u128::BITS)?;
        Block::new(u16::try_from(index).ok()?)
    }

    fn take(&mut self, port: u16, inside: Endpoint, queued: bool) {
        let Some((block, offset)) = Block::of(port) else {
            return;
        };
        let Some(place) = self.blocks.get_mut(usize::from(block.index())) else {
            return;
        };
        let ports = place.get_or_insert_with(|| Box::new(Ports::unused()));
        let Some(holder) = ports.holders.get_mut(usize::from(offset)) else {
            return;
        };
        *holder = Some(Holder {
            inside,
            sessions: 1,
            idle_since: Instant::START,
            queued,
        });
        ports.free.set_taken(offset);
        self.free -= u32::from(self.granted & block.bit() != 0);
        self.refresh(block);
    }

    /// Takes the port from its holder.
    fn vacate(&mut self, port: u16) {
        let Some((block, offset)) = Block::of(port) else {
            return;
        };
        let place = self.blocks.get_mut(usize::from(block.index()));
        let Some(ports) = place.and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(holder) = ports
            .holders
            .get_mut(usize::from(offset))
            .and_then(Option::take)
        else {
            return;
        };
        ports.free.set_free(offset);
        self.free += u32::from(self.granted & block.bit() != 0);
        let blocks = &self.blocks;
        self.by_inside
            .remove(holder.inside, port, |port| inside_of(blocks, port));
        if !self.spare.is_empty() {
            self.drop_spare(holder.inside, port);
        }
        self.refresh(block);
    }

    /// Brings the masks of open blocks up to date with a block's bitmap.
    fn refresh(&mut self, block: Block) {
        let granted = self.granted & block.bit() != 0;
        let even = granted && self.bitmap(block).has_free(Parity::Even);
        let odd = granted && self.bitmap(block).has_free(Parity::Odd);
        for (mask, open) in [(&mut self.open_even, even), (&mut self.open_odd, odd)] {
            if open {
                *mask |= block.bit();
            } else {
                *mask &= !block.bit();
            }
        }
    }

    fn bitmap(&self, block: Block) -> &Bitmap {
        self.blocks
            .get(usize::from(block.index()))
            .and_then(Option::as_deref)
            .map_or(&Bitmap::ALL_FREE, |ports| &ports.free)
    }

    fn holder(&self, port: u16) -> Option<&Holder> {
        holder(&self.blocks, port)
    }

    fn holder_mut(&mut self, port: u16) -> Option<&mut Holder> {
        let (block, offset) = Block::of(port)?;
        let place = self.blocks.get_mut(usize::from(block.index()))?;
        let ports = place.as_deref_mut()?;
        ports.holders.get_mut(usize::from(offset))?.as_mut()
    }
}

fn holder(blocks: &[Option<Box<Ports>>], port: u16) -> Option<&Holder> {
    let (block, offset) = Block::of(port)?;
    let ports = blocks.get(usize::from(block.index()))?.as_deref()?;
    ports.holders.get(usize::from(offset))?.as_ref()
}

fn inside_of(blocks: &[Option<Box<Ports>>], port: u16) -> Option<Endpoint> {
    holder(blocks, port).map(|holder| holder.inside)
}

impl Ports {
    fn unused() -> Self {
        Self {
            free: Bitmap::ALL_FREE,
            holders: vec![None; usize::from(Block::PORTS)],
        }
    }
}
