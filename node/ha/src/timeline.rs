//! The film of a takeover: one record, one moment for each phase.
//!
//! ```text
//! last heard ── detected ── decided ── programmed ── announced ── first packet
//!  (peer)       (silence,    (new        (gate         (first       (forwarded
//!                link, word)  epoch)      open)         GARP/NA)     under it)
//! ```

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::{Epoch, Instant};

/// How many films are kept.
const KEPT: usize = 32;

/// One takeover by this node. Moments that have not come yet are `None`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Failover {
    /// The epoch this node claimed.
    pub epoch: Epoch,
    /// Why, in the words of the redundancy group.
    pub cause: String,
    /// When the former active node was last heard; `None` when nobody was.
    pub last_heard: Option<Instant>,
    /// When its loss was noticed.
    pub detected: Instant,
    /// When this node decided to take over.
    pub decided: Instant,
    /// When its processors were told: the gate's one store.
    pub programmed: Instant,
    /// When the first announcement had left.
    pub announced: Option<Instant>,
    /// When the first packet was forwarded under the epoch.
    pub first_packet: Option<Instant>,
    /// Sessions that stood ready in the tables at that moment.
    pub sessions: u64,
}

/// The latest films, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    films: VecDeque<Failover>,
    /// A first packet may be reported before the takeover that allowed it.
    early: Option<(Epoch, Instant)>,
}

impl Timeline {
    /// Begins the film of a takeover; the oldest one is forgotten when there are too many.
    pub fn took_over(&mut self, mut film: Failover) {
        if let Some((epoch, at)) = self.early.take()
            && epoch == film.epoch
        {
            film.first_packet = Some(at);
        }
        if self.films.len() == KEPT {
            self.films.pop_front();
        }
        self.films.push_back(film);
    }

    /// The first packet under `epoch` went out at `at`.
    pub fn first_packet(&mut self, epoch: Epoch, at: Instant) {
        match self.films.iter_mut().find(|film| film.epoch == epoch) {
            // Several processors report theirs; the earliest is the one that counts.
            Some(film) => {
                film.first_packet = Some(film.first_packet.map_or(at, |known| known.min(at)));
            }
            None => self.early = Some((epoch, at)),
        }
    }

    /// The films, oldest first.
    pub fn films(&self) -> impl Iterator<Item = &Failover> {
        self.films.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(epoch: u64) -> Failover {
        Failover {
            epoch: Epoch(epoch),
            cause: "peer silent".to_owned(),
            last_heard: None,
            detected: Instant::from_nanos(10),
            decided: Instant::from_nanos(11),
            programmed: Instant::from_nanos(12),
            announced: Some(Instant::from_nanos(13)),
            first_packet: None,
            sessions: 200,
        }
    }

    #[test]
    fn the_earliest_first_packet_counts_whichever_report_comes_first() {
        let mut timeline = Timeline::default();
        timeline.first_packet(Epoch(1), Instant::from_nanos(20));
        timeline.took_over(film(1));
        timeline.first_packet(Epoch(1), Instant::from_nanos(15));
        let packets: Vec<_> = timeline.films().map(|film| film.first_packet).collect();
        assert_eq!(packets, [Some(Instant::from_nanos(15))]);
    }

    #[test]
    fn old_films_make_room() {
        let mut timeline = Timeline::default();
        for epoch in 0..40 {
            timeline.took_over(film(epoch));
        }
        let epochs: Vec<_> = timeline.films().map(|film| film.epoch.0).collect();
        assert_eq!(epochs, (8..40).collect::<Vec<_>>());
    }
}
