//! The shell of one virtual router: its sockets, its frames, its announcements, its figures.

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use types::Instant;
use vrrp_machine::{
    Advert, AdvertInterval, MemberId, Priority, RouterState, StateName, VirtualRouter,
};
use wire::vrrp::ChecksumForm;

use crate::announce::Announcer;
use crate::frame::{Framer, Invalid};
use crate::plan::{Addresses, MemberPlan};
use crate::socket::{Device, FramePort};
use crate::status::MemberStatus;

/// How often a device that is gone is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// A warning about received frames at most this often.
const WARN_GAP: Duration = Duration::from_secs(10);

/// One member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    plan: MemberPlan,
    checksum: ChecksumForm,
    framer: Framer,
    /// The device that `port` is bound to.
    bound: Device,
    port: FramePort,
    next_look_at: Instant,
    pub(crate) link_up: bool,
    pub(crate) announcer: Announcer,
    figures: Figures,
    frame: Vec<u8>,
}

/// What `show vrrp` counts.
#[derive(Debug, Default)]
struct Figures {
    adverts_sent: u64,
    send_errors: u64,
    adverts_received: u64,
    resignations_received: u64,
    invalid: [u64; Invalid::ALL.len()],
    other_addresses: u64,
    pseudo_header_checksums: u64,
    announcements_sent: u64,
    became_active: u64,
    heard_from: Option<IpAddr>,
    state: Option<StateName>,
    last_change: Option<Instant>,
    warned_at: Option<Instant>,
}

impl Member {
    /// Opens the member's sockets on its device.
    pub(crate) fn open(id: MemberId, plan: MemberPlan, checksum: ChecksumForm) -> io::Result<Self> {
        let device = Device::find(&plan.device)?;
        let framer = framer(&plan, device, checksum);
        let port = FramePort::open(device, plan.addresses.family())?;
        Ok(Self {
            id,
            announcer: Announcer::new(framer.announced()),
            framer,
            bound: device,
            port,
            next_look_at: Instant::START,
            link_up: false,
            figures: Figures::default(),
            frame: Vec::with_capacity(2_048),
            plan,
            checksum,
        })
    }

    /// Where its adverts come from.
    pub(crate) const fn source(&self) -> IpAddr {
        self.framer.source()
    }

    pub(crate) fn device(&self) -> &str {
        &self.plan.device
    }

    /// A device that was removed and made again has another index, which the sockets do not know.
    pub(crate) fn rebind_if_replaced(&mut self, now: Instant) {
        if self.link_up || now < self.next_look_at {
            return;
        }
        self.next_look_at = now + LOOK_AGAIN;
        if self.bound.is_still(&self.plan.device) {
            return;
        }
        let family = self.plan.addresses.family();
        if let Ok(device) = Device::find(&self.plan.device)
            && let Ok(port) = FramePort::open(device, family)
        {
            self.framer = framer(&self.plan, device, self.checksum);
            self.port = port;
            self.bound = device;
        }
    }

    /// What to poll.
    pub(crate) fn readable(&self) -> BorrowedFd<'_> {
        self.port.readable()
    }

    /// The next valid advert that has arrived; invalid frames before it are counted.
    pub(crate) fn next_advert(&mut self, buffer: &mut [u8], now: Instant) -> Next {
        // Any error is consumed by asking: a device that goes down reports itself once this way.
        let Ok(length) = self.port.receive(buffer) else {
            return Next::Empty;
        };
        let frame = buffer.get(..length).unwrap_or(&[]);
        match self.framer.parse(frame) {
            Ok(received) => {
                self.figures.adverts_received += 1;
                self.figures.other_addresses += u64::from(!received.same_addresses);
                let pseudo = received.checksum == ChecksumForm::PseudoHeader;
                self.figures.pseudo_header_checksums += u64::from(pseudo);
                if received.advert.priority == Priority::RELEASE {
                    self.figures.resignations_received += 1;
                } else {
                    self.figures.heard_from = Some(received.advert.source);
                }
                if !received.same_addresses {
                    self.warn(now, "its address list differs from ours");
                }
                Next::Advert(received.advert)
            }
            Err(reason) => {
                if let Some(count) = self.figures.invalid.get_mut(reason as usize) {
                    *count += 1;
                }
                // Other virtual routers on the same LAN are nobody's fault.
                if reason != Invalid::Vrid {
                    self.warn(now, reason.as_str());
                }
                Next::Invalid
            }
        }
    }

    fn warn(&mut self, now: Instant, what: &str) {
        if self.figures.warned_at.is_none_or(|at| now - at >= WARN_GAP) {
            self.figures.warned_at = Some(now);
            tracing::warn!(
                device = self.plan.device,
                vrid = %self.plan.vrid,
                what,
                "VRRP frame of another router"
            );
        }
    }

    pub(crate) fn advertise(&mut self, priority: Priority, interval: AdvertInterval) {
        if self.framer.advert(priority, interval, &mut self.frame) && self.send() {
            self.figures.adverts_sent += 1;
        }
    }

    /// Sends what the schedule wants now; whether anything went out.
    pub(crate) fn announce_due(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(place) = self.announcer.due(now) {
            if self.framer.announcement(place, &mut self.frame) && self.send() {
                self.figures.announcements_sent += 1;
                any = true;
            }
        }
        any
    }

    fn send(&mut self) -> bool {
        let sent = self.link_up && self.port.send(&self.frame).is_ok();
        self.figures.send_errors += u64::from(!sent);
        sent
    }

    /// Keeps the figures that follow from the state.
    pub(crate) fn note_state(&mut self, router: &VirtualRouter, now: Instant) {
        let state = self.state(router);
        if self.figures.state != Some(state) {
            self.figures.state = Some(state);
            self.figures.last_change = Some(now);
            self.figures.became_active += u64::from(state == StateName::Active);
        }
    }

    const fn state(&self, router: &VirtualRouter) -> StateName {
        match router.state() {
            RouterState::Initialize if self.link_up => StateName::Initialize,
            RouterState::Initialize => StateName::Fault,
            RouterState::Backup { .. } => StateName::Backup,
            RouterState::Active { .. } => StateName::Active,
        }
    }

    pub(crate) fn status(&self, router: &VirtualRouter) -> MemberStatus {
        let (interval, active_router) = match router.state() {
            RouterState::Active { .. } => (router.plan().interval, Some(self.source())),
            RouterState::Backup { .. } => (router.active_adver_interval(), self.figures.heard_from),
            RouterState::Initialize => (router.plan().interval, None),
        };
        let figures = &self.figures;
        let invalid = Invalid::ALL.iter().zip(figures.invalid);
        MemberStatus {
            giid: self.plan.giid,
            device: self.plan.device.clone(),
            vrid: self.plan.vrid,
            family: self.plan.addresses.family(),
            state: self.state(router),
            link_up: self.link_up,
            priority: router.plan().priority.get(),
            interval,
            active_router,
            became_active: figures.became_active,
            adverts_sent: figures.adverts_sent,
            send_errors: figures.send_errors,
            adverts_received: figures.adverts_received,
            resignations_received: figures.resignations_received,
            invalid: invalid
                .filter(|(_, count)| *count > 0)
                .map(|(reason, count)| (*reason, count))
                .collect(),
            other_addresses: figures.other_addresses,
            pseudo_header_checksums: figures.pseudo_header_checksums,
            announcements_sent: figures.announcements_sent,
            last_change: figures.last_change,
        }
    }
}

/// What a receive brought.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// For the machine.
    Advert(Advert),
    /// Counted; there may be more behind it.
    Invalid,
    /// Nothing waits.
    Empty,
}

fn framer(plan: &MemberPlan, device: Device, checksum: ChecksumForm) -> Framer {
    let source = match &plan.addresses {
        Addresses::V4 { source, .. } => IpAddr::V4(*source),
        // The device's own MAC: both nodes have different ones, so that ties can be broken.
        Addresses::V6 { .. } => IpAddr::V6(device.mac.link_local()),
    };
    Framer::new(plan.vrid, source, plan.addresses.clone(), checksum)
}
