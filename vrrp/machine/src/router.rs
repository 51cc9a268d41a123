//! One virtual router of one address family: the state machine of RFC 9568 §6.4.
//!
//! ```text
//!                Startup (owner), Promote
//!      ┌───────────────────────────────────────────┐
//!      │                                           ▼
//!  Initialize ──Startup──► Backup ──down timer──► Active
//!      ▲                    │  ▲     Promote       │ │
//!      └─────Shutdown───────┘  └─better advert─────┘ │
//!      └─────Shutdown (priority 0)───────────────────┘
//! ```
//! `Promote`, `Withdraw` and `Yield` are ours: the redundancy group orders them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{Instant, Vrid};

use crate::advert::{Advert, Family, Priority};
use crate::election::{self, Verdict};
use crate::timers::AdvertInterval;

/// What an operator decides about a virtual router.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct RouterPlan {
    /// Which virtual router.
    pub vrid: Vrid,
    /// Of which family.
    pub family: Family,
    /// Our weight; [`Priority::OWNER`] makes us Active from the start.
    pub priority: Priority,
    /// `Advertisement_Interval`.
    pub interval: AdvertInterval,
    /// `Preempt_Mode`; off, unlike the RFC's default: a working gateway is left alone.
    pub preempt_mode: bool,
    /// The address that our adverts come from.
    pub source: IpAddr,
}

/// The state with the one timer that runs in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum RouterState {
    /// Not started.
    Initialize,
    /// Listening to the Active router.
    Backup {
        /// `Active_Down_Timer`: when the Active router counts as gone.
        active_down_at: Instant,
    },
    /// Answering for the virtual addresses.
    Active {
        /// `Adver_Timer`: when the next advert is due.
        adver_at: Instant,
    },
}

/// What can happen to a virtual router.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum RouterEvent {
    /// The interface is ready.
    Startup,
    /// The interface or the process goes away.
    Shutdown,
    /// Time has passed; due timers fire.
    Tick,
    /// A valid advert of another router.
    Heard(Advert),
    /// The group takes the role now.
    Promote,
    /// The group gives the role up and nobody has it yet.
    Withdraw,
    /// The group gives the role up to a router that has it already.
    Yield,
}

/// What a virtual router wants done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum RouterAction {
    /// Send one ADVERTISEMENT with this priority.
    Advertise(Priority),
    /// Gratuitous ARP or unsolicited NA for every virtual address.
    Announce,
}

/// RFC 9568's virtual router; see the module for its diagram.
#[derive(Clone, Debug)]
pub struct VirtualRouter {
    plan: RouterPlan,
    /// `Active_Adver_Interval`: the Active router's, not ours.
    active_adver_interval: AdvertInterval,
    state: RouterState,
}

impl VirtualRouter {
    /// A virtual router in Initialize.
    pub const fn new(plan: RouterPlan) -> Self {
        Self {
            plan,
            active_adver_interval: plan.interval,
            state: RouterState::Initialize,
        }
    }

    /// What it was made from.
    pub const fn plan(&self) -> &RouterPlan {
        &self.plan
    }

    /// The state it is in.
    pub const fn state(&self) -> RouterState {
        self.state
    }

    /// The interval that a Backup counts with.
    pub const fn active_adver_interval(&self) -> AdvertInterval {
        self.active_adver_interval
    }

    /// When the next `Tick` is due; `None` while nothing is awaited.
    pub const fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            RouterState::Initialize => None,
            RouterState::Backup { active_down_at } => Some(active_down_at),
            RouterState::Active { adver_at } => Some(adver_at),
        }
    }

    /// One step: the rows of RFC 9568 §6.4, then the pairs that mean nothing.
    #[expect(clippy::match_same_arms, reason = "one arm for each row of the table")]
    pub fn handle(&mut self, event: RouterEvent, now: Instant) -> Vec<RouterAction> {
        use RouterEvent as E;
        use RouterState as S;
        match (self.state, event) {
            // §6.4.1 Initialize.
            (S::Initialize, E::Startup) if self.plan.priority == Priority::OWNER => {
                self.become_active(now)
            }
            (S::Initialize, E::Startup) => self.become_backup(self.plan.interval, now),
            // §6.4.2 Backup.
            (S::Backup { .. }, E::Shutdown) => self.stop(),
            (S::Backup { active_down_at }, E::Tick) if now >= active_down_at => {
                self.become_active(now)
            }
            (S::Backup { .. }, E::Heard(advert)) => self.heard_as_backup(advert, now),
            // §6.4.3 Active.
            (S::Active { .. }, E::Shutdown) => {
                self.stop();
                vec![RouterAction::Advertise(Priority::RELEASE)]
            }
            (S::Active { adver_at }, E::Tick) if now >= adver_at => {
                self.state = S::Active {
                    adver_at: next_advert(adver_at, self.plan.interval, now),
                };
                vec![RouterAction::Advertise(self.plan.priority)]
            }
            (S::Active { .. }, E::Heard(advert)) => self.heard_as_active(advert, now),
            // The group's orders.
            (S::Initialize | S::Backup { .. }, E::Promote) => self.become_active(now),
            (S::Active { .. }, E::Withdraw) => {
                self.become_backup(self.plan.interval, now);
                vec![RouterAction::Advertise(Priority::RELEASE)]
            }
            (S::Active { .. }, E::Yield) => self.become_backup(self.plan.interval, now),
            // Nothing to do.
            (S::Initialize, E::Shutdown | E::Tick | E::Heard(_) | E::Withdraw | E::Yield)
            | (S::Backup { .. }, E::Startup | E::Tick | E::Withdraw | E::Yield)
            | (S::Active { .. }, E::Startup | E::Tick | E::Promote) => Vec::new(),
        }
    }

    /// RFC 9568 §6.4.2, on an ADVERTISEMENT.
    fn heard_as_backup(&mut self, advert: Advert, now: Instant) -> Vec<RouterAction> {
        if advert.priority == Priority::RELEASE {
            // The skew alone: the better a Backup is, the sooner it moves.
            let skew = self.active_adver_interval.skew_time(self.plan.priority);
            self.state = RouterState::Backup {
                active_down_at: now + skew,
            };
            Vec::new()
        } else if !self.plan.preempt_mode || advert.priority >= self.plan.priority {
            self.become_backup(advert.interval, now)
        } else {
            // Discarded: the timer runs on, so that we take over when it fires.
            Vec::new()
        }
    }

    /// RFC 9568 §6.4.3, on an ADVERTISEMENT.
    fn heard_as_active(&mut self, advert: Advert, now: Instant) -> Vec<RouterAction> {
        let ours = (self.plan.priority, self.plan.source);
        let theirs = (advert.priority, advert.source);
        if advert.priority == Priority::RELEASE || election::by_vrrp(ours, theirs) == Verdict::Stay
        {
            // At once, so that a resigning or losing router and all switches know who is left.
            self.state = RouterState::Active {
                adver_at: now + self.plan.interval.duration(),
            };
            vec![RouterAction::Advertise(self.plan.priority)]
        } else {
            self.become_backup(advert.interval, now)
        }
    }

    fn become_active(&mut self, now: Instant) -> Vec<RouterAction> {
        self.state = RouterState::Active {
            adver_at: now + self.plan.interval.duration(),
        };
        vec![
            RouterAction::Advertise(self.plan.priority),
            RouterAction::Announce,
        ]
    }

    fn become_backup(&mut self, interval: AdvertInterval, now: Instant) -> Vec<RouterAction> {
        self.active_adver_interval = interval;
        self.state = RouterState::Backup {
            active_down_at: now + interval.active_down_interval(self.plan.priority),
        };
        Vec::new()
    }

    fn stop(&mut self) -> Vec<RouterAction> {
        self.state = RouterState::Initialize;
        Vec::new()
    }
}

/// The beat is kept: a late advert does not move the ones after it, unless a whole one was missed.
fn next_advert(due: Instant, interval: AdvertInterval, now: Instant) -> Instant {
    let next = due + interval.duration();
    if next > now {
        next
    } else {
        now + interval.duration()
    }
}
