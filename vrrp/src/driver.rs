//! The heartbeat thread: wait, drain every socket, then let time pass in the machine.
//!
//! The order is the point. Whatever has arrived is handed over before any deadline is looked at, and
//! "now" is read before the draining: an advert that lies in a socket has been heard, however late
//! this thread comes to read it.

mod act;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use runtime::{Clock, Outlet, Shutdown};
use types::{Epoch, EpochGate, Instant};
use vrrp_machine::{Event as MachineEvent, Group, MemberId, PeerClaim};

use crate::event::{Event, Transition};
use crate::ha_links::{self, HaLinks};
use crate::handle::Orders;
use crate::member::{self, Member};
use crate::monitor::Monitor;
use crate::plan::{GroupPlan, StartError};
use crate::socket::{run_in_real_time, run_in_short_slices};
use crate::status::{GroupStatus, Scheduling};

/// Above other real-time programs of a usual system, below the kernel's own threads.
const FIFO_PRIORITY: i32 = 50;
/// The kernel's lower limit; a step takes less.
const SHORT_SLICE: Duration = Duration::from_micros(100);
/// Lateness is reported at most this often.
const LATENESS_EVERY: Duration = Duration::from_secs(1);
/// Frames that one socket may hand over before the others have their turn.
const BATCH: usize = 64;

/// Where the thread's effects go.
#[derive(Debug)]
pub(crate) struct Outputs {
    pub(crate) gate: EpochGate,
    pub(crate) clock: Clock,
    pub(crate) events: Outlet<Event>,
}

/// The thread's whole state.
#[derive(Debug)]
pub(crate) struct Driver {
    plan: GroupPlan,
    group: Group,
    members: Vec<Member>,
    links: HaLinks,
    monitor: Monitor,
    orders: Arc<Orders>,
    outputs: Outputs,
    /// The last word of the peer, while it is heard.
    peer: Option<PeerClaim>,
    seen_epoch: Epoch,
    /// Resignations to be said again.
    resignations: VecDeque<(Instant, MemberId)>,
    status: Arc<ArcSwap<GroupStatus>>,
    next_status_at: Instant,
    last_transition: Option<Transition>,
    transitions: u64,
    scheduling: Scheduling,
    lateness: Lateness,
    buffer: Vec<u8>,
}

/// How punctual the thread is.
#[derive(Debug, Default)]
struct Lateness {
    count: u64,
    worst: Duration,
    unreported: Duration,
    reported_at: Instant,
}

impl Driver {
    pub(crate) fn new(
        plan: GroupPlan,
        group: Group,
        members: Vec<Member>,
        monitor: Monitor,
        orders: Arc<Orders>,
        outputs: Outputs,
    ) -> Result<Self, StartError> {
        let now = outputs.clock.now();
        // Wall time makes later runs greater without a file that counts them.
        let links = HaLinks::open(&plan, outputs.clock.unix_nanos(now).max(1))?;
        let scheduling = Scheduling::Normal {
            refusal: "not asked yet".to_owned(),
        };
        let status = GroupStatus {
            group: plan.group.clone(),
            node: plan.node,
            state: group.state(),
            epoch: group.highest_epoch(),
            priority: plan.priority,
            preempt: plan.preempt,
            last_transition: None,
            transitions: 0,
            peer: None,
            members: Vec::new(),
            links: Vec::new(),
            scheduling: scheduling.clone(),
            late: 0,
            worst_lateness: Duration::ZERO,
            at: now,
        };
        Ok(Self {
            seen_epoch: plan.initial_epoch,
            plan,
            group,
            members,
            links,
            monitor,
            orders,
            outputs,
            peer: None,
            resignations: VecDeque::new(),
            status: Arc::new(ArcSwap::from_pointee(status)),
            next_status_at: now,
            last_transition: None,
            transitions: 0,
            scheduling,
            lateness: Lateness::default(),
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Where snapshots appear.
    pub(crate) fn status(&self) -> Arc<ArcSwap<GroupStatus>> {
        Arc::clone(&self.status)
    }

    /// The thread's body.
    pub(crate) fn run(mut self, shutdown: &Shutdown) {
        self.scheduling = schedule();
        // The default slack of ordinary threads, 50 µs, adds up; a refusal costs only those.
        let _slack_stays = nix::sys::prctl::set_timerslack(1);
        let now = self.outputs.clock.now();
        self.check_devices(now);
        self.give(MachineEvent::Startup, now);
        while !shutdown.is_requested() {
            let due = self.next_deadline();
            self.wait_until(due);
            let now = self.outputs.clock.now();
            self.step(now, now - due);
        }
        let now = self.outputs.clock.now();
        self.give(MachineEvent::Shutdown, now);
        self.finish_resigning();
        self.publish(self.outputs.clock.now());
    }

    fn step(&mut self, now: Instant, late: Duration) {
        self.take_orders(now);
        if self.monitor.wants_check(&mut self.buffer, now) {
            self.check_devices(now);
        }
        self.drain_members(now);
        self.drain_links(now);
        self.note_lateness(late, now);
        self.check_links(now);
        if self.group.next_deadline().is_some_and(|due| due <= now) {
            self.give(MachineEvent::Tick, now);
        }
        if self.links.send_due(now) {
            self.send_heartbeats(now);
        }
        for member in &mut self.members {
            member.announce_due(now);
        }
        self.resign_again(now);
        if now >= self.next_status_at {
            self.publish(now);
        }
    }

    fn next_deadline(&self) -> Instant {
        let announcers = self.members.iter();
        let announcements = announcers.filter_map(|member| member.announcer.next_deadline());
        [
            Some(self.next_status_at),
            Some(self.monitor.next_check_at()),
            self.group.next_deadline(),
            self.links.next_deadline(),
            self.resignations.front().map(|(at, _)| *at),
        ]
        .into_iter()
        .flatten()
        .chain(announcements)
        .min()
        .unwrap_or(self.next_status_at)
    }

    /// Sleeps until `due`, or until a socket has something. Which one does not matter: the step
    /// that follows looks at all of them.
    fn wait_until(&self, due: Instant) {
        let fixed = [self.orders.wake.as_fd(), self.monitor.readable()];
        let members = self.members.iter().map(Member::readable);
        let mut polled: Vec<_> = fixed
            .into_iter()
            .chain(members)
            .chain(self.links.readable())
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        let timeout = TimeSpec::from(self.outputs.clock.until(due));
        // An interrupted wait is a short wait, and any other error shows up at the sockets.
        let _ready = ppoll(&mut polled, Some(timeout), None);
    }

    fn take_orders(&mut self, now: Instant) {
        // Empty is the usual answer.
        let _how_often = self.orders.wake.read();
        let seen = self.orders.seen_epoch();
        if seen > self.seen_epoch {
            self.seen_epoch = seen;
            self.give(MachineEvent::SeenEpoch(seen), now);
        }
        if self.orders.take_release() {
            self.give(MachineEvent::Release, now);
        }
        self.links.expect_peer(self.orders.peer());
    }

    /// Compares every device with what the machine knows. All flags change before the first event,
    /// so that nothing is sent to a device that is down as well.
    fn check_devices(&mut self, now: Instant) {
        let mut changed = Vec::new();
        for member in &mut self.members {
            member.rebind_if_replaced(now);
            let up = self.monitor.is_up(member.device());
            if up != member.link_up {
                member.link_up = up;
                changed.push((member.id, member.device().to_owned(), up));
            }
        }
        for (id, _, up) in &changed {
            let event = if *up {
                MachineEvent::LinkUp(*id)
            } else {
                MachineEvent::LinkDown(*id)
            };
            self.give(event, now);
        }
        changed.dedup_by(|(_, a, _), (_, b, _)| a == b);
        for (_, device, up) in changed {
            self.tell(Event::LinkState { device, up });
        }
    }

    fn drain_members(&mut self, now: Instant) {
        for place in 0..self.members.len() {
            for _ in 0..BATCH {
                let Some(member) = self.members.get_mut(place) else {
                    break;
                };
                let id = member.id;
                match member.next_advert(&mut self.buffer, now) {
                    member::Next::Advert(advert) => {
                        self.give(MachineEvent::Heard { member: id, advert }, now);
                    }
                    member::Next::Invalid => {}
                    member::Next::Empty => break,
                }
            }
        }
    }

    fn drain_links(&mut self, now: Instant) {
        for place in 0..self.links.len() {
            for _ in 0..BATCH {
                match self.links.next(place, &mut self.buffer, now) {
                    ha_links::Next::Fresh(fresh) => {
                        if let Some(sources) = fresh.sources {
                            self.give(MachineEvent::PeerSources(sources), now);
                        }
                        self.peer = Some(fresh.claim);
                        self.give(MachineEvent::PeerHeartbeat(fresh.claim), now);
                    }
                    ha_links::Next::Noted => {}
                    ha_links::Next::Empty => break,
                }
            }
        }
    }

    /// "I was late" is not "the peer is dead": machine and links are told before they look at time.
    fn note_lateness(&mut self, late: Duration, now: Instant) {
        self.links.allow_for_lateness(late, now);
        if late >= self.plan.interval {
            self.give(MachineEvent::Late(late), now);
        }
        let lateness = &mut self.lateness;
        lateness.worst = lateness.worst.max(late);
        if late >= self.plan.interval / 2 {
            lateness.count += 1;
            lateness.unreported = lateness.unreported.max(late);
        }
        if lateness.unreported > Duration::ZERO && now - lateness.reported_at >= LATENESS_EVERY {
            let by = std::mem::take(&mut lateness.unreported);
            lateness.reported_at = now;
            self.tell(Event::Lateness { by, at: now });
        }
    }

    fn check_links(&mut self, now: Instant) {
        let (audible, changes) = self.links.check(now);
        if !audible && self.peer.take().is_some() {
            self.give(MachineEvent::PeerSilent, now);
        }
        for change in changes {
            self.tell(Event::HaLink {
                name: change.name,
                up: change.up,
                rtt: change.rtt,
            });
        }
    }

    fn send_heartbeats(&mut self, now: Instant) {
        let claim = self.group.claim(self.peer.is_some(), now);
        let sources: Vec<IpAddr> = self.members.iter().map(Member::source).collect();
        self.links.send(claim, sources, now);
    }
}

/// The best that the kernel grants this thread.
fn schedule() -> Scheduling {
    let Err(error) = run_in_real_time(FIFO_PRIORITY) else {
        return Scheduling::Fifo(FIFO_PRIORITY);
    };
    let refusal = error.to_string();
    match run_in_short_slices(SHORT_SLICE) {
        Ok(()) => Scheduling::ShortSlices { refusal },
        Err(_) => Scheduling::Normal { refusal },
    }
}

/// Whatever ends the thread, a panic too, ends the role: nobody would advertise any more.
impl Drop for Driver {
    fn drop(&mut self) {
        self.outputs.gate.close();
    }
}
