//! A virtual router with what the group knows around it: its link and who spoke on it last.

use core::time::Duration;
use std::net::IpAddr;

use types::Instant;

use super::action::Action;
use super::event::{GroupPlan, MemberId, MemberPlan};
use crate::advert::Advert;
use crate::router::{RouterAction, RouterEvent, RouterPlan, RouterState, VirtualRouter};

/// The last advert of an Active router.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct LastAdvert {
    pub(super) at: Instant,
    pub(super) source: IpAddr,
}

/// One member of the group.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: MemberId,
    pub(super) router: VirtualRouter,
    pub(super) link_up: bool,
    pub(super) last: Option<LastAdvert>,
}

impl Member {
    pub(super) const fn new(id: MemberId, plan: &MemberPlan, group: &GroupPlan) -> Self {
        Self {
            id,
            router: VirtualRouter::new(RouterPlan {
                vrid: plan.vrid,
                family: plan.family,
                priority: group.priority,
                interval: group.interval,
                preempt_mode: group.preempt_mode,
                source: plan.source,
            }),
            link_up: false,
            last: None,
        }
    }

    /// Hands `event` to the virtual router; its wishes become the group's, with the member's name.
    pub(super) fn drive(&mut self, event: RouterEvent, now: Instant) -> Vec<Action> {
        let member = self.id;
        self.router
            .handle(event, now)
            .into_iter()
            .map(|action| match action {
                RouterAction::Advertise(priority) => Action::Advertise { member, priority },
                RouterAction::Announce => Action::Announce { member },
            })
            .collect()
    }

    /// Remembers who spoke; the election itself is `drive`'s.
    pub(super) const fn note(&mut self, advert: Advert, now: Instant) {
        self.last = Some(LastAdvert {
            at: now,
            source: advert.source,
        });
    }

    /// When the Active router counts as gone here; `None` unless Backup.
    pub(super) const fn active_down_at(&self) -> Option<Instant> {
        match self.router.state() {
            RouterState::Backup { active_down_at } => Some(active_down_at),
            RouterState::Initialize | RouterState::Active { .. } => None,
        }
    }

    /// The same once heartbeats have stopped at `silent_at`: one and a half intervals without an
    /// advert then suffice, and the skew keeps its place in the order of Backups.
    pub(super) fn quick_down_at(&self, silent_at: Instant) -> Option<Instant> {
        let down_at = self.active_down_at()?;
        let last = self.last?;
        let interval = self.router.active_adver_interval();
        let missing_at = last.at + interval.duration() * 3 / 2;
        let quick = silent_at.max(missing_at) + self.skew();
        Some(quick.min(down_at))
    }

    fn skew(&self) -> Duration {
        self.router
            .active_adver_interval()
            .skew_time(self.router.plan().priority)
    }
}
