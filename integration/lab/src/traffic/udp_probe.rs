//! A UDP probe of steady pace: a thousand numbered datagrams a second through one session.
//!
//! The sender sleeps to absolute moments, so that its pace does not drift; answers carry the
//! kernel's own timestamps, so that a busy machine's late reader does not look like an outage.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

use super::echo::GLANCE;
use super::timeline::Timeline;
use super::{TrafficError, nanos, socket_error, unix_nanos};
use crate::host::Host;
use crate::netns::NamespaceError;
use crate::sys;

/// Marks our datagrams; anything else that comes back is corrupt.
const MARK: u64 = 0x7461_6e64_656d_7570;

/// The datagram: mark and sequence number.
const LENGTH: usize = 16;

/// The longest a probe runs; its table is made for that many datagrams.
const LONGEST: Duration = Duration::from_mins(15);

/// A running probe; dropped, it ends.
#[derive(Debug)]
pub struct UdpProbe {
    timeline: Arc<Timeline>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<(), NamespaceError>>>,
}

impl UdpProbe {
    /// Starts to send from `host` to the echo server `target`, one datagram every `interval`.
    pub fn start(
        host: &Host,
        target: SocketAddr,
        interval: Duration,
    ) -> Result<Self, TrafficError> {
        let open = || -> io::Result<(UdpSocket, UdpSocket)> {
            let any: SocketAddr = if target.is_ipv4() {
                ([0; 4], 0).into()
            } else {
                ([0u16; 8], 0).into()
            };
            let socket = UdpSocket::bind(any)?;
            socket.connect(target)?;
            socket.set_read_timeout(Some(GLANCE))?;
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
            Ok((socket.try_clone()?, socket))
        };
        let (sending, receiving) = host.run(open)?.map_err(socket_error("UDP socket"))?;
        let probes = LONGEST.as_nanos() / interval.as_nanos().max(1);
        let timeline = Arc::new(Timeline::new(usize::try_from(probes).unwrap_or(0)));
        let stop = Arc::<AtomicBool>::default();
        let (table, flag) = (Arc::clone(&timeline), Arc::clone(&stop));
        let receiver = host.thread("probe-receive", move || receive(&receiving, &table, &flag))?;
        let (table, flag) = (Arc::clone(&timeline), Arc::clone(&stop));
        let sender = host.thread("probe-send", move || {
            send(&sending, interval, &table, &flag);
        })?;
        Ok(Self {
            timeline,
            stop,
            threads: vec![sender, receiver],
        })
    }

    /// The probes so far; it stays readable after the probe's end.
    pub fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    /// Stops sending, takes in what is still under way, and gives the table.
    pub fn stop(mut self) -> Arc<Timeline> {
        self.end();
        Arc::clone(&self.timeline)
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic there has been printed, and shows as missing probes.
            let _ended = thread.join();
        }
    }
}

impl Drop for UdpProbe {
    fn drop(&mut self) {
        self.end();
    }
}

fn send(socket: &UdpSocket, interval: Duration, timeline: &Timeline, stop: &AtomicBool) {
    sys::run_first();
    let clock = ClockId::CLOCK_MONOTONIC;
    let Ok(start) = clock_gettime(clock) else {
        return;
    };
    let mut due = Duration::from_nanos(nanos(start));
    while !stop.load(Ordering::Relaxed) {
        let Some(sequence) = timeline.note_sent(unix_nanos()) else {
            tracing::warn!("the UDP probe has reached its longest time and ends");
            return;
        };
        let [mark, number] = [MARK.to_be_bytes(), sequence.to_be_bytes()];
        // A refused send (no route, a full queue) is a lost probe, and counted as one.
        let _unsent = socket.send([mark, number].as_flattened());
        due += interval;
        // When it is late it catches up: the numbers of a second stay the same.
        let _interrupted = clock_nanosleep(
            clock,
            ClockNanosleepFlags::TIMER_ABSTIME,
            &TimeSpec::from(due),
        );
    }
}

fn receive(socket: &UdpSocket, timeline: &Timeline, stop: &AtomicBool) {
    // After the stop it reads on until nothing comes for one glance.
    loop {
        match receive_one(socket) {
            Ok(Some((sequence, at))) => timeline.note_answer(sequence, at),
            Ok(None) => timeline.note_corrupt(),
            // The deadline, or an ICMP error about a probe, which will be counted as lost.
            Err(_) if stop.load(Ordering::Relaxed) => return,
            Err(_) => {}
        }
    }
}

/// An answer's number and the moment it arrived; `None` when it is not one of ours.
fn receive_one(socket: &UdpSocket) -> io::Result<Option<(u64, u64)>> {
    let mut bytes = [0; LENGTH + 1];
    let mut control = nix::cmsg_space!(TimeSpec);
    let mut buffers = [IoSliceMut::new(&mut bytes)];
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut buffers,
        Some(&mut control),
        MsgFlags::empty(),
    )?;
    let stamp = message.cmsgs()?.find_map(|control| {
        if let ControlMessageOwned::ScmTimestampns(stamp) = control {
            Some(nanos(stamp))
        } else {
            None
        }
    });
    let length = message.bytes;
    let at = stamp.unwrap_or_else(unix_nanos);
    Ok(parse(bytes.get(..length).unwrap_or_default()).map(|sequence| (sequence, at)))
}

fn parse(bytes: &[u8]) -> Option<u64> {
    let (mark, rest) = bytes.split_first_chunk()?;
    let number = u64::from_be_bytes(rest.try_into().ok()?);
    (u64::from_be_bytes(*mark) == MARK).then_some(number)
}
