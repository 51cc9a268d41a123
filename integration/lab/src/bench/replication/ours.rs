//! Tandem's part: a rising rate of new sessions, then memory and a resynchronisation at full size.

use std::collections::BTreeMap;
use std::time::Duration;

use runtime::Clock;
use serde::Serialize;

use super::lag::Lag;
use super::network::Network;
use super::protocol::{Offer, Status};
use super::trio::{ACTIVE, STANDBY, Trio, WITNESS};
use crate::progress::Progress;
use crate::sandbox::Sandbox;

/// What the lag of 99 of 100 sessions must stay below.
pub(super) const BAR_LAG_MS: f64 = 50.0;
/// After this time the standby must hold every session.
const GRACE: Duration = Duration::from_secs(1);
/// Between the first agreement and the load. A leader trusts the other node after it has answered for two
/// seconds; before that the witness is half of every quorum, and hears everything at once.
const LEAD_IN: Duration = Duration::from_secs(3);
/// For buffers to be given back before memory is read.
const SETTLE: Duration = Duration::from_secs(3);
/// Slower than offered by more than this is not the offered rate.
pub(super) const NEARLY: f64 = 0.97;
/// Sessions a second while the table is filled.
const FILL_RATE: u64 = 100_000;
/// What goes on during the resynchronisation: new sessions and packets of known ones a second.
const MEANWHILE: Offer = Offer {
    new_rate: 2_000,
    count: 100_000,
    known_rate: 20_000,
};
/// A resynchronisation that takes longer has failed.
const RESYNC_PATIENCE: Duration = Duration::from_secs(90);

/// One rate and what came of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub(super) offered_per_second: u64,
    pub(super) created_per_second: f64,
    pub(super) created: u64,
    pub(super) held_after_a_second: u64,
    pub(super) lag: Lag,
    /// Processor time for each session, in microseconds: active node, standby, witness.
    pub(super) processor_us: [f64; 3],
    pub(super) witness_kbit_per_second: f64,
    pub(super) holds: bool,
}

/// The cluster with a full table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Full {
    pub(super) sessions: u64,
    /// Memory for each session: active node, standby.
    pub(super) bytes_a_session: [f64; 2],
    pub(super) witness_mib: f64,
    pub(super) resync_seconds: f64,
    /// New sessions opened a second meanwhile, of those offered.
    pub(super) new_per_second: f64,
    pub(super) packets_per_second: f64,
    /// Packets that were dropped meanwhile.
    pub(super) dropped: u64,
    /// Why packets were dropped, from the first session on.
    pub(super) reasons: BTreeMap<String, u64>,
    /// The longest that a first packet waited meanwhile.
    pub(super) longest_wait_ms: f64,
    /// Both tables were equal in the end.
    pub(super) equal: bool,
}

/// What the measurement needs.
pub(super) struct Ours<'a> {
    pub(super) network: &'a Network,
    pub(super) sandbox: &'a Sandbox,
    pub(super) clock: Clock,
    pub(super) progress: &'a Progress,
}

impl Ours<'_> {
    /// Offers `rate` new sessions a second for `seconds`, to a cluster of its own.
    pub(super) fn step(&self, name: &str, rate: u64, seconds: u64) -> anyhow::Result<Step> {
        let mut trio = Trio::start(self.network, self.sandbox, name, self.clock)?;
        std::thread::sleep(LEAD_IN);
        let count = rate * seconds;
        let used_before = trio.processor_times()?;
        let (bytes_before, begun) = (trio.bytes(WITNESS)?, self.clock.now());
        trio.load(Offer {
            new_rate: rate,
            count,
            known_rate: 0,
        })?;
        let patience = Duration::from_secs(seconds * 3 + 5);
        let all_offered = |trio: &mut Trio<'_>| Ok(trio.status(ACTIVE)?.offered >= count);
        trio.wait("all sessions are created", patience, all_offered)?;
        let passed = (self.clock.now() - begun).as_secs_f64();
        let witness_bytes = trio.bytes(WITNESS)? - bytes_before;
        std::thread::sleep(GRACE);
        let standby = trio.status(STANDBY)?;
        let active = trio.status(ACTIVE)?;
        let used = trio.processor_times()?;
        let created_per_second = count_f64(count) / (active.took_ms / 1e3);
        let step = Step {
            offered_per_second: rate,
            created_per_second,
            created: active.opened,
            held_after_a_second: standby.sessions,
            lag: standby.lag,
            processor_us: per_session(used_before, used, count),
            witness_kbit_per_second: count_f64(witness_bytes) * 8.0 / 1e3 / passed,
            holds: active.opened == count
                && standby.digest == active.digest
                && standby.sessions == count
                && standby.lag.p99_ms < BAR_LAG_MS
                && created_per_second >= NEARLY * count_f64(rate),
        };
        self.tell(&step, &active);
        Ok(step)
    }

    fn tell(&self, step: &Step, active: &Status) {
        let [a, b, _] = step.processor_us;
        self.progress.step(&format!(
            "{} sessions/s: {:.0}/s created, standby holds {} of {} after 1 s, lag p50 {:.1} ms, p99 {:.1} ms, \
             worst {:.1} ms; {a:.1} + {b:.1} us of processor time a session; {}",
            step.offered_per_second,
            step.created_per_second,
            step.held_after_a_second,
            step.created,
            step.lag.p50_ms,
            step.lag.p99_ms,
            step.lag.worst_ms,
            if step.holds { "holds" } else { "does not hold" }
        ));
        if active.dropped + active.refused > 0 {
            let (dropped, refused) = (active.dropped, active.refused);
            self.progress.step(&format!(
                "{dropped} packets dropped, {refused} changes refused"
            ));
        }
    }

    /// Fills a cluster with `sessions`, then restarts its standby while the active node goes on.
    pub(super) fn full(&self, sessions: u64) -> anyhow::Result<Full> {
        let mut trio = Trio::start(self.network, self.sandbox, "full", self.clock)?;
        let empty = [trio.memory(ACTIVE)?, trio.memory(STANDBY)?];
        trio.load(Offer {
            new_rate: FILL_RATE,
            count: sessions,
            known_rate: 0,
        })?;
        let patience = Duration::from_secs(20 + 5 * sessions / FILL_RATE);
        trio.wait("the standby holds everything", patience, |trio| {
            Ok(trio.status(STANDBY)?.sessions >= sessions)
        })?;
        std::thread::sleep(SETTLE);
        let full = [trio.memory(ACTIVE)?, trio.memory(STANDBY)?];
        let witness = trio.memory(WITNESS)?;
        self.progress.step(&format!(
            "{sessions} sessions on both; the standby restarts with nothing"
        ));
        let before = trio.status(ACTIVE)?;
        trio.load(MEANWHILE)?;
        let begun = self.clock.now();
        trio.restart_standby()?;
        let resync = trio.wait("the standby has caught up", RESYNC_PATIENCE, |trio| {
            Ok(trio.status(STANDBY)?.sessions >= sessions)
        })?;
        let passed = (self.clock.now() - begun).as_secs_f64();
        let meanwhile = trio.status(ACTIVE)?;
        trio.load(Offer::default())?;
        std::thread::sleep(GRACE);
        let (active, standby) = (trio.status(ACTIVE)?, trio.status(STANDBY)?);
        let bytes = |place: fn(&[u64; 2]) -> u64| {
            count_f64(place(&full).saturating_sub(place(&empty))) / count_f64(sessions)
        };
        Ok(Full {
            sessions,
            bytes_a_session: [bytes(|[a, _]| *a), bytes(|[_, b]| *b)],
            witness_mib: count_f64(witness) / f64::from(1 << 20),
            resync_seconds: resync.as_secs_f64(),
            new_per_second: count_f64(meanwhile.opened - before.opened) / passed,
            packets_per_second: count_f64(meanwhile.sent - before.sent) / passed,
            dropped: meanwhile.dropped - before.dropped,
            longest_wait_ms: meanwhile.lateness_ms,
            reasons: meanwhile.reasons,
            equal: active.digest == standby.digest && active.sessions == standby.sessions,
        })
    }
}

fn per_session(before: [f64; 3], after: [f64; 3], count: u64) -> [f64; 3] {
    let [a0, b0, c0] = before;
    let [a1, b1, c1] = after;
    [a1 - a0, b1 - b0, c1 - c0].map(|seconds| seconds * 1e6 / count_f64(count))
}

/// Exact up to 2^53, which no count here reaches.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of one run are far below 2^53"
)]
pub(super) const fn count_f64(count: u64) -> f64 {
    count as f64
}
