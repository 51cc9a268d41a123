//! The group on standby: when it takes over, and what keeps it from doing so.

use core::time::Duration;

use types::{Instant, PeerState};

use super::action::{Action, Cause, Report};
use super::event::{MemberId, PeerClaim, gives_way};
use super::{Group, Role};
use crate::advert::{Advert, Priority};
use crate::election::{self, Verdict};
use crate::router::RouterEvent;

/// What speaks for the Active router being gone, beyond its silence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Evidence {
    /// Nothing.
    None,
    /// Heartbeats of the Active peer have stopped.
    HeartbeatsStopped(Instant),
    /// It sent priority 0.
    Resigned(Instant),
    /// The Active peer said over an HA link that it gives way.
    GaveWay(Instant),
}

impl Evidence {
    const fn at(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::HeartbeatsStopped(at) | Self::Resigned(at) | Self::GaveWay(at) => Some(at),
        }
    }

    const fn cause(self) -> Cause {
        match self {
            Self::None => Cause::ActiveDownTimer,
            Self::HeartbeatsStopped(_) => Cause::PeerSilent,
            Self::Resigned(_) => Cause::PriorityZero,
            Self::GaveWay(_) => Cause::PeerReleased,
        }
    }
}

/// What a group remembers while it is Backup.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backup {
    /// Not before, whatever happens.
    hold_until: Instant,
    /// We hold because we have just handed the role over.
    released: bool,
    /// Not before, because our own thread was late; granted once in each silence.
    grace_until: Option<Instant>,
    evidence: Evidence,
    /// That the Active peer's adverts are missing has been reported.
    unheard_reported: bool,
}

impl Backup {
    pub(super) const fn holding_until(hold_until: Instant) -> Self {
        Self {
            hold_until,
            released: false,
            grace_until: None,
            evidence: Evidence::None,
            unheard_reported: false,
        }
    }

    pub(super) const fn released_until(hold_until: Instant) -> Self {
        Self {
            released: true,
            ..Self::holding_until(hold_until)
        }
    }

    /// Holding is not "ready to take over", and the peer must not wait for us.
    pub(super) fn told_to_peer(&self, now: Instant) -> PeerState {
        if now >= self.hold_until {
            PeerState::Backup
        } else if self.released {
            PeerState::Released
        } else {
            PeerState::Initialize
        }
    }

    /// One interval more for an advert that our own sleep may have cost us, but not for ever: a
    /// machine that is always late must still take over.
    pub(super) fn allow_for_lateness(&mut self, late: Duration, interval: Duration, now: Instant) {
        if late >= interval && self.grace_until.is_none() {
            self.grace_until = Some(now + interval);
        }
    }

    /// An Active router spoke: whatever spoke for its death is void.
    const fn forget_suspicions(&mut self) {
        self.grace_until = None;
        self.evidence = Evidence::None;
        self.unheard_reported = false;
    }
}

impl Group {
    /// When the group takes over unless it hears something; `None` while the peer's word forbids it.
    pub(super) fn takeover_due_at(&self, backup: &Backup) -> Option<Instant> {
        if backup.unheard_reported && self.forbidden_by().is_some() {
            None
        } else {
            self.silence_ends_at(backup)
        }
    }

    /// The last of the members' down timers, and every reason to wait longer.
    fn silence_ends_at(&self, backup: &Backup) -> Option<Instant> {
        let down_at = self
            .members
            .iter()
            .filter_map(|member| {
                let down_at = member.active_down_at()?;
                // What the peer's heartbeats say counts only where the peer is the Active router.
                let is_peer = member
                    .last
                    .is_none_or(|last| self.peer.sends_from(last.source));
                Some(match backup.evidence {
                    Evidence::GaveWay(at) if is_peer => down_at.min(at),
                    Evidence::HeartbeatsStopped(at) if is_peer => {
                        member.quick_down_at(at).unwrap_or(down_at)
                    }
                    Evidence::None
                    | Evidence::Resigned(_)
                    | Evidence::GaveWay(_)
                    | Evidence::HeartbeatsStopped(_) => down_at,
                })
            })
            .max()?;
        let grace = match backup.evidence {
            // Its own word needs no second thought.
            Evidence::GaveWay(_) => None,
            Evidence::None | Evidence::Resigned(_) | Evidence::HeartbeatsStopped(_) => {
                backup.grace_until
            }
        };
        let due = down_at
            .max(backup.hold_until)
            .max(grace.unwrap_or(Instant::START));
        Some(due + self.courtesy())
    }

    /// Two Backups that hear each other: the better one goes first, so that a common start does not
    /// begin with two Active nodes. The other follows when nothing came of it.
    fn courtesy(&self) -> Duration {
        let ours = (self.plan.priority, self.plan.node);
        let peer_goes_first = self.peer.audible().is_some_and(|claim| {
            claim.state == PeerState::Backup
                && election::by_node(ours, (claim.priority, claim.node)) == Verdict::Yield
        });
        if peer_goes_first {
            self.plan.interval.active_down_interval(self.plan.priority)
        } else {
            Duration::ZERO
        }
    }

    /// The peer that says over an HA link that it is Active, unless we preempt it. When its adverts
    /// are missing all the same, a path is broken and no node; a second Active would not mend it.
    fn forbidden_by(&self) -> Option<PeerClaim> {
        self.peer.audible().filter(|claim| {
            let preempts = self.plan.preempt_mode && self.plan.priority > claim.priority;
            claim.state == PeerState::Active && !preempts
        })
    }

    pub(super) fn take_over_if_due(&mut self, now: Instant) -> Vec<Action> {
        let forbidden = self.forbidden_by();
        let Role::Backup(backup) = self.role else {
            return Vec::new();
        };
        if self
            .takeover_due_at(&backup)
            .is_none_or(|due_at| now < due_at)
        {
            return Vec::new();
        }
        match forbidden {
            None => self.become_active(backup.evidence, now),
            Some(claim) => {
                self.role = Role::Backup(Backup {
                    unheard_reported: true,
                    ..backup
                });
                vec![Action::Report(Report::AdvertsUnheard { peer: claim.node })]
            }
        }
    }

    /// All members in the same instant, under an epoch above every one ever seen.
    fn become_active(&mut self, evidence: Evidence, now: Instant) -> Vec<Action> {
        let from = self.state_name();
        let epoch = self.highest.next_for(self.plan.node);
        self.highest = epoch;
        self.claimed = epoch;
        self.role = Role::Active { epoch };
        let mut actions = vec![Action::OpenGate(epoch)];
        let (adverts, announcements): (Vec<_>, Vec<_>) = self
            .drive_all(RouterEvent::Promote, now)
            .into_iter()
            .partition(|action| matches!(action, Action::Advertise { .. }));
        actions.extend(adverts);
        actions.extend(announcements);
        actions.push(Action::Heartbeat);
        let detected_at = evidence.at().unwrap_or(now);
        actions.push(self.transition(from, evidence.cause(), detected_at, now));
        actions
    }

    pub(super) fn heard_as_backup(
        &mut self,
        id: MemberId,
        advert: Advert,
        now: Instant,
    ) -> Vec<Action> {
        let Role::Backup(backup) = &mut self.role else {
            return Vec::new();
        };
        if advert.priority == Priority::RELEASE {
            if backup.evidence == Evidence::None {
                backup.evidence = Evidence::Resigned(now);
            }
            self.resigned(id, advert, now);
        } else if let Some(member) = self.members.get_mut(usize::from(id.0)) {
            backup.forget_suspicions();
            member.note(advert, now);
            member.drive(RouterEvent::Heard(advert), now);
            self.active_heard_at = Some(now);
        }
        Vec::new()
    }

    /// Priority 0 of our peer on one member speaks for all members on which the peer is Active,
    /// since its group shares one fate; a third party speaks for itself.
    fn resigned(&mut self, id: MemberId, advert: Advert, now: Instant) {
        let from_peer = self.peer.sends_from(advert.source);
        for member in &mut self.members {
            let last_was_peer = member
                .last
                .is_some_and(|last| self.peer.sends_from(last.source));
            if member.id == id || (from_peer && last_was_peer) {
                member.drive(RouterEvent::Heard(advert), now);
            }
        }
    }

    pub(super) fn heartbeat_as_backup(
        &mut self,
        claim: PeerClaim,
        was_active: bool,
        now: Instant,
    ) -> Vec<Action> {
        let Role::Backup(backup) = &mut self.role else {
            return Vec::new();
        };
        if claim.state == PeerState::Active {
            backup.evidence = Evidence::None;
            Vec::new()
        } else if was_active && gives_way(claim.state) {
            backup.evidence = Evidence::GaveWay(now);
            self.take_over_if_due(now)
        } else {
            Vec::new()
        }
    }

    pub(super) fn peer_silent_as_backup(&mut self, last: PeerClaim, now: Instant) -> Vec<Action> {
        let Role::Backup(backup) = &mut self.role else {
            return Vec::new();
        };
        if last.state == PeerState::Active && backup.evidence == Evidence::None {
            backup.evidence = Evidence::HeartbeatsStopped(now);
        }
        self.take_over_if_due(now)
    }
}
