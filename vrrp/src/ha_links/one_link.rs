//! One HA link: its sockets, what is known of the other end, and its counters.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use types::{Instant, Name};
use wire::icmp::Echo;

use crate::link::LinkTracker;
use crate::peer_socket::{EchoPort, HeartbeatPort};
use crate::plan::{LinkPlan, StartError};
use crate::status::LinkStatus;

/// ICMP packets that are read at a time.
const BATCH: usize = 16;

/// One link.
#[derive(Debug)]
pub(super) struct Link {
    plan: LinkPlan,
    port: HeartbeatPort,
    pub(super) tracker: LinkTracker,
    /// `None` where the kernel grants no raw socket: then a silent process is a dead one.
    kernel: Option<Kernel>,
    sent: u64,
    send_errors: u64,
    /// Heartbeats that nobody with our key, or not the peer, has sent.
    pub(super) undecoded: u64,
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

/// What was read of a link.
pub(super) enum Arrival {
    /// So many bytes.
    Datagram(usize),
    /// The peer's kernel said something; there may be more behind it.
    Refusal,
    /// Nothing waits.
    Nothing,
}

impl Link {
    /// Opens its sockets; `boot` is the number of this run of the process.
    pub(super) fn open(plan: &LinkPlan, boot: u64) -> Result<Self, StartError> {
        let port = HeartbeatPort::open(plan.local, plan.remote, plan.device.as_deref());
        Ok(Self {
            port: port.map_err(|cause| StartError::Link {
                link: plan.name.clone(),
                local: plan.local,
                cause,
            })?,
            kernel: Kernel::open(plan, boot),
            plan: plan.clone(),
            tracker: LinkTracker::new(boot),
            sent: 0,
            send_errors: 0,
            undecoded: 0,
            refusal_noted: false,
            told_up: false,
        })
    }

    /// A refusal that the kernel had noted for an earlier heartbeat comes back in place of sending
    /// this one, so that it is sent again once.
    pub(super) fn send(&mut self, datagram: &[u8]) {
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

    /// The next heartbeat, after all that the peer's kernel has sent.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Arrival {
        self.hear_kernel(buffer);
        match self.port.receive(buffer) {
            Ok(length) => Arrival::Datagram(length),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.refusal_noted = true;
                Arrival::Refusal
            }
            Err(_) => {
                // The kernel hands a refusal over before the heartbeats that came first.
                if std::mem::take(&mut self.refusal_noted) {
                    self.tracker.refused();
                }
                Arrival::Nothing
            }
        }
    }

    /// Looks at its silence: whether the peer is heard, and whether that is news.
    pub(super) fn check(&mut self, now: Instant) -> (bool, Option<LinkChange>) {
        self.ask_kernel_if_due(now);
        let up = self.tracker.check(now);
        let news = up != self.told_up;
        self.told_up = up;
        let change = news.then(|| LinkChange {
            name: self.plan.name.clone(),
            up,
            rtt: self.tracker.rtt(),
        });
        (up, change)
    }

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

    /// What to poll.
    pub(super) fn readable(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let kernel = self.kernel.as_ref();
        let echoes = kernel.and_then(|kernel| kernel.port.readable());
        self.port.readable().into_iter().chain(echoes)
    }

    pub(super) fn status(&self) -> LinkStatus {
        LinkStatus {
            name: self.plan.name.clone(),
            local: self.plan.local,
            remote: self.plan.remote,
            up: self.tracker.is_up(),
            peer_hears_us: self.tracker.peer_hears_us(),
            rtt: self.tracker.rtt(),
            sent: self.sent,
            send_errors: self.send_errors,
            received: self.tracker.received(),
            lost: self.tracker.lost(),
            refused: self.undecoded + self.tracker.replayed(),
        }
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
