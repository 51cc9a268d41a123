//! When each probe left and when its answer came: a table without locks, and questions to it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Moments of sending and of answering by sequence number, in nanoseconds of Unix time; zero means
/// "not yet". One thread sends, one receives, anybody may ask.
#[derive(Debug)]
pub struct Timeline {
    sent_at: Box<[AtomicU64]>,
    answered_at: Box<[AtomicU64]>,
    sent: AtomicU64,
    duplicates: AtomicU64,
    corrupt: AtomicU64,
}

/// What happened to the probes of a window of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ProbeReport {
    /// Probes sent.
    pub sent: u64,
    /// Those that were never answered.
    pub lost: u64,
    /// The longest time without an answer.
    pub longest_gap_ms: f64,
}

impl Timeline {
    /// Room for `probes` probes.
    pub(super) fn new(probes: usize) -> Self {
        let moments = || (0..probes).map(|_| AtomicU64::new(0)).collect();
        Self {
            sent_at: moments(),
            answered_at: moments(),
            sent: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            corrupt: AtomicU64::new(0),
        }
    }

    /// Notes the next probe as sent; its sequence number, or `None` when the table is full.
    pub(super) fn note_sent(&self, at: u64) -> Option<u64> {
        let sequence = self.sent.load(Ordering::Relaxed);
        let moment = self.sent_at.get(usize::try_from(sequence).ok()?)?;
        moment.store(at, Ordering::Relaxed);
        self.sent.store(sequence + 1, Ordering::Release);
        Some(sequence)
    }

    /// Notes the answer to `sequence`; an answer to what was never asked is corrupt.
    pub(super) fn note_answer(&self, sequence: u64, at: u64) {
        let moment = usize::try_from(sequence)
            .ok()
            .and_then(|index| self.answered_at.get(index));
        match moment {
            Some(moment) if sequence < self.sent.load(Ordering::Acquire) => {
                if moment
                    .compare_exchange(0, at, Ordering::Relaxed, Ordering::Relaxed)
                    .is_err()
                {
                    self.duplicates.fetch_add(1, Ordering::Relaxed);
                }
            }
            Some(_) | None => self.note_corrupt(),
        }
    }

    /// Notes an answer that makes no sense.
    pub(super) fn note_corrupt(&self) {
        self.corrupt.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers that came more than once.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    /// Answers with wrong bytes.
    pub fn corrupt(&self) -> u64 {
        self.corrupt.load(Ordering::Relaxed)
    }

    /// The whole time from the first probe to the last one.
    pub fn whole(&self) -> ProbeReport {
        let first = self
            .sent_at
            .first()
            .map_or(0, |moment| moment.load(Ordering::Relaxed));
        let last = self
            .probes()
            .map(|(sent, answered)| sent.max(answered))
            .max()
            .unwrap_or(0);
        self.window(first, last)
    }

    /// The probes sent between `from` and `to`, and the longest silence in that time. The edges
    /// count as answers, so that a silence that has not ended is seen too.
    pub fn window(&self, from: u64, to: u64) -> ProbeReport {
        let (mut sent, mut lost) = (0, 0);
        let mut moments = vec![from, to];
        for (sent_at, answered_at) in self.probes() {
            if (from..=to).contains(&sent_at) {
                sent += 1;
                lost += u64::from(answered_at == 0);
            }
            if (from..=to).contains(&answered_at) {
                moments.push(answered_at);
            }
        }
        moments.sort_unstable();
        let gaps = moments
            .iter()
            .zip(moments.iter().skip(1))
            .map(|(one, next)| next - one);
        ProbeReport {
            sent,
            lost,
            longest_gap_ms: milliseconds(gaps.max().unwrap_or(0)),
        }
    }

    /// The first answer at or after `from`.
    pub fn first_answer_after(&self, from: u64) -> Option<u64> {
        self.probes()
            .map(|(_, answered)| answered)
            .filter(|answered| *answered >= from)
            .min()
    }

    fn probes(&self) -> impl Iterator<Item = (u64, u64)> {
        let sent = usize::try_from(self.sent.load(Ordering::Acquire)).unwrap_or(usize::MAX);
        let get = |moment: &AtomicU64| moment.load(Ordering::Relaxed);
        let pairs = self.sent_at.iter().zip(&self.answered_at);
        pairs
            .take(sent)
            .map(move |(sent, answered)| (get(sent), get(answered)))
    }
}

/// Nanoseconds as milliseconds with their fraction, in steps of a microsecond.
pub(crate) fn milliseconds(nanos: u64) -> f64 {
    f64::from(u32::try_from(nanos / 1_000).unwrap_or(u32::MAX)) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Ten probes, one each millisecond from 100 ms on; numbers 4, 5 and 6 stay without an answer.
    fn outage() -> Timeline {
        let timeline = Timeline::new(10);
        for sequence in 0..10 {
            let at = (100 + sequence) * MS;
            assert_eq!(timeline.note_sent(at), Some(sequence));
            if !(4..=6).contains(&sequence) {
                timeline.note_answer(sequence, at + MS / 2);
            }
        }
        timeline
    }

    #[test]
    fn an_outage_shows_as_losses_and_as_one_gap() {
        let report = outage().whole();
        assert_eq!((report.sent, report.lost), (10, 3));
        assert!((report.longest_gap_ms - 4.0).abs() < 0.001, "{report:?}");
    }

    #[test]
    fn a_window_sees_only_its_own_time() {
        let report = outage().window(107 * MS, 110 * MS);
        assert_eq!((report.sent, report.lost), (3, 0));
        assert!((report.longest_gap_ms - 1.0).abs() < 0.001, "{report:?}");
    }

    #[test]
    fn a_silence_that_has_not_ended_counts_to_the_edge() {
        let report = outage().window(100 * MS, 106 * MS);
        assert!((report.longest_gap_ms - 2.5).abs() < 0.001, "{report:?}");
    }

    #[test]
    fn second_answers_and_answers_to_nothing_are_told_apart() {
        let timeline = outage();
        timeline.note_answer(1, 200 * MS);
        timeline.note_answer(77, 200 * MS);
        assert_eq!((timeline.duplicates(), timeline.corrupt()), (1, 1));
    }

    #[test]
    fn a_full_table_takes_no_more() {
        assert_eq!(outage().note_sent(200 * MS), None);
    }
}
