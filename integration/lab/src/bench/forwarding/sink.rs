//! Counts what arrives, and compares a sample of it byte for byte with what must arrive.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use socket2::Socket;
use types::MacAddr;

use super::frame::{Hop, Label, build};
use super::session::Sessions;
use crate::host::{Change, Host};
use crate::netns::NamespaceError;
use crate::sys::frame_receiver;

/// Room for the frames between two looks. Small on purpose: what does not fit costs next to nothing.
const ROOM: usize = 64 << 10;
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// Another address for the sink's device; see [`Sink::start`].
const ASIDE: MacAddr = MacAddr([0x02, 0, 0, 0, 0xff, 0xff]);

/// The running sink.
#[derive(Debug)]
pub(super) struct Sink<'a> {
    host: &'a Host,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(u64, u64), NamespaceError>>,
}

impl<'a> Sink<'a> {
    /// Starts to look. The device takes another MAC address, which nobody hears of: the kernel then
    /// counts the frames and drops them at its door, instead of spending the node's core on them.
    pub(super) fn start(host: &'a Host, sessions: &Sessions) -> anyhow::Result<Self> {
        let open = || -> std::io::Result<Socket> {
            let socket = frame_receiver("wan0")?;
            socket.set_recv_buffer_size(ROOM)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let socket = host.run(open)?.context("the sink has no packet socket")?;
        host.apply(&[Change::Mac("wan0", ASIDE)])?;
        let expected: Vec<Hop> = sessions.hops.iter().map(|(_, hop)| *hop).collect();
        let stop = Arc::<AtomicBool>::default();
        let flag = Arc::clone(&stop);
        let thread = host.thread("sink", move || compare(&socket, &expected, &flag))?;
        Ok(Self { host, stop, thread })
    }

    /// Frames that have arrived at the device.
    pub(super) fn arrived(&self) -> anyhow::Result<u64> {
        let table = self
            .host
            .run(|| std::fs::read_to_string("/proc/thread-self/net/dev"))??;
        let line = table
            .lines()
            .find_map(|line| line.trim().strip_prefix("wan0:"));
        let packets = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(packets.context("the device has no counters")?.parse()?)
    }

    /// Frames compared, and those that were wrong.
    pub(super) fn stop(self) -> anyhow::Result<(u64, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.thread.join().ok().context("the sink panicked")??)
    }
}

fn compare(socket: &Socket, expected: &[Hop], stop: &AtomicBool) -> (u64, u64) {
    let (mut compared, mut wrong) = (0, 0);
    let mut bytes = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        let mut reader = socket;
        while let Ok(length) = reader.read(&mut bytes) {
            let frame = bytes.get(..length).unwrap_or_default();
            match verdict(frame, expected) {
                Verdict::Right => compared += 1,
                Verdict::Wrong => {
                    if wrong == 0 {
                        eprintln!("a wrong frame: {frame:02x?}");
                    }
                    (compared, wrong) = (compared + 1, wrong + 1);
                }
                Verdict::NotOurs => {}
            }
        }
        std::thread::sleep(LOOK);
    }
    (compared, wrong)
}

enum Verdict {
    Right,
    Wrong,
    /// The node's own: ARP and the like.
    NotOurs,
}

fn verdict(frame: &[u8], expected: &[Hop]) -> Verdict {
    if !matches!(wire::packet::parse(frame), Ok(wire::packet::Frame::Ip(_))) {
        // Frames with broken headers must not hide among the others: only ARP is let off.
        let arp = matches!(wire::packet::parse(frame), Ok(wire::packet::Frame::Arp(_)));
        return if arp {
            Verdict::NotOurs
        } else {
            Verdict::Wrong
        };
    }
    let right = Label::read(frame).is_some_and(|label| {
        let hop = expected.get(usize::from(label.session));
        hop.is_some_and(|hop| build(hop, label) == frame)
    });
    if right {
        Verdict::Right
    } else {
        Verdict::Wrong
    }
}
