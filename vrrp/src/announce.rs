//! When a member's addresses are announced: bursts, a second burst, then a slow refresh.
//!
//! One lost broadcast leaves a switch or a host on the old port, so each address is announced at
//! 0, 100 and 500 ms, the same again after 5 s, and once a minute from then on. A token bucket keeps
//! an interface with many addresses below a rate that no switch's CPU minds.

use std::collections::VecDeque;
use std::time::Duration;

use types::Instant;

/// The rounds of announcements after the start, in order.
pub const ROUNDS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(5),
    Duration::from_millis(5_100),
    Duration::from_millis(5_500),
];
/// Time between two refreshes after the last round.
pub const REFRESH: Duration = Duration::from_mins(1);
/// A conflict asks for announcements with every advert; a new burst begins at most this often.
pub const RESTART_GAP: Duration = Duration::from_secs(1);
/// Frames that may go out at once, and each second.
pub const RATE: u32 = 100;

/// The schedule of one member.
#[derive(Clone, Debug)]
pub struct Announcer {
    addresses: usize,
    run: Option<Run>,
    tokens: Tokens,
}

/// A schedule that is under way.
#[derive(Clone, Debug)]
struct Run {
    started_at: Instant,
    /// The next of [`ROUNDS`]; beyond them, refreshes.
    round: u32,
    /// Addresses of due rounds that the bucket has not let through yet.
    queue: VecDeque<usize>,
    /// A burst was asked for before [`RESTART_GAP`] had passed.
    again: bool,
}

impl Announcer {
    /// A schedule for this many addresses, not started.
    pub const fn new(addresses: usize) -> Self {
        Self {
            addresses,
            run: None,
            tokens: Tokens::full(),
        }
    }

    /// Begins with the first round now; soon after another start it begins a little later.
    pub fn start(&mut self, now: Instant) {
        match &mut self.run {
            Some(run) if now - run.started_at < RESTART_GAP => run.again = true,
            Some(_) | None => {
                self.run = Some(Run {
                    started_at: now,
                    round: 0,
                    queue: VecDeque::new(),
                    again: false,
                });
            }
        }
    }

    /// Not Active any more: not one frame more.
    pub fn stop(&mut self) {
        self.run = None;
    }

    /// When [`Announcer::due`] has something again; `None` when nothing is under way.
    pub fn next_deadline(&self) -> Option<Instant> {
        let run = self.run.as_ref()?;
        if run.queue.is_empty() {
            Some(run.next_round_at())
        } else {
            Some(self.tokens.next_at())
        }
    }

    /// The next address to announce now, by its place in the member's list.
    pub fn due(&mut self, now: Instant) -> Option<usize> {
        let run = self.run.as_mut()?;
        if run.again && now - run.started_at >= RESTART_GAP {
            *run = Run {
                started_at: now,
                round: 0,
                queue: VecDeque::new(),
                again: false,
            };
        }
        // A round that comes due while the one before still waits adds nothing to it.
        if run.next_round_at() <= now {
            run.round = run.round.saturating_add(1);
            if run.queue.is_empty() {
                run.queue.extend(0..self.addresses);
            }
        }
        if run.queue.is_empty() || !self.tokens.take(now) {
            return None;
        }
        run.queue.pop_front()
    }
}

impl Run {
    fn next_round_at(&self) -> Instant {
        let round = self.round as usize;
        let regular = ROUNDS.get(round).copied().unwrap_or_else(|| {
            let refreshes = u32::try_from(round - ROUNDS.len()).unwrap_or(u32::MAX);
            REFRESH.saturating_mul(refreshes.saturating_add(1))
        });
        let regular = self.started_at + regular;
        if self.again {
            regular.min(self.started_at + RESTART_GAP)
        } else {
            regular
        }
    }
}

/// A token bucket of [`RATE`] frames, refilled evenly.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    left: u32,
    /// Up to when refills have been counted.
    counted_at: Instant,
}

impl Tokens {
    const EACH: Duration = Duration::from_nanos(1_000_000_000 / RATE as u64);

    const fn full() -> Self {
        Self {
            left: RATE,
            counted_at: Instant::START,
        }
    }

    fn next_at(&self) -> Instant {
        if self.left > 0 {
            self.counted_at
        } else {
            self.counted_at + Self::EACH
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let refill = (now - self.counted_at).as_nanos() / Self::EACH.as_nanos();
        let refill = u32::try_from(refill).unwrap_or(u32::MAX);
        self.counted_at += Self::EACH.saturating_mul(refill);
        self.left = self.left.saturating_add(refill).min(RATE);
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    /// Serves every deadline until `end`; what went out, in milliseconds and places.
    fn run(announcer: &mut Announcer, from: u64, end: u64) -> Vec<(u64, usize)> {
        let mut sent = Vec::new();
        let mut now = at(from);
        while now <= at(end) {
            while let Some(place) = announcer.due(now) {
                sent.push((now.as_nanos() / 1_000_000, place));
            }
            let Some(next) = announcer.next_deadline() else {
                break;
            };
            assert!(next > now, "a served deadline moves");
            now = next;
        }
        sent
    }

    #[test]
    fn each_address_is_announced_three_times_again_after_five_seconds_and_then_each_minute() {
        let mut announcer = Announcer::new(2);
        assert_eq!(announcer.next_deadline(), None);
        announcer.start(at(0));
        let sent = run(&mut announcer, 0, 190_000);
        let expected: Vec<_> = [0, 100, 500, 5_000, 5_100, 5_500, 60_000, 120_000, 180_000]
            .into_iter()
            .flat_map(|millis| [(millis, 0), (millis, 1)])
            .collect();
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_stopped_schedule_sends_nothing() {
        let mut announcer = Announcer::new(1);
        announcer.start(at(0));
        assert_eq!(announcer.due(at(0)), Some(0));
        announcer.stop();
        assert_eq!(announcer.due(at(100)), None);
        assert_eq!(announcer.next_deadline(), None);
    }

    #[test]
    fn a_conflict_that_asks_with_every_advert_gets_one_burst_a_second() {
        let mut announcer = Announcer::new(1);
        let mut sent = Vec::new();
        for millis in (0..2_000).step_by(10) {
            announcer.start(at(millis));
            while announcer.due(at(millis)).is_some() {
                sent.push(millis);
            }
        }
        assert_eq!(sent, [0, 100, 500, 1_000, 1_100, 1_500]);
    }

    #[test]
    fn many_addresses_are_spread_to_a_hundred_frames_a_second() {
        let mut announcer = Announcer::new(250);
        announcer.start(at(10_000));
        let sent = run(&mut announcer, 10_000, 14_000);
        let at_once = sent.iter().filter(|(millis, _)| *millis == 10_000).count();
        assert_eq!(at_once, 100);
        for second in 10..13 {
            let within =
                |millis: u64| (second * 1_000 + 1..=second * 1_000 + 1_000).contains(&millis);
            let frames = sent.iter().filter(|(millis, _)| within(*millis)).count();
            assert!(frames <= 101, "{frames} frames in second {second}");
        }
        // Every address has its turn before any has its second one.
        let first: Vec<_> = sent.iter().take(250).map(|(_, place)| *place).collect();
        assert_eq!(first, (0..250).collect::<Vec<_>>());
    }
}
