//! The timing wheel: which sessions are worth a look because they may have been idle too long.
//!
//! Packets never touch it. A session is looked at when its bucket comes up; if packets came in the
//! meantime it is armed again for what is left. So a timer may fire early, never late by more than a
//! tick, and a session costs one look for each of its timeouts (or each turn of the wheel, if shorter).

use core::time::Duration;

use types::Instant;

use crate::slab::Chunked;

/// Resolution of idle timeouts.
const TICK: Duration = Duration::from_millis(100);
const TICK_NANOS: u64 = 100_000_000;
/// One turn is 409.6 s; longer timeouts are looked at once a turn.
const BUCKETS: u32 = 4096;
const NONE: u32 = u32::MAX;

/// A doubly linked list a bucket; places are those of the session slab.
#[derive(Debug)]
pub(crate) struct Wheel {
    heads: Vec<u32>,
    links: Chunked<Link>,
    /// The bucket that is emptied next, as a count of ticks since `origin`.
    cursor: u64,
    /// When tick 0 was, as seen by a wheel that stood still on standby.
    origin: Instant,
    running: bool,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    next: u32,
    prev: u32,
    /// `NONE` while it is in no list.
    bucket: u32,
}

impl Wheel {
    /// A wheel that stands still until [`Wheel::resume`].
    pub(crate) fn new() -> Self {
        Self {
            heads: vec![NONE; BUCKETS as usize],
            links: Chunked::new(),
            cursor: 0,
            origin: Instant::START,
            running: false,
        }
    }

    /// Lets the wheel turn from now on, as if no time had passed while it stood still.
    pub(crate) fn resume(&mut self, now: Instant) {
        // A node that has just started is younger than its wheel's cursor only in theory; saturating
        // then makes timers late by that difference, never wrong.
        let turned = self.cursor.saturating_mul(TICK_NANOS);
        self.origin = Instant::from_nanos(now.as_nanos().saturating_sub(turned));
        self.running = true;
    }

    /// Stops the wheel: on standby nothing is idle.
    pub(crate) const fn pause(&mut self) {
        self.running = false;
    }

    /// Arms a place's timer, again if it was armed. While the wheel stands still many are armed for
    /// the same moment, so they are spread over the ticks until then: early is harmless.
    pub(crate) fn arm(&mut self, place: u32, deadline: Instant, now: Instant) {
        self.disarm(place);
        let wait = ticks_up(deadline.saturating_since(now)).clamp(1, u64::from(BUCKETS) - 1);
        let ahead = if self.running {
            let lag = self.tick_of(now).saturating_sub(self.cursor);
            wait.saturating_add(lag).min(u64::from(BUCKETS) - 1)
        } else {
            1 + u64::from(place) % wait
        };
        self.link(place, bucket_of(self.cursor + ahead));
    }

    /// Takes a place's timer out.
    pub(crate) fn disarm(&mut self, place: u32) {
        let Some(link) = self.links.get_mut(place) else {
            return;
        };
        let Link { next, prev, bucket } = *link;
        if bucket == NONE {
            return;
        }
        link.bucket = NONE;
        if let Some(after) = self.links.get_mut(next) {
            after.prev = prev;
        }
        if prev != NONE {
            if let Some(before) = self.links.get_mut(prev) {
                before.next = next;
            }
        } else if let Some(head) = self.heads.get_mut(bucket as usize) {
            *head = next;
        }
    }

    /// The next place whose timer is due, disarmed; `None` once the wheel has caught up with `now`.
    pub(crate) fn next_due(&mut self, now: Instant) -> Option<u32> {
        if !self.running {
            return None;
        }
        let current = self.tick_of(now);
        while self.cursor <= current {
            let head = self
                .heads
                .get(bucket_of(self.cursor) as usize)
                .copied()
                .unwrap_or(NONE);
            if head != NONE {
                self.disarm(head);
                return Some(head);
            }
            self.cursor += 1;
        }
        None
    }

    fn tick_of(&self, now: Instant) -> u64 {
        now.saturating_since(self.origin)
            .as_nanos()
            .try_into()
            .unwrap_or(u64::MAX)
            / TICK_NANOS
    }

    fn link(&mut self, place: u32, bucket: u32) {
        while self.links.len() <= place {
            self.links.push(Link {
                next: NONE,
                prev: NONE,
                bucket: NONE,
            });
        }
        let Some(head) = self.heads.get_mut(bucket as usize) else {
            return;
        };
        let next = core::mem::replace(head, place);
        if let Some(link) = self.links.get_mut(place) {
            *link = Link {
                next,
                prev: NONE,
                bucket,
            };
        }
        if let Some(after) = self.links.get_mut(next) {
            after.prev = place;
        }
    }
}

fn ticks_up(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "a remainder below BUCKETS")]
const fn bucket_of(tick: u64) -> u32 {
    (tick % BUCKETS as u64) as u32
}

#[cfg(test)]
mod tests;
