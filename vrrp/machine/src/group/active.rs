//! The group with the role: rivals, and the ways to give the role up.

use types::{Epoch, Instant, PeerState};

use super::action::{Action, Cause, Report};
use super::backup::Backup;
use super::event::{MemberId, PeerClaim};
use super::{Group, Role};
use crate::advert::{Advert, Priority};
use crate::election::{self, Verdict};
use crate::router::{RouterEvent, RouterState};

impl Group {
    pub(super) fn heard_as_active(
        &mut self,
        id: MemberId,
        advert: Advert,
        now: Instant,
    ) -> Vec<Action> {
        if !self.peer.sends_from(advert.source) || advert.priority == Priority::RELEASE {
            return self.heard_by_rfc(id, advert, now);
        }
        match (self.peer.audible(), self.peer.node()) {
            // Its heartbeat brings the epoch, which decides; an answer here would only echo.
            (Some(claim), _) if claim.hears_us => Vec::new(),
            (Some(_) | None, Some(node)) => {
                let interval = self.plan.interval.duration();
                if !self.peer.rivals_for_an_interval(interval, now) {
                    return Vec::new();
                }
                let ours = (self.plan.priority, self.plan.node);
                match election::by_node(ours, (advert.priority, node)) {
                    Verdict::Yield => self.yield_all(Cause::BetterPeer(node), now),
                    Verdict::Stay => vec![
                        Action::Advertise {
                            member: id,
                            priority: self.plan.priority,
                        },
                        Action::Announce { member: id },
                    ],
                }
            }
            (Some(_) | None, None) => self.heard_by_rfc(id, advert, now),
        }
    }

    /// A third party, or a resignation: RFC 9568 §6.4.3 decides, and the group follows its member.
    fn heard_by_rfc(&mut self, id: MemberId, advert: Advert, now: Instant) -> Vec<Action> {
        let Some(member) = self.members.get_mut(usize::from(id.0)) else {
            return Vec::new();
        };
        let mut answers = member.drive(RouterEvent::Heard(advert), now);
        match member.router.state() {
            RouterState::Active { .. } => {
                if advert.priority != Priority::RELEASE {
                    // Its adverts have moved the virtual MAC in the switches: call it back.
                    answers.push(Action::Announce { member: id });
                }
                answers
            }
            RouterState::Initialize | RouterState::Backup { .. } => {
                member.note(advert, now);
                self.active_heard_at = Some(now);
                let from = self.state_name();
                let mut actions = vec![Action::CloseGate];
                // The one that heard is Backup already; the others leave their addresses free.
                actions.extend(self.drive_all(RouterEvent::Withdraw, now));
                self.role = Role::Backup(Backup::holding_until(now));
                self.peer.in_conflict = false;
                actions.push(Action::Heartbeat);
                actions.push(self.transition(from, Cause::BetterRouter(advert.source), now, now));
                actions
            }
        }
    }

    pub(super) fn heartbeat_as_active(
        &mut self,
        claim: PeerClaim,
        epoch: Epoch,
        now: Instant,
    ) -> Vec<Action> {
        self.highest = self.highest.max(claim.epoch);
        if claim.state == PeerState::Active {
            match election::by_epoch(epoch, claim.epoch) {
                Verdict::Yield => self.yield_all(Cause::HigherEpoch(claim.epoch), now),
                Verdict::Stay => self.insist(epoch, claim.epoch),
            }
        } else {
            let mut actions = Vec::new();
            if self.peer.in_conflict {
                self.peer.in_conflict = false;
                actions.extend(self.announce_all());
                actions.push(Action::Report(Report::ConflictOver));
            }
            if claim.epoch > epoch {
                actions.extend(self.raise_epoch(epoch));
            }
            actions
        }
    }

    /// The peer is Active under a lower epoch. It gives way on our heartbeat; what its frames have
    /// moved in switches and neighbour tables is moved back now, and once more when it is over.
    fn insist(&mut self, ours: Epoch, theirs: Epoch) -> Vec<Action> {
        if self.peer.in_conflict {
            return Vec::new();
        }
        self.peer.in_conflict = true;
        let mut actions = vec![Action::Heartbeat];
        actions.extend(self.announce_all());
        actions.push(Action::Report(Report::Conflict { ours, theirs }));
        actions
    }

    /// A higher epoch than ours was used by somebody who is not Active: without a newer one our
    /// records would lose against that one's old records.
    pub(super) fn raise_epoch(&mut self, from: Epoch) -> Vec<Action> {
        let to = self.highest.next_for(self.plan.node);
        self.highest = to;
        self.claimed = to;
        self.role = Role::Active { epoch: to };
        vec![
            Action::OpenGate(to),
            Action::Heartbeat,
            Action::Report(Report::EpochRaised { from, to }),
        ]
    }

    /// Somebody else has the role already: all members go at once and say nothing on the wire.
    pub(super) fn yield_all(&mut self, cause: Cause, now: Instant) -> Vec<Action> {
        let from = self.state_name();
        let mut actions = vec![Action::CloseGate];
        actions.extend(self.drive_all(RouterEvent::Yield, now));
        self.role = Role::Backup(Backup::holding_until(now));
        self.active_heard_at = Some(now);
        self.peer.in_conflict = false;
        actions.push(Action::Heartbeat);
        actions.push(self.transition(from, cause, now, now));
        actions
    }

    /// An operator's order. If nobody takes the role within a few down intervals, it comes back.
    pub(super) fn release(&mut self, now: Instant) -> Vec<Action> {
        match self.role {
            Role::Active { .. } => {
                let from = self.state_name();
                let mut actions = vec![Action::CloseGate];
                actions.extend(self.drive_all(RouterEvent::Withdraw, now));
                let down = self.plan.interval.active_down_interval(self.plan.priority);
                self.role = Role::Backup(Backup::released_until(now + down * 3));
                self.peer.in_conflict = false;
                actions.push(Action::Heartbeat);
                actions.push(self.transition(from, Cause::Release, now, now));
                actions
            }
            Role::Initialize | Role::Backup(_) | Role::Fault => Vec::new(),
        }
    }
}
