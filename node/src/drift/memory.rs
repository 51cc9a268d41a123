//! What the auditor remembers from one audit to the next.

use std::collections::VecDeque;
use std::time::Duration;

use ha::drift::{Monitor, Suspect};
use ha::lag::LagMeter;
use types::Instant;

/// Over how long refusals count as "lately".
const LATELY: Duration = Duration::from_mins(1);

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) own: Monitor,
    pub(super) peers: Monitor,
    /// Shards that were listed, what differed there, and when.
    pub(super) listed: Option<(Vec<usize>, Vec<Suspect>, Instant)>,
    pub(super) inbound: LagMeter,
    /// Role and generation, and since when.
    footing: (bool, u64),
    pub(super) since: Instant,
    /// Refusals since the start, at some moments of the last minute.
    refused: VecDeque<(Instant, u64)>,
}

impl Memory {
    /// Notes role and generation; what was listed on another footing means nothing on this one.
    pub(super) fn stand(&mut self, active: bool, generation: u64, now: Instant) {
        if self.footing != (active, generation) {
            self.footing = (active, generation);
            self.since = now;
            self.listed = None;
        }
    }

    /// What was listed has been judged: shards without a confirmed difference were only in motion.
    pub(super) fn judged(&mut self, confirmed: &[Suspect], now: Instant) {
        let Some((mut shards, _, at)) = self.listed.take() else {
            return;
        };
        shards.retain(|shard| confirmed.iter().all(|suspect| suspect.id.shard() != *shard));
        self.cleared(&shards, at.min(now));
    }

    pub(super) fn cleared(&mut self, shards: &[usize], at: Instant) {
        for shard in shards {
            self.own.verified(*shard, at);
        }
    }

    pub(super) fn refused_lately(&mut self, refused: u64, now: Instant) -> u64 {
        self.refused.push_back((now, refused));
        while self.refused.len() > 1
            && let Some((at, _)) = self.refused.front()
            && now.saturating_since(*at) > LATELY
        {
            self.refused.pop_front();
        }
        let before = self.refused.front().map_or(refused, |(_, count)| *count);
        refused.saturating_sub(before)
    }
}
