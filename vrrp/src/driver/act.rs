//! What the machine wants done, done: the gate first and last, frames and datagrams between, and the
//! reports once everything has happened.

use std::sync::Arc;
use std::time::Duration;

use nix::poll::ppoll;
use nix::sys::time::TimeSpec;
use types::Instant;
use vrrp_machine::{Action, Event as MachineEvent, MemberId, Priority, Report};

use super::Driver;
use crate::event::{Event, Transition};
use crate::status::{GroupStatus, PeerStatus};

/// The snapshot's age at most.
const STATUS_EVERY: Duration = Duration::from_millis(100);
/// A resignation is said three times, this far apart: one lost frame must not cost a down interval.
const RESIGN_AGAIN: Duration = Duration::from_millis(1);
const RESIGN_COPIES: u32 = 2;

/// What the actions of one step did, for the film.
#[derive(Debug, Default)]
struct Done {
    gate_at: Option<Instant>,
    announced_at: Option<Instant>,
}

impl Driver {
    /// One event into the machine, and its wishes fulfilled in their order.
    pub(super) fn give(&mut self, event: MachineEvent, now: Instant) {
        let actions = self.group.handle(event, now);
        let mut done = Done::default();
        let acted = !actions.is_empty();
        for action in actions {
            self.act(action, &mut done, now);
        }
        if acted {
            for (member, (_, router)) in self.members.iter_mut().zip(self.group.routers()) {
                member.note_state(router, now);
            }
        }
    }

    fn act(&mut self, action: Action, done: &mut Done, now: Instant) {
        match action {
            Action::OpenGate(epoch) => {
                self.outputs.gate.open(epoch);
                done.gate_at = Some(self.outputs.clock.now());
                self.resignations.clear();
            }
            Action::CloseGate => {
                self.outputs.gate.close();
                done.gate_at = Some(self.outputs.clock.now());
                for member in &mut self.members {
                    member.announcer.stop();
                }
            }
            Action::Advertise { member, priority } => {
                self.advertise(member, priority);
                if priority == Priority::RELEASE {
                    let again = (1..=RESIGN_COPIES).map(|n| (now + RESIGN_AGAIN * n, member));
                    self.resignations.extend(again);
                }
            }
            Action::Announce { member } => {
                if let Some(member) = self.members.get_mut(usize::from(member.0)) {
                    member.announcer.start(now);
                    if member.announce_due(now) && done.announced_at.is_none() {
                        done.announced_at = Some(self.outputs.clock.now());
                    }
                }
            }
            Action::Heartbeat => self.send_heartbeats(now),
            Action::Report(report) => self.report(&report, done, now),
        }
    }

    fn advertise(&mut self, member: MemberId, priority: Priority) {
        let interval = self
            .group
            .routers()
            .find(|(id, _)| *id == member)
            .map(|(_, router)| router.plan().interval);
        if let Some(interval) = interval
            && let Some(member) = self.members.get_mut(usize::from(member.0))
        {
            member.advertise(priority, interval);
        }
    }

    fn report(&mut self, report: &Report, done: &Done, now: Instant) {
        let event = match *report {
            Report::Transition(change) => {
                let transition = Transition {
                    from: change.from,
                    to: change.to,
                    epoch: change.epoch,
                    cause: change.cause,
                    last_heard_at: change.last_heard_at,
                    detected_at: change.detected_at,
                    decided_at: change.decided_at,
                    gate_at: done.gate_at,
                    announced_at: done.announced_at,
                };
                self.last_transition = Some(transition);
                self.transitions += 1;
                self.next_status_at = now;
                Event::Transition(transition)
            }
            Report::Conflict { ours, theirs } => Event::Conflict { ours, theirs },
            Report::ConflictOver => Event::ConflictOver,
            Report::EpochRaised { from, to } => Event::EpochRaised { from, to },
            Report::AdvertsUnheard { peer } => Event::AdvertsUnheard { peer },
        };
        self.tell(event);
    }

    pub(super) fn tell(&self, event: Event) {
        if let Err(lost) = self.outputs.events.offer(event) {
            // The outlet counts it; whoever reads it had better know what it was.
            tracing::error!(?lost, "the node does not take VRRP events fast enough");
        }
    }

    pub(super) fn resign_again(&mut self, now: Instant) {
        while let Some((_, member)) = self.resignations.pop_front_if(|(at, _)| *at <= now) {
            self.advertise(member, Priority::RELEASE);
        }
    }

    /// The last words of a process that ends: resignations and heartbeats, a few times each.
    pub(super) fn finish_resigning(&mut self) {
        while let Some((at, _)) = self.resignations.front() {
            let timeout = TimeSpec::from(self.outputs.clock.until(*at));
            let _elapsed = ppoll(&mut [], Some(timeout), None);
            let now = self.outputs.clock.now();
            self.resign_again(now);
            self.send_heartbeats(now);
        }
    }

    pub(super) fn publish(&mut self, now: Instant) {
        self.next_status_at = now + STATUS_EVERY;
        let routers = self.group.routers().map(|(_, router)| router);
        self.status.store(Arc::new(GroupStatus {
            group: self.plan.group.clone(),
            node: self.plan.node,
            state: self.group.state(),
            epoch: self.group.highest_epoch(),
            priority: self.plan.priority,
            preempt: self.plan.preempt,
            last_transition: self.last_transition,
            transitions: self.transitions,
            peer: self.peer.map(|claim| PeerStatus {
                node: claim.node,
                state: claim.state,
                epoch: claim.epoch,
                priority: claim.priority.get(),
            }),
            members: self
                .members
                .iter()
                .zip(routers)
                .map(|(member, router)| member.status(router))
                .collect(),
            links: self.links.status(),
            scheduling: self.scheduling.clone(),
            late: self.lateness.count,
            worst_lateness: self.lateness.worst,
            at: now,
        }));
    }
}
