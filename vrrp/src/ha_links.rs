//! All HA links of the pair: one heartbeat goes out on each, the newest that comes in counts.

mod one_link;

use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use types::{Instant, NodeId};
use vrrp_machine::{PeerClaim, Priority};
use wire::heartbeat::{Codec, Datagram};

use crate::link::{LinkTracker, Taken};
use crate::plan::{GroupPlan, StartError};
use crate::status::LinkStatus;

pub(crate) use one_link::LinkChange;
use one_link::{Arrival, Link};

/// A heartbeat that is newer than all before it.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) claim: PeerClaim,
    /// The peer's advert addresses, when they have changed.
    pub(crate) sources: Option<Vec<IpAddr>>,
}

/// What a receive brought.
#[derive(Debug)]
pub(crate) enum Next {
    /// For the machine.
    Fresh(Fresh),
    /// Noted on its link; there may be more behind it.
    Noted,
    /// Nothing waits.
    Empty,
}

/// The HA links.
#[derive(Debug)]
pub(crate) struct HaLinks {
    links: Vec<Link>,
    /// Whose heartbeats count.
    peer: Option<NodeId>,
    codec: Codec,
    interval: Duration,
    boot: u64,
    sequence: u64,
    /// Run and sequence of the newest heartbeat of the peer on any link.
    newest: Option<(u64, u64)>,
    peer_sources: Vec<IpAddr>,
    next_send_at: Instant,
    datagram: Vec<u8>,
}

impl HaLinks {
    /// Opens a socket for each link; `boot` is the number of this run of the process.
    pub(crate) fn open(plan: &GroupPlan, boot: u64) -> Result<Self, StartError> {
        let links = plan.links.iter().map(|link| Link::open(link, boot));
        let links = links.collect::<Result<_, _>>()?;
        Ok(Self {
            links,
            peer: plan.peer,
            codec: Codec::new(&plan.cluster, plan.group.as_str(), plan.heartbeat_key),
            interval: plan.heartbeat_interval(),
            boot,
            sequence: 0,
            newest: None,
            peer_sources: Vec::new(),
            next_send_at: Instant::START,
            datagram: Vec::with_capacity(256),
        })
    }

    /// Another node than before knows nothing of this one, and what the earlier one said means nothing.
    pub(crate) fn expect_peer(&mut self, peer: Option<NodeId>) {
        if peer.is_some() && peer != self.peer {
            self.newest = None;
            self.peer_sources.clear();
            for link in &mut self.links {
                link.tracker = LinkTracker::new(self.boot);
            }
        }
        self.peer = peer;
    }

    /// Whether heartbeats are sent.
    fn has_listener(&self) -> bool {
        self.peer.is_some() && !self.links.is_empty()
    }

    /// Whether the periodic heartbeat is due.
    pub(crate) fn send_due(&self, now: Instant) -> bool {
        self.has_listener() && now >= self.next_send_at
    }

    /// Sends one heartbeat on every link, if there is somebody to hear it.
    pub(crate) fn send(&mut self, claim: PeerClaim, sources: Vec<IpAddr>, now: Instant) {
        if !self.has_listener() {
            return;
        }
        self.next_send_at = now + self.interval;
        self.sequence += 1;
        let mut datagram = Datagram {
            node: claim.node,
            state: claim.state,
            priority: claim.priority.get(),
            epoch: claim.epoch,
            interval: self.interval,
            boot: self.boot,
            sequence: self.sequence,
            sent_at: now.as_nanos(),
            echo: None,
            sources,
        };
        for link in &mut self.links {
            datagram.echo = link.tracker.echo(now);
            self.codec.encode(&datagram, &mut self.datagram);
            link.send(&self.datagram);
        }
    }

    /// What has arrived on the link at `place`.
    pub(crate) fn next(&mut self, place: usize, buffer: &mut [u8], now: Instant) -> Next {
        let Some(link) = self.links.get_mut(place) else {
            return Next::Empty;
        };
        let length = match link.receive(buffer) {
            Arrival::Datagram(length) => length,
            Arrival::Refusal => return Next::Noted,
            Arrival::Nothing => return Next::Empty,
        };
        let bytes = buffer.get(..length).unwrap_or(&[]);
        let Ok(datagram) = self.codec.decode(bytes) else {
            link.undecoded += 1;
            return Next::Noted;
        };
        if self.peer.is_some_and(|peer| peer != datagram.node) {
            link.undecoded += 1;
            return Next::Noted;
        }
        match link.tracker.take(&datagram, now) {
            Ok(taken) if self.is_newest(&datagram, taken) => Next::Fresh(self.fresh(datagram)),
            Ok(_) | Err(_) => Next::Noted,
        }
    }

    /// The same heartbeat comes on every link, and a slow link brings old ones: each counts once.
    fn is_newest(&self, datagram: &Datagram, taken: Taken) -> bool {
        let this = (datagram.boot, datagram.sequence);
        self.newest.is_none_or(|newest| {
            this > newest || (datagram.boot < newest.0 && taken == Taken::Proven)
        })
    }

    fn fresh(&mut self, datagram: Datagram) -> Fresh {
        self.newest = Some((datagram.boot, datagram.sequence));
        let hears_us = self.links.iter().any(|link| link.tracker.peer_hears_us());
        let sources = (datagram.sources != self.peer_sources).then(|| {
            self.peer_sources.clone_from(&datagram.sources);
            datagram.sources
        });
        Fresh {
            claim: PeerClaim {
                node: datagram.node,
                state: datagram.state,
                epoch: datagram.epoch,
                priority: Priority::received(datagram.priority),
                hears_us,
            },
            sources,
        }
    }

    /// Our own thread was late; the peer is not to blame for what we did not read in time.
    pub(crate) fn allow_for_lateness(&mut self, late: Duration, now: Instant) {
        if late >= self.interval {
            for link in &mut self.links {
                link.tracker.allow_for_lateness(now);
            }
        }
    }

    /// Looks at every link's silence; whether the peer is heard on any, and what has changed.
    pub(crate) fn check(&mut self, now: Instant) -> (bool, Vec<LinkChange>) {
        let mut any = false;
        let mut changes = Vec::new();
        for link in &mut self.links {
            let (up, change) = link.check(now);
            any |= up;
            changes.extend(change);
        }
        (any, changes)
    }

    /// When something must be sent or somebody called silent.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let silent = self
            .links
            .iter()
            .filter_map(|link| link.tracker.silent_at());
        let send = self.has_listener().then_some(self.next_send_at);
        silent.chain(send).min()
    }

    pub(crate) const fn len(&self) -> usize {
        self.links.len()
    }

    /// What to poll.
    pub(crate) fn readable(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.links.iter().flat_map(Link::readable)
    }

    pub(crate) fn status(&self) -> Vec<LinkStatus> {
        self.links.iter().map(Link::status).collect()
    }
}

#[cfg(test)]
mod tests;
