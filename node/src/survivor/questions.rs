//! Questions on the wire while there is no quorum: to the anchors, and to the other node on the interfaces
//! that both share.
//!
//! Each waits on a thread of its own, so that those who do not answer hold up nobody.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use runtime::Clock;
use tokio::task::JoinHandle;
use types::{Instant, Name};

use crate::anchors::Neighbour;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(1);
/// An answer counts for so long: one may get lost.
const FRESH: Duration = Duration::from_secs(2);

/// Who is asked.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Who {
    /// A neighbour that the policy relies on.
    Anchor(IpAddr),
    /// The other node, on this device.
    Peer(Name),
}

/// What was asked, and what came of it.
#[derive(Default)]
pub(super) struct Questions {
    answered: BTreeMap<Who, Instant>,
    asked_at: Option<Instant>,
    asking: Vec<JoinHandle<Option<Who>>>,
}

impl Questions {
    /// Takes the answers that have come.
    pub(super) async fn collect(&mut self, now: Instant) {
        let asking = std::mem::take(&mut self.asking);
        let (ended, open): (Vec<_>, _) = asking.into_iter().partition(JoinHandle::is_finished);
        self.asking = open;
        for question in ended {
            if let Ok(Some(who)) = question.await {
                self.answered.insert(who, now);
            }
        }
        self.answered.retain(|_, at| now - *at < FRESH);
    }

    /// Whether it is time for the next round.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.asking.is_empty() && self.asked_at.is_none_or(|at| now - at >= EVERY)
    }

    /// Asks everybody.
    pub(super) fn ask(&mut self, round: Vec<(Who, Neighbour)>, clock: Clock, now: Instant) {
        self.asked_at = Some(now);
        let ask = |(who, neighbour): (Who, Neighbour)| {
            tokio::task::spawn_blocking(move || neighbour.answers(clock).then_some(who))
        };
        self.asking.extend(round.into_iter().map(ask));
    }

    /// Whether this anchor has answered lately.
    pub(super) fn anchor(&self, address: IpAddr) -> bool {
        self.answered.contains_key(&Who::Anchor(address))
    }

    /// Where the other node has answered lately.
    pub(super) fn peer(&self) -> impl Iterator<Item = &Name> {
        self.answered.keys().filter_map(|who| match who {
            Who::Peer(device) => Some(device),
            Who::Anchor(_) => None,
        })
    }
}
