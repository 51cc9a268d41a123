//! What one node knows of one HA link: whether the peer is heard, whether it hears us, how far away
//! it is, how much gets lost. No socket and no clock.

use std::time::Duration;

use types::Instant;
use wire::heartbeat::{Datagram, Echo};

/// This many heartbeats in a row must be missing before the peer counts as silent on the link.
pub const MISSED: u32 = 3;
/// This many when the peer's kernel vouches for its process: with the skew that follows, no sooner
/// than the adverts' own timer.
pub const MISSED_VOUCHED: u32 = 6;
/// After this many the peer's kernel is asked.
const SUSPECT: u32 = 2;

/// A heartbeat that is not taken: an old one again, or one of an earlier run.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the heartbeat has been seen before or is older than what has been seen")]
pub struct Replayed;

/// How sure it is that a heartbeat was sent a moment ago.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    /// It echoes one that we have just sent.
    Proven,
    /// Its numbers are new.
    Plausible,
}

/// The last heartbeat that was taken.
#[derive(Clone, Copy, Debug)]
struct Last {
    boot: u64,
    sequence: u64,
    at: Instant,
    sent_at: u64,
    interval: Duration,
    hears_us: bool,
}

/// One HA link.
#[derive(Clone, Debug)]
pub struct LinkTracker {
    own_boot: u64,
    last: Option<Last>,
    up: bool,
    /// Not silent before this moment, because our own thread was late.
    grace_until: Instant,
    /// The peer's kernel has answered since the last heartbeat.
    vouched: bool,
    /// When the peer's kernel was asked in this silence, first and last.
    asked: Option<(Instant, Instant)>,
    rtt: Option<Duration>,
    received: u64,
    lost: u64,
    replayed: u64,
}

impl LinkTracker {
    /// A link on which nothing has been heard; `own_boot` is the number of our own run.
    pub const fn new(own_boot: u64) -> Self {
        Self {
            own_boot,
            last: None,
            up: false,
            grace_until: Instant::START,
            vouched: false,
            asked: None,
            rtt: None,
            received: 0,
            lost: 0,
            replayed: 0,
        }
    }

    /// Takes a heartbeat. Within a run only a greater sequence is new. A run with a smaller number
    /// (the peer's wall clock was set back) must prove by a fresh echo that it lives.
    pub fn take(&mut self, datagram: &Datagram, now: Instant) -> Result<Taken, Replayed> {
        let hears_us = self.is_fresh_echo(datagram, now);
        match self.last {
            Some(last) if last.boot == datagram.boot => {
                let Some(step) = datagram
                    .sequence
                    .checked_sub(last.sequence)
                    .filter(|s| *s > 0)
                else {
                    self.replayed += 1;
                    return Err(Replayed);
                };
                self.lost += step - 1;
            }
            Some(last) if datagram.boot < last.boot && !hears_us => {
                self.replayed += 1;
                return Err(Replayed);
            }
            Some(_) | None => {}
        }
        self.received += 1;
        self.up = true;
        self.vouched = false;
        self.asked = None;
        if hears_us {
            self.measure(datagram, now);
        }
        self.last = Some(Last {
            boot: datagram.boot,
            sequence: datagram.sequence,
            at: now,
            sent_at: datagram.sent_at,
            interval: datagram.interval,
            hears_us,
        });
        Ok(if hears_us {
            Taken::Proven
        } else {
            Taken::Plausible
        })
    }

    /// The kernel says that nobody listens at the other end: the peer's process is gone.
    pub const fn refused(&mut self) {
        self.up = false;
    }

    /// Our thread was late: one more heartbeat's time before anybody is called silent.
    pub fn allow_for_lateness(&mut self, now: Instant) {
        if let Some(last) = self.last {
            // Granted once: without a new heartbeat the next grace would begin where this one did.
            if self.grace_until < last.at {
                self.grace_until = now + last.interval;
            }
        }
    }

    /// Whether the link is up, after [`MISSED`] heartbeats' time without one it is not.
    pub fn check(&mut self, now: Instant) -> bool {
        if self.silent_at().is_none_or(|silent_at| now >= silent_at) {
            self.up = false;
        }
        self.up
    }

    /// When the peer will count as silent unless it is heard.
    pub fn silent_at(&self) -> Option<Instant> {
        let missed = if self.vouched { MISSED_VOUCHED } else { MISSED };
        let last = self.last.filter(|_| self.up)?;
        let silent_at = (last.at + last.interval * missed).max(self.grace_until);
        // Whoever was asked gets the time to answer, even if we came late to ask.
        let answered_by = self.asked.map(|(first, _)| first + last.interval);
        Some(answered_by.map_or(silent_at, |at| at.max(silent_at)))
    }

    /// When the peer's kernel should be asked whether it lives; each answerless interval again.
    pub fn ask_at(&self) -> Option<Instant> {
        let last = self.last.filter(|_| self.up && !self.vouched)?;
        Some(match self.asked {
            None => last.at + last.interval * SUSPECT,
            Some((_, again)) => again + last.interval,
        })
    }

    /// The peer's kernel has been asked.
    pub fn asked(&mut self, now: Instant) {
        let first = self.asked.map_or(now, |(first, _)| first);
        self.asked = Some((first, now));
    }

    /// The peer's kernel has answered, and has not refused a heartbeat: its process exists.
    pub const fn vouch(&mut self) {
        self.vouched = true;
    }

    /// Whether the last heartbeat proved that the peer hears us, too.
    pub fn peer_hears_us(&self) -> bool {
        self.last.is_some_and(|last| self.up && last.hears_us)
    }

    /// What our next heartbeat gives back.
    pub fn echo(&self, now: Instant) -> Option<Echo> {
        self.last.filter(|_| self.up).map(|last| Echo {
            boot: last.boot,
            sent_at: last.sent_at,
            held: u64::try_from((now - last.at).as_nanos()).unwrap_or(u64::MAX),
        })
    }

    /// Whether the peer is heard.
    pub const fn is_up(&self) -> bool {
        self.up
    }

    /// The smoothed round trip.
    pub const fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Heartbeats taken.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Heartbeats that gaps in the sequence tell of.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Heartbeats refused as old.
    pub const fn replayed(&self) -> u64 {
        self.replayed
    }

    /// An echo of a heartbeat that we sent a moment ago; nobody can have recorded it before.
    fn is_fresh_echo(&self, datagram: &Datagram, now: Instant) -> bool {
        datagram.echo.is_some_and(|echo| {
            let age = now - Instant::from_nanos(echo.sent_at);
            echo.boot == self.own_boot
                && echo.sent_at <= now.as_nanos()
                && age <= datagram.interval * MISSED * 2
        })
    }

    fn measure(&mut self, datagram: &Datagram, now: Instant) {
        let Some(echo) = datagram.echo.filter(|echo| echo.boot == self.own_boot) else {
            return;
        };
        let away = now - Instant::from_nanos(echo.sent_at);
        let Some(round_trip) = away.checked_sub(Duration::from_nanos(echo.held)) else {
            return;
        };
        // RFC 6298's weight: one in eight.
        self.rtt = Some(match self.rtt {
            None => round_trip,
            Some(smoothed) => (smoothed * 7 + round_trip) / 8,
        });
    }
}

#[cfg(test)]
mod tests {
    use types::{Epoch, NodeId, PeerState};

    use super::*;

    const OWN: u64 = 5;
    const INTERVAL: Duration = Duration::from_millis(5);

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    fn heartbeat(boot: u64, sequence: u64, echo: Option<Echo>) -> Datagram {
        Datagram {
            node: NodeId(2),
            state: PeerState::Active,
            priority: 100,
            epoch: Epoch::NONE,
            interval: INTERVAL,
            boot,
            sequence,
            sent_at: 1_000,
            echo,
            sources: Vec::new(),
        }
    }

    #[test]
    fn a_link_is_silent_after_three_missing_heartbeats_and_not_before() {
        let mut link = LinkTracker::new(OWN);
        assert!(!link.check(at(0)));
        link.take(&heartbeat(9, 1, None), at(100)).unwrap();
        assert!(link.check(at(114)));
        assert_eq!(link.silent_at(), Some(at(115)));
        assert!(!link.check(at(115)));
        assert_eq!(link.silent_at(), None);
        link.take(&heartbeat(9, 9, None), at(140)).unwrap();
        assert!(link.is_up());
        assert_eq!(link.lost(), 7);
    }

    #[test]
    fn a_late_thread_grants_one_heartbeat_and_only_once() {
        let mut link = LinkTracker::new(OWN);
        link.take(&heartbeat(9, 1, None), at(100)).unwrap();
        link.allow_for_lateness(at(200));
        assert!(link.check(at(204)));
        link.allow_for_lateness(at(204));
        assert!(!link.check(at(205)));
    }

    #[test]
    fn an_old_heartbeat_again_is_no_sign_of_life() {
        let mut link = LinkTracker::new(OWN);
        link.take(&heartbeat(9, 5, None), at(100)).unwrap();
        for (boot, sequence) in [(9, 5), (9, 4), (8, 6)] {
            let old = heartbeat(boot, sequence, None);
            assert_eq!(link.take(&old, at(110)), Err(Replayed));
        }
        assert!(!link.check(at(115)));
        assert_eq!(link.replayed(), 3);
        // A newer run begins to count anew.
        link.take(&heartbeat(10, 1, None), at(120)).unwrap();
        assert_eq!(link.lost(), 0);
    }

    #[test]
    fn a_peer_whose_clock_was_set_back_is_heard_once_it_echoes_us() {
        let mut link = LinkTracker::new(OWN);
        link.take(&heartbeat(9, 5, None), at(100)).unwrap();
        let echo = |boot, sent_at: Instant| {
            Some(Echo {
                boot,
                sent_at: sent_at.as_nanos(),
                held: 0,
            })
        };
        let stale = heartbeat(3, 1, echo(OWN, at(100)));
        assert_eq!(link.take(&stale, at(9_000)), Err(Replayed));
        let not_ours = heartbeat(3, 1, echo(OWN - 1, at(8_999)));
        assert_eq!(link.take(&not_ours, at(9_000)), Err(Replayed));
        let future = heartbeat(3, 1, echo(OWN, at(9_001)));
        assert_eq!(link.take(&future, at(9_000)), Err(Replayed));
        link.take(&heartbeat(3, 1, echo(OWN, at(8_999))), at(9_000))
            .unwrap();
        assert!(link.peer_hears_us());
    }

    #[test]
    fn a_round_trip_excludes_the_time_that_the_peer_kept_the_echo() {
        let mut link = LinkTracker::new(OWN);
        let echo = Echo {
            boot: OWN,
            sent_at: at(100).as_nanos(),
            held: 4_000_000,
        };
        link.take(&heartbeat(9, 1, Some(echo)), at(105)).unwrap();
        assert_eq!(link.rtt(), Some(Duration::from_millis(1)));
        let given_back = link.echo(at(107)).unwrap();
        assert_eq!((given_back.boot, given_back.sent_at), (9, 1_000));
        assert_eq!(given_back.held, 2_000_000);
    }

    #[test]
    fn a_process_that_its_kernel_vouches_for_is_late_and_not_dead() {
        let mut link = LinkTracker::new(OWN);
        link.take(&heartbeat(9, 1, None), at(100)).unwrap();
        assert_eq!(link.ask_at(), Some(at(110)));
        link.asked(at(110));
        assert_eq!(link.ask_at(), Some(at(115)));
        link.vouch();
        assert_eq!(link.ask_at(), None);
        assert!(link.check(at(129)));
        assert!(!link.check(at(130)));
        // It must vouch for each silence anew, and a refusal is stronger.
        link.take(&heartbeat(9, 2, None), at(141)).unwrap();
        assert_eq!(link.silent_at(), Some(at(156)));
        link.vouch();
        link.refused();
        assert!(!link.check(at(142)));
    }

    #[test]
    fn a_kernel_that_was_asked_late_gets_the_time_to_answer() {
        let mut link = LinkTracker::new(OWN);
        link.take(&heartbeat(9, 1, None), at(100)).unwrap();
        link.asked(at(114));
        assert!(link.check(at(118)));
        link.asked(at(119));
        assert!(!link.check(at(119)), "asking again buys no more time");
    }

    #[test]
    fn a_refusal_silences_the_link_at_once() {
        let mut link = LinkTracker::new(OWN);
        link.take(&heartbeat(9, 1, None), at(100)).unwrap();
        link.refused();
        assert!(!link.check(at(100)));
        assert_eq!(link.echo(at(100)), None);
    }
}
