//! Pings: ICMP echo over IPv4 and IPv6 through the kernel's own ping sockets.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use runtime::Clock;
use socket2::{Domain, Protocol, Socket, Type};

use super::timeline::{ProbeReport, Timeline};
use super::{TrafficError, socket_error, unix_nanos};
use crate::host::Host;
use crate::netns::NamespaceError;

/// The report of a ping: the same numbers as a probe's.
pub type PingReport = ProbeReport;

/// The most pings that are remembered: 15 minutes of a hundred a second.
const MOST: usize = 90_000;

/// Echo requests: type, code, a checksum, an identifier and a sequence number, the last three of
/// which the kernel's socket fills in or nobody reads (RFC 792, RFC 4443 §4.1).
const REQUEST_V4: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 0];
const REQUEST_V6: [u8; 8] = [128, 0, 0, 0, 0, 0, 0, 0];

/// A running ping; dropped, it ends.
#[derive(Debug)]
pub struct Ping {
    timeline: Arc<Timeline>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), NamespaceError>>>,
}

impl Ping {
    /// Starts to ping `target` from `host`, once every `interval`.
    pub fn start(
        host: &Host,
        target: IpAddr,
        interval: Duration,
        clock: Clock,
    ) -> Result<Self, TrafficError> {
        let open = || -> io::Result<Socket> {
            let (domain, protocol) = match target {
                IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
                IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
            };
            let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
            socket.connect(&SocketAddr::new(target, 0).into())?;
            Ok(socket)
        };
        let socket = host.run(open)?.map_err(socket_error("ping socket"))?;
        let timeline = Arc::new(Timeline::new(MOST));
        let stop = Arc::<AtomicBool>::default();
        let (table, flag) = (Arc::clone(&timeline), Arc::clone(&stop));
        let request = if target.is_ipv4() {
            REQUEST_V4
        } else {
            REQUEST_V6
        };
        let thread = host.thread("ping", move || {
            while !flag.load(Ordering::Relaxed) {
                let due = clock.now() + interval;
                send(&socket, request, &table);
                while receive(&socket, clock.until(due), &table) {}
            }
        })?;
        Ok(Self {
            timeline,
            stop,
            thread: Some(thread),
        })
    }

    /// The pings so far.
    pub fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }
}

impl Drop for Ping {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed, and shows as missing answers.
            let _ended = thread.join();
        }
    }
}

fn send(socket: &Socket, header: [u8; 8], timeline: &Timeline) {
    if let Some(sequence) = timeline.note_sent(unix_nanos()) {
        // What cannot be sent is lost, and counted as such.
        let _unsent = socket.send([header, sequence.to_be_bytes()].as_flattened());
    }
}

/// Takes in answers for `patience`; false when it is over.
fn receive(socket: &Socket, patience: Duration, timeline: &Timeline) -> bool {
    // A deadline of zero would mean none at all.
    if patience.is_zero() || socket.set_read_timeout(Some(patience)).is_err() {
        return false;
    }
    let mut bytes = [0; 64];
    let mut reader = socket;
    let Ok(length) = reader.read(&mut bytes) else {
        // The time is over, or an ICMP error came: what is left of the interval is waited for anew.
        return true;
    };
    let payload = bytes
        .get(8..length)
        .and_then(|payload| payload.try_into().ok());
    match payload.map(u64::from_be_bytes) {
        Some(sequence) => timeline.note_answer(sequence, unix_nanos()),
        None => timeline.note_corrupt(),
    }
    true
}
