//! What a shard does besides packets: replicated changes in, its own changes out, timers.

use std::time::Duration;

use session::FragmentKey;
use session::table::{Installed, Stamp};
use types::{Direction, DropReason, Instant, SessionChange, SessionRecord};

use crate::outbox::Outbox;
use crate::pending::NeighborKey;
use crate::shard::Shard;

/// Changes in one replication batch.
pub(crate) const CHANGES_A_BATCH: usize = 1024;
/// Session timers looked at between two batches of packets.
const TIMERS_A_TURN: usize = 512;
/// Between two questions for the same neighbour to its actor, which knows how often to ask the link.
const ASK_AGAIN_INTERVAL: Duration = Duration::from_millis(500);

impl Shard {
    /// Takes over what the cluster says of sessions, with their NAT mappings. Both roles do this; what
    /// is not newer than this shard's own knowledge changes nothing.
    pub fn install(&mut self, changes: &[SessionChange]) {
        let now = self.env.now;
        let mut nat = None;
        for change in changes {
            let installed = self.state.table.install(change, now, &mut self.state.gone);
            let added = match installed {
                Installed::Added(slot) => self.state.table.get(slot),
                Installed::Updated(_) | Installed::Removed | Installed::Stale => None,
                Installed::Full => {
                    self.env.counters.drops.count(DropReason::SessionTableFull);
                    None
                }
            };
            let mapping = added.and_then(|session| {
                let (inside, outside) = session.mapping()?;
                Some((session.key(Direction::Forward).protocol, inside, outside))
            });
            if self.state.gone.is_empty() && mapping.is_none() {
                continue;
            }
            // One lock for the whole batch, and none for changes that touch no mapping.
            let nat = nat.get_or_insert_with(|| self.env.shared.nat.lock());
            for record in self.state.gone.drain(..) {
                if let Some(outside) = record.source_nat() {
                    nat.release(record.forward.protocol, record.forward.src, outside, now);
                }
            }
            if let Some((protocol, inside, outside)) = mapping {
                let reserved = nat.reserve(protocol, inside, outside, now);
                if let nat::Reserved::Conflict { holder } = reserved {
                    tracing::warn!(%inside, %outside, %holder, "two inside endpoints claim one port");
                }
            }
        }
        drop(nat);
        self.env.counters.installed.add(changes.len() as u64);
        self.count_sessions();
    }

    /// Offers this shard's changes to the cluster, at most 1024 at once. What `offer` gives
    /// back is kept as it is, and the sessions behind it stay marked and merge until it is taken.
    pub fn replicate(
        &mut self,
        mut offer: impl FnMut(Vec<SessionChange>) -> Result<(), Vec<SessionChange>>,
    ) {
        if self.state.unsent.is_empty() {
            let Some(epoch) = self.state.last_epoch else {
                return;
            };
            let stamp = Stamp {
                owner: self.env.topology.plan.node,
                epoch,
            };
            let mut changes = Vec::new();
            self.state
                .table
                .take_changes(stamp, CHANGES_A_BATCH, &mut changes);
            self.state.unsent = changes;
        }
        if self.state.unsent.is_empty() {
            return;
        }
        if let Err(refused) = offer(std::mem::take(&mut self.state.unsent)) {
            self.env.counters.replication_refused.add(1);
            self.state.unsent = refused;
        }
    }

    /// Whether there is something to replicate.
    pub fn is_dirty(&self) -> bool {
        !self.state.unsent.is_empty()
            || (self.state.last_epoch.is_some() && self.state.table.pending_changes() > 0)
    }

    /// Ends what has waited or idled too long. Returns whether more is due already.
    pub fn expire(&mut self, out: &mut impl Outbox) -> bool {
        let now = self.env.now;
        let more = self
            .state
            .table
            .expire(now, TIMERS_A_TURN, &mut self.state.gone);
        self.env.shared.release(&mut self.state.gone, now);
        for (_, held) in self.state.pending.expire(now) {
            self.end_held(held, out);
        }
        self.ask_again(out);
        self.expire_fragments();
        self.count_sessions();
        more
    }

    /// The neighbour actor may have been too busy to hear that somebody is waited for.
    fn ask_again(&mut self, out: &mut impl Outbox) {
        let now = self.env.now;
        if self.state.pending.is_empty() || now < self.state.ask_again_at {
            return;
        }
        self.state.ask_again_at = now + ASK_AGAIN_INTERVAL;
        for NeighborKey { interface, ip } in self.state.pending.neighbors() {
            out.tell_neighbors(neighbor::Event::Needed { interface, ip });
        }
    }

    fn expire_fragments(&mut self) {
        let state = &mut self.state;
        let counters = &self.env.counters;
        let held = &mut state.held_fragments;
        state
            .fragments
            .expire(self.env.now, |datagram: FragmentKey| {
                for _ in held.take(&datagram) {
                    counters.drops.count(DropReason::FragmentWithoutFirst);
                }
            });
    }

    /// Addresses whose port blocks run out, each until `offer` has taken it.
    pub fn report_low_blocks(&mut self, mut offer: impl FnMut(std::net::IpAddr) -> bool) {
        self.state.low_blocks.retain(|address| !offer(*address));
    }

    /// When the shard next wants [`Shard::expire`], beside the regular tick.
    pub fn next_deadline(&self) -> Option<Instant> {
        let pending = self.state.pending.next_deadline();
        let fragments = self.state.fragments.next_deadline();
        pending.into_iter().chain(fragments).min()
    }

    /// Up to `limit` sessions as records.
    pub fn records(&self, limit: usize) -> Vec<SessionRecord> {
        let sessions = self.state.table.iter().take(limit);
        sessions.map(|(_, session)| session.record()).collect()
    }

    pub(crate) fn count_sessions(&self) {
        let counters = &self.env.counters;
        counters.sessions.set(self.state.table.len() as u64);
        counters.waiting.set(self.state.pending.len() as u64);
        counters.digest.set(self.state.table.digest().total().sum);
    }
}
