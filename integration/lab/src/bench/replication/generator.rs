//! First packets at a steady rate, handed to a session processor as a port's frames: everything from
//! the parser on is the product.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use forwarding::port::{Fanout, Flushed, Offload, Port, PortKind, RxBatch};
use forwarding::ports::Devices;
use forwarding::{Device, DeviceError, InterfacePlan, LinkState};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use runtime::Clock;
use types::MacAddr;

use super::frames::Frames;
use super::site;

/// How often a sleeping processor is woken while there is load, as by a network card that gathers.
const INTERVAL: Duration = Duration::from_millis(1);

/// What is offered. Shared by the port, which takes frames, and by whoever sets the rate.
pub(super) struct Load {
    clock: Clock,
    timer: TimerFd,
    /// First packets.
    new: Stream,
    /// Further packets of sessions that exist.
    known: Stream,
    /// The longest that a first packet has waited since it was due, in nanoseconds.
    lateness: AtomicU64,
    /// When the last first packet was taken.
    last_new: AtomicU64,
    /// Frames that left the data plane.
    sent: AtomicU64,
}

/// Frames at a rate: number `first + n` is due `n / rate` after `begun`.
#[derive(Default)]
struct Stream {
    begun: AtomicU64,
    rate: AtomicU64,
    first: AtomicU64,
    limit: AtomicU64,
    next: AtomicU64,
}

impl Stream {
    fn start(&self, now: u64, rate: u64, count: u64) {
        let next = self.next.load(Ordering::Relaxed);
        self.rate.store(0, Ordering::SeqCst);
        self.begun.store(now, Ordering::SeqCst);
        self.first.store(next, Ordering::SeqCst);
        self.limit
            .store(next.saturating_add(count), Ordering::SeqCst);
        self.rate.store(rate, Ordering::SeqCst);
    }

    /// The first number that is not due yet.
    fn due(&self, now: u64) -> u64 {
        let rate = self.rate.load(Ordering::SeqCst);
        let passed = now.saturating_sub(self.begun.load(Ordering::Relaxed));
        let count = u128::from(passed) * u128::from(rate) / 1_000_000_000;
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let first = self.first.load(Ordering::Relaxed);
        first
            .saturating_add(count)
            .min(self.limit.load(Ordering::Relaxed))
    }

    /// When `number` was due.
    fn due_at(&self, number: u64) -> u64 {
        let rate = self.rate.load(Ordering::Relaxed).max(1);
        let place = number.saturating_sub(self.first.load(Ordering::Relaxed));
        let after = u128::from(place) * 1_000_000_000 / u128::from(rate);
        self.begun.load(Ordering::Relaxed) + u64::try_from(after).unwrap_or(0)
    }
}

impl Load {
    pub(super) fn new(clock: Clock) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        Ok(Self {
            clock,
            timer: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?,
            new: Stream::default(),
            known: Stream::default(),
            lateness: AtomicU64::new(0),
            last_new: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        })
    }

    /// From now on: `count` new sessions and packets of known ones, at these rates a second.
    pub(super) fn start(&self, new_rate: u64, count: u64, known_rate: u64) -> io::Result<()> {
        let now = self.clock.now().as_nanos();
        self.lateness.store(0, Ordering::Relaxed);
        self.new.start(now, new_rate, count);
        self.known.start(now, known_rate, u64::MAX);
        let interval = if new_rate == 0 && known_rate == 0 {
            Expiration::OneShot(INTERVAL.into())
        } else {
            Expiration::Interval(INTERVAL.into())
        };
        Ok(self.timer.set(interval, TimerSetTimeFlags::empty())?)
    }

    /// First packets that were handed to the processor.
    pub(super) fn offered(&self) -> u64 {
        self.new.next.load(Ordering::Relaxed)
    }

    /// Of the last load: from its beginning to its last first packet.
    pub(super) fn took(&self) -> Duration {
        let begun = self.new.begun.load(Ordering::Relaxed);
        Duration::from_nanos(self.last_new.load(Ordering::Relaxed).saturating_sub(begun))
    }

    pub(super) fn lateness(&self) -> Duration {
        Duration::from_nanos(self.lateness.load(Ordering::Relaxed))
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// Devices without a host: the LAN's produces the load, the others swallow what they are given.
pub(super) struct Generated(pub(super) Arc<Load>);

impl Devices for Generated {
    fn prepare(&self, _plan: &InterfacePlan) -> Result<Device, DeviceError> {
        let (_, mac) = site::LAN;
        Ok(Device { ifindex: 1, mac })
    }

    fn open(
        &self,
        plan: &InterfacePlan,
        _device: Device,
        _kind: PortKind,
        _fanout: Option<Fanout>,
    ) -> io::Result<Box<dyn Port>> {
        let (lan, _) = site::LAN;
        let load = Arc::clone(&self.0);
        let source = if plan.device == lan {
            let (_, mac) = site::LAN;
            Some(Source {
                load: Arc::clone(&load),
                frames: Frames::to(mac).map_err(io::Error::other)?,
            })
        } else {
            None
        };
        Ok(Box::new(GeneratedPort {
            load,
            source,
            flushed: Flushed::default(),
        }))
    }

    fn open_sender(&self, _plan: &InterfacePlan, _device: Device) -> io::Result<Box<dyn Port>> {
        Ok(Box::new(GeneratedPort {
            load: Arc::clone(&self.0),
            source: None,
            flushed: Flushed::default(),
        }))
    }

    fn link_state(&self, _plan: &InterfacePlan) -> LinkState {
        LinkState {
            admin_up: true,
            oper_up: true,
        }
    }
}

struct GeneratedPort {
    load: Arc<Load>,
    /// Absent where nothing arrives.
    source: Option<Source>,
    flushed: Flushed,
}

impl Port for GeneratedPort {
    fn receive(&mut self, batch: &mut RxBatch) -> io::Result<()> {
        batch.clear();
        match &self.source {
            Some(source) => source.fill(batch),
            None => Ok(()),
        }
    }

    fn queue(&mut self, frame: &[u8], _offload: Offload) {
        self.flushed.packets += 1;
        self.flushed.bytes += frame.len() as u64;
    }

    fn flush(&mut self) -> Flushed {
        self.load
            .sent
            .fetch_add(self.flushed.packets, Ordering::Relaxed);
        std::mem::take(&mut self.flushed)
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.source.as_ref().map(|source| source.load.timer.as_fd())
    }

    fn accept(&mut self, _mac: MacAddr) -> io::Result<()> {
        Ok(())
    }

    fn missed(&mut self) -> u64 {
        0
    }
}

/// The load as frames.
struct Source {
    load: Arc<Load>,
    frames: Frames,
}

impl Source {
    fn fill(&self, batch: &mut RxBatch) -> io::Result<()> {
        let load = &self.load;
        // Says only how often it has fired; what is due follows from the clock.
        match load.timer.wait() {
            Ok(()) | Err(nix::errno::Errno::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        let now = load.clock.now().as_nanos();
        let first = load.new.next.load(Ordering::Relaxed);
        let mut next = first;
        let due = load.new.due(now);
        while next < due && batch.push(&self.frames.of(next)?, Offload::None) {
            next += 1;
        }
        if next > first {
            load.new.next.store(next, Ordering::Relaxed);
            load.last_new.store(now, Ordering::Relaxed);
            let late = now.saturating_sub(load.new.due_at(first));
            load.lateness.fetch_max(late, Ordering::Relaxed);
        }
        let mut known = load.known.next.load(Ordering::Relaxed);
        let due = load.known.due(now);
        while next > 0 && known < due {
            let frame = self.frames.of(site::mix(known) % next)?;
            if !batch.push(&frame, Offload::None) {
                break;
            }
            known += 1;
        }
        load.known.next.store(known, Ordering::Relaxed);
        Ok(())
    }
}
