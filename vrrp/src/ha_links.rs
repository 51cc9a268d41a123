//! All HA links of the pair: one heartbeat goes out on each, the newest that comes in counts.

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use types::{Instant, Name, NodeId};
use vrrp_machine::{PeerClaim, Priority};
use wire::heartbeat::{Codec, Datagram};
use wire::icmp::Echo;

use crate::link::{LinkTracker, Taken};
use crate::peer_socket::{EchoPort, HeartbeatPort};
use crate::plan::{GroupPlan, LinkPlan, StartError};
use crate::status::LinkStatus;

/// ICMP packets that are read at a time.
const BATCH: usize = 16;

/// One link.
#[derive(Debug)]
struct Link {
    plan: LinkPlan,
    port: HeartbeatPort,
    tracker: LinkTracker,
    /// `None` where the kernel grants no raw socket: then a silent process is a dead one.
    kernel: Option<Kernel>,
    sent: u64,
    send_errors: u64,
    undecoded: u64,
    /// A refusal to be believed once everything that came before it has been read.
    refusal_noted: bool,
    /// What others have been told.
    told_up: bool,
}

/// The way to the peer's kernel: an echo over a silent link.
///
/// A process that waits for its turn on a busy machine looks like a dead one for a few tens of
/// milliseconds. Its kernel does not wait: it answers an echo at once, and would answer a heartbeat
/// with "port unreachable" if the process were gone. An answered echo without that refusal therefore
/// vouches for the process, a little while; a dead machine answers nothing.
#[derive(Debug)]
struct Kernel {
    port: EchoPort,
    echo: Echo,
    sequence: u16,
}

/// A link's change, for the report.
#[derive(Debug)]
pub(crate) struct LinkChange {
    pub(crate) name: Name,
    pub(crate) up: bool,
    pub(crate) rtt: Option<Duration>,
}

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
        let links = plan
            .links
            .iter()
            .map(|link| {
                let port = HeartbeatPort::open(link.local, link.remote, link.device.as_deref());
                Ok(Link {
                    port: port.map_err(|cause| StartError::Link {
                        link: link.name.clone(),
                        local: link.local,
                        cause,
                    })?,
                    kernel: Kernel::open(link, boot),
                    plan: link.clone(),
                    tracker: LinkTracker::new(boot),
                    sent: 0,
                    send_errors: 0,
                    undecoded: 0,
                    refusal_noted: false,
                    told_up: false,
                })
            })
            .collect::<Result<_, _>>()?;
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
        link.hear_kernel(buffer);
        let length = match link.port.receive(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                link.refusal_noted = true;
                return Next::Noted;
            }
            Err(_) => {
                // The kernel hands a refusal over before the heartbeats that came first.
                if std::mem::take(&mut link.refusal_noted) {
                    link.tracker.refused();
                }
                return Next::Empty;
            }
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
            link.ask_kernel_if_due(now);
            let up = link.tracker.check(now);
            any |= up;
            if up != link.told_up {
                link.told_up = up;
                changes.push(LinkChange {
                    name: link.plan.name.clone(),
                    up,
                    rtt: link.tracker.rtt(),
                });
            }
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
        self.links.iter().flat_map(|link| {
            let kernel = link.kernel.as_ref();
            let echoes = kernel.and_then(|kernel| kernel.port.readable());
            link.port.readable().into_iter().chain(echoes)
        })
    }

    pub(crate) fn status(&self) -> Vec<LinkStatus> {
        self.links
            .iter()
            .map(|link| LinkStatus {
                name: link.plan.name.clone(),
                local: link.plan.local,
                remote: link.plan.remote,
                up: link.tracker.is_up(),
                peer_hears_us: link.tracker.peer_hears_us(),
                rtt: link.tracker.rtt(),
                sent: link.sent,
                send_errors: link.send_errors,
                received: link.tracker.received(),
                lost: link.tracker.lost(),
                refused: link.undecoded + link.tracker.replayed(),
            })
            .collect()
    }
}

impl Kernel {
    fn open(link: &LinkPlan, boot: u64) -> Option<Self> {
        match EchoPort::open(link.local, link.remote, link.device.as_deref()) {
            Ok(port) => Some(Self {
                port,
                echo: Echo::new(link.remote.ip(), u16::try_from(boot & 0xffff).unwrap_or(0)),
                sequence: 0,
            }),
            Err(error) => {
                tracing::warn!(link = %link.name, %error, "no echo over this HA link");
                None
            }
        }
    }
}

impl Link {
    fn ask_kernel_if_due(&mut self, now: Instant) {
        if let Some(kernel) = &mut self.kernel
            && self.tracker.ask_at().is_some_and(|at| now >= at)
        {
            self.tracker.asked(now);
            kernel.sequence = kernel.sequence.wrapping_add(1);
            // A request that cannot be sent gets no answer, which is what it tells.
            let _unsent = kernel.port.send(&kernel.echo.request(kernel.sequence));
        }
    }

    /// Reads what the peer's kernel has sent; replies to older requests vouch for nothing.
    fn hear_kernel(&mut self, buffer: &mut [u8]) {
        let Some(kernel) = &self.kernel else {
            return;
        };
        for _ in 0..BATCH {
            let Ok(length) = kernel.port.receive(buffer) else {
                return;
            };
            let packet = buffer.get(..length).unwrap_or(&[]);
            if kernel.echo.is_reply(packet, kernel.sequence) {
                self.tracker.vouch();
            }
        }
    }

    /// A refusal that the kernel had noted for an earlier heartbeat comes back in place of sending
    /// this one, so that it is sent again once.
    fn send(&mut self, datagram: &[u8]) {
        let mut sent = self.port.send(datagram);
        if let Err(error) = &sent
            && error.kind() == io::ErrorKind::ConnectionRefused
        {
            self.tracker.refused();
            sent = self.port.send(datagram);
        }
        match sent {
            Ok(()) => self.sent += 1,
            Err(_) => self.send_errors += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};

    use types::{Epoch, PeerState};
    use wire::vrrp::ChecksumForm;

    use super::*;

    const HEARTBEAT: Duration = Duration::from_millis(10);

    /// The end of one HA link in this test's hands, and ours.
    fn link() -> (UdpSocket, HaLinks) {
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        far.set_nonblocking(true).unwrap();
        let plan = GroupPlan {
            node: NodeId(1),
            group: "lan".into(),
            priority: 100,
            preempt: false,
            interval: HEARTBEAT,
            members: Vec::new(),
            peer_sources: Vec::new(),
            peer: None,
            links: vec![LinkPlan {
                name: "ha0".into(),
                local: SocketAddr::from(([127, 0, 0, 1], 0)),
                remote: far.local_addr().unwrap(),
                device: None,
            }],
            heartbeat_interval: Some(HEARTBEAT),
            heartbeat_key: None,
            cluster: "west".to_owned(),
            initial_epoch: Epoch::default(),
            start_hold: Duration::ZERO,
            checksum: ChecksumForm::PseudoHeader,
        };
        let links = HaLinks::open(&plan, 1).unwrap();
        (far, links)
    }

    fn claim(node: u8) -> PeerClaim {
        PeerClaim {
            node: NodeId(node),
            state: PeerState::Backup,
            epoch: Epoch::default(),
            priority: Priority::received(100),
            hears_us: false,
        }
    }

    /// Whether a heartbeat has come, and from where.
    fn heard(far: &UdpSocket) -> Option<SocketAddr> {
        let mut buffer = [0; 256];
        far.recv_from(&mut buffer).ok().map(|(_, from)| from)
    }

    /// Heartbeats of a run of `node`, and whether the newest of them was for the machine.
    fn says(far: &UdpSocket, links: &mut HaLinks, (node, boot): (u8, u64), to: SocketAddr) -> bool {
        let claim = claim(node);
        let datagram = Datagram {
            node: claim.node,
            state: claim.state,
            priority: claim.priority.get(),
            epoch: claim.epoch,
            interval: HEARTBEAT,
            boot,
            sequence: 1,
            sent_at: 1,
            echo: None,
            sources: Vec::new(),
        };
        let mut bytes = Vec::new();
        links.codec.encode(&datagram, &mut bytes);
        far.send_to(&bytes, to).unwrap();
        let next = links.next(0, &mut [0; 1024], Instant::from_nanos(1));
        matches!(next, Next::Fresh(fresh) if fresh.claim.node == claim.node)
    }

    #[test]
    fn heartbeats_go_to_the_other_node_while_there_is_one() {
        let (far, mut links) = link();
        let send = |links: &mut HaLinks| links.send(claim(1), Vec::new(), Instant::from_nanos(1));
        send(&mut links);
        assert_eq!(heard(&far), None);
        assert!(!links.send_due(Instant::from_nanos(1)));
        assert_eq!(links.next_deadline(), None);

        links.expect_peer(Some(NodeId(2)));
        assert!(links.send_due(Instant::from_nanos(1)));
        send(&mut links);
        assert!(heard(&far).is_some());

        links.expect_peer(None);
        send(&mut links);
        assert_eq!(heard(&far), None);
    }

    #[test]
    fn the_newcomer_s_word_counts_and_no_more_that_of_who_was_there_before() {
        let (far, mut links) = link();
        links.expect_peer(Some(NodeId(2)));
        links.send(claim(1), Vec::new(), Instant::from_nanos(1));
        let us = heard(&far).unwrap();
        assert!(says(&far, &mut links, (2, 100), us));
        assert!(!says(&far, &mut links, (3, 101), us));
        // It was removed and has not heard that yet: whoever forwards is heard.
        links.expect_peer(None);
        assert!(says(&far, &mut links, (2, 102), us));

        // Its clock is behind.
        links.expect_peer(Some(NodeId(3)));
        assert!(says(&far, &mut links, (3, 50), us));
        assert!(!says(&far, &mut links, (2, 103), us));
        assert_eq!(links.status().first().map(|link| link.refused), Some(2));
    }
}
