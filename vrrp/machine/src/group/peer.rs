//! What the group knows about the other node of its pair.

use core::time::Duration;
use std::net::IpAddr;

use types::{Instant, NodeId, PeerState};

use super::event::PeerClaim;

/// Whether the peer is heard on at least one HA link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hearing {
    /// Not since the start.
    Never,
    /// Yes; this is what it said last.
    Audible(PeerClaim),
    /// Not any more; this is what it said last.
    Silent(PeerClaim),
}

/// The other node.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// The addresses its adverts come from.
    sources: Vec<IpAddr>,
    /// What the HA links say.
    pub(super) hearing: Hearing,
    /// Both of us are Active and we have said so.
    pub(super) in_conflict: bool,
    /// Its adverts while we are Active and its heartbeats are silent.
    rival: Option<Rival>,
}

/// A row of adverts of an Active peer whose epoch is unknown.
#[derive(Clone, Copy, Debug)]
struct Rival {
    first_at: Instant,
    last_at: Instant,
}

impl Peer {
    pub(super) const fn new(sources: Vec<IpAddr>) -> Self {
        Self {
            sources,
            hearing: Hearing::Never,
            in_conflict: false,
            rival: None,
        }
    }

    /// Notes an advert of the Active peer and says whether it has gone on for one interval. A split
    /// that heals everywhere at once brings a heartbeat in that time, and the heartbeat the epoch.
    pub(super) fn rivals_for_an_interval(&mut self, interval: Duration, now: Instant) -> bool {
        let first_at = match self.rival {
            Some(rival) if now - rival.last_at < interval * 3 => rival.first_at,
            Some(_) | None => now,
        };
        self.rival = Some(Rival {
            first_at,
            last_at: now,
        });
        now - first_at >= interval
    }

    /// Adds addresses; old ones stay, since a late advert may still carry them.
    pub(super) fn learn(&mut self, sources: Vec<IpAddr>) {
        for source in sources {
            if !self.sources.contains(&source) {
                self.sources.push(source);
            }
        }
    }

    /// Whether an advert from `source` is the peer's and no third party's.
    pub(super) fn sends_from(&self, source: IpAddr) -> bool {
        self.sources.contains(&source)
    }

    /// What it says now; `None` when nobody hears it.
    pub(super) const fn audible(&self) -> Option<PeerClaim> {
        match self.hearing {
            Hearing::Audible(claim) => Some(claim),
            Hearing::Never | Hearing::Silent(_) => None,
        }
    }

    /// What it said last, heard or not.
    pub(super) const fn last_claim(&self) -> Option<PeerClaim> {
        match self.hearing {
            Hearing::Audible(claim) | Hearing::Silent(claim) => Some(claim),
            Hearing::Never => None,
        }
    }

    /// Its number, once it has spoken.
    pub(super) fn node(&self) -> Option<NodeId> {
        self.last_claim().map(|claim| claim.node)
    }

    /// Whether the last heartbeat said Active.
    pub(super) fn claimed_active(&self) -> bool {
        self.last_claim()
            .is_some_and(|claim| claim.state == PeerState::Active)
    }
}
