//! The ports of one external address for one protocol: who holds which, and which is free for whom.

mod grants;
mod holders;
mod kind;

use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use types::{Endpoint, Instant};

use crate::bitmap::Parity;
use crate::block::Block;
use crate::insides::Insides;
use crate::random::Random;

use grants::Grants;
use holders::{Holder, Holders};
pub(crate) use kind::SpaceKind;

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

/// One port space.
#[derive(Debug)]
pub(crate) struct Space {
    holders: Holders,
    /// The port of each inside endpoint (RFC 4787 REQ-1).
    by_inside: Insides,
    /// Further ports of an inside, which only replication brings: both nodes were active at once. One of
    /// them takes over when the port above has no session left. Nearly always empty.
    spare: HashMap<Endpoint, Vec<u16>, ahash::RandomState>,
    grants: Grants,
    /// Free ports in granted blocks.
    free: u32,
    /// Ports without a session, each once, roughly in the order in which they fall free.
    lingering: VecDeque<(Instant, u16)>,
}

const NOT_QUEUED: bool = false;

impl Space {
    pub(crate) fn new(hasher: ahash::RandomState) -> Self {
        Self {
            holders: Holders::none(),
            by_inside: Insides::new(hasher.clone()),
            spare: HashMap::with_hasher(hasher),
            grants: Grants::default(),
            free: 0,
            lingering: VecDeque::new(),
        }
    }

    pub(crate) fn grant(&mut self, block: Block) {
        if !self.grants.has(block) {
            self.grants.add(block);
            self.free += self.holders.bitmap(block).count_free();
            self.refresh(block);
        }
    }

    pub(crate) fn revoke(&mut self, block: Block) {
        if self.grants.has(block) {
            self.grants.remove(block);
            self.free -= self.holders.bitmap(block).count_free();
            self.refresh(block);
        }
    }

    pub(crate) const fn free(&self) -> u32 {
        self.free
    }

    /// The port that `inside` holds already, with one more session on it.
    pub(crate) fn join(&mut self, inside: Endpoint) -> Option<u16> {
        let port = self.port_of(inside)?;
        let granted = Block::of(port).is_some_and(|(block, _)| self.grants.has(block));
        let holder = self.holders.get_mut(port)?;
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
        let shared = match self.holders.get_mut(port) {
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
            .holders
            .get_mut(port)
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
        self.holders
            .get(port)
            .is_some_and(|holder| holder.sessions > 0)
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
            let Some(holder) = self.holders.get_mut(port) else {
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
            .find(inside, |port| self.holders.inside_of(port))
    }

    fn set_port(&mut self, inside: Endpoint, port: u16) {
        let holders = &self.holders;
        self.by_inside
            .set(inside, port, |port| holders.inside_of(port));
    }

    pub(crate) fn inside_of(&self, port: u16) -> Option<Endpoint> {
        self.holders.inside_of(port)
    }

    fn choose(&self, wanted: u16, random: &mut Random) -> Option<u16> {
        if let Some((block, offset)) = Block::of(wanted)
            && self.grants.has(block)
            && self.holders.bitmap(block).is_free(offset)
        {
            return Some(wanted);
        }
        let parity = Parity::of(wanted);
        [parity, parity.other()].into_iter().find_map(|parity| {
            let block = self.grants.choose(parity, random)?;
            let offset = self.holders.bitmap(block).pick(parity, random)?;
            Some(block.first_port() + offset)
        })
    }

    fn take(&mut self, port: u16, inside: Endpoint, queued: bool) {
        let holder = Holder {
            inside,
            sessions: 1,
            idle_since: Instant::START,
            queued,
        };
        if let Some(block) = self.holders.put(port, holder) {
            self.free -= u32::from(self.grants.has(block));
            self.refresh(block);
        }
    }

    /// Takes the port from its holder.
    fn vacate(&mut self, port: u16) {
        let Some((block, holder)) = self.holders.take(port) else {
            return;
        };
        self.free += u32::from(self.grants.has(block));
        let holders = &self.holders;
        self.by_inside
            .remove(holder.inside, port, |port| holders.inside_of(port));
        if !self.spare.is_empty() {
            self.drop_spare(holder.inside, port);
        }
        self.refresh(block);
    }

    fn refresh(&mut self, block: Block) {
        self.grants.refresh(block, self.holders.bitmap(block));
    }
}
