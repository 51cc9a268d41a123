//! A redundancy group: virtual routers that are Active together or not at all.
//!
//! ```text
//!   Initialize ──Startup──► Backup ──every member's Active router gone──► Active{epoch}
//!        ▲                   ▲  │                                           │   │
//!        │   all links back  │  ├──────── higher epoch, better router ──────┘   │
//!     Shutdown             Fault◄──────────── a link went down ─────────────────┘
//! ```
//! Three things differ from a bundle of independent virtual routers:
//! - Members take the role only together. One member that still hears an Active router keeps the
//!   whole group Backup, so a split of the LAN alone does not make two gateways.
//! - A claim of the role has an [`Epoch`]. Between the two nodes of a pair the higher epoch is
//!   right; priority and address decide only against routers that have none.
//! - Heartbeats over the HA links shorten the wait for a dead peer, and forbid the claim while the
//!   peer says that it is Active. Their absence alone proves nothing.

mod action;
mod active;
mod backup;
mod event;
mod member;
mod peer;

use types::{Epoch, Instant, NodeId, PeerState};

pub use self::action::{Action, Cause, Report, StateName, Transition};
pub use self::event::{Event, GroupPlan, InvalidGroup, MemberId, MemberPlan, PeerClaim};

use self::backup::Backup;
use self::member::Member;
use self::peer::{Hearing, Peer};
use crate::advert::{Advert, Priority};
use crate::router::{RouterEvent, VirtualRouter};

/// A group's state as others see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GroupState {
    /// Not started or stopped.
    Initialize,
    /// Standby, ready.
    Backup,
    /// Forwarding under this epoch.
    Active {
        /// The epoch.
        epoch: Epoch,
    },
    /// Standby, not able to take over.
    Fault {
        /// The members whose link is down.
        down: Vec<MemberId>,
    },
}

/// The state with what belongs to it; members that are down are the members' own knowledge.
#[derive(Clone, Copy, Debug)]
enum Role {
    Initialize,
    Backup(Backup),
    Active { epoch: Epoch },
    Fault,
}

/// A redundancy group of one node.
#[derive(Clone, Debug)]
pub struct Group {
    plan: GroupPlan,
    members: Vec<Member>,
    role: Role,
    peer: Peer,
    /// The highest epoch that anybody has claimed, as far as this node knows.
    highest: Epoch,
    /// The epoch that this node claimed last.
    claimed: Epoch,
    /// The end of the start hold.
    ready_at: Instant,
    /// When an Active router other than us was last heard, by advert or heartbeat.
    active_heard_at: Option<Instant>,
}

impl Group {
    /// A group in Initialize, all links down.
    pub fn new(plan: GroupPlan) -> Result<Self, InvalidGroup> {
        if plan.members.is_empty() {
            return Err(InvalidGroup::NoMembers);
        }
        if plan.priority == Priority::RELEASE || plan.priority == Priority::OWNER {
            return Err(InvalidGroup::ReservedPriority(plan.priority));
        }
        let too_many = InvalidGroup::TooManyMembers(plan.members.len());
        let last = u8::try_from(plan.members.len()).map_err(|_| too_many)?;
        let members = (0..last)
            .zip(&plan.members)
            .map(|(id, member)| Member::new(MemberId(id), member, &plan))
            .collect();
        Ok(Self {
            members,
            role: Role::Initialize,
            peer: Peer::new(plan.peer_sources.clone()),
            highest: plan.initial_epoch,
            claimed: Epoch::NONE,
            ready_at: Instant::FAR_FUTURE,
            active_heard_at: None,
            plan,
        })
    }

    /// Which node this is.
    pub const fn node(&self) -> NodeId {
        self.plan.node
    }

    /// The state it is in.
    pub fn state(&self) -> GroupState {
        match self.role {
            Role::Initialize => GroupState::Initialize,
            Role::Backup(_) => GroupState::Backup,
            Role::Active { epoch } => GroupState::Active { epoch },
            Role::Fault => GroupState::Fault {
                down: self.down_members(),
            },
        }
    }

    /// The state's name.
    pub const fn state_name(&self) -> StateName {
        match self.role {
            Role::Initialize => StateName::Initialize,
            Role::Backup(_) => StateName::Backup,
            Role::Active { .. } => StateName::Active,
            Role::Fault => StateName::Fault,
        }
    }

    /// The highest epoch that anybody has claimed, as far as this node knows.
    pub const fn highest_epoch(&self) -> Epoch {
        self.highest
    }

    /// The members' virtual routers, in the order of the plan.
    pub fn routers(&self) -> impl Iterator<Item = (MemberId, &VirtualRouter)> {
        self.members
            .iter()
            .map(|member| (member.id, &member.router))
    }

    /// What our heartbeats say; `hears_us` is the link's own knowledge of the other direction.
    pub fn claim(&self, hears_us: bool, now: Instant) -> PeerClaim {
        let (state, epoch) = match self.role {
            Role::Initialize => (PeerState::Initialize, self.highest),
            Role::Backup(backup) => (backup.told_to_peer(now), self.highest),
            Role::Active { epoch } => (PeerState::Active, epoch),
            Role::Fault => (PeerState::Fault, self.highest),
        };
        PeerClaim {
            node: self.plan.node,
            state,
            epoch,
            priority: self.plan.priority,
            hears_us,
        }
    }

    /// When the next [`Event::Tick`] is due; `None` while only others can change anything.
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.role {
            Role::Initialize | Role::Fault => None,
            Role::Backup(backup) => self.takeover_due_at(&backup),
            Role::Active { .. } => self
                .members
                .iter()
                .filter_map(|member| member.router.next_deadline())
                .min(),
        }
    }

    /// One step. The actions' order is part of their meaning.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::Startup => self.startup(now),
            Event::Shutdown => self.shutdown(now),
            Event::Tick => self.tick(now),
            Event::Heard { member, advert } => self.heard(member, advert, now),
            Event::LinkUp(member) => self.link_up(member, now),
            Event::LinkDown(member) => self.link_down(member, now),
            Event::PeerSources(sources) => {
                self.peer.learn(sources);
                Vec::new()
            }
            Event::PeerHeartbeat(claim) => self.heartbeat(claim, now),
            Event::PeerSilent => self.peer_silent(now),
            Event::SeenEpoch(epoch) => self.seen_epoch(epoch, now),
            Event::Release => self.release(now),
            Event::Late(lateness) => {
                if let Role::Backup(backup) = &mut self.role {
                    backup.allow_for_lateness(lateness, self.plan.interval.duration(), now);
                }
                Vec::new()
            }
        }
    }

    fn startup(&mut self, now: Instant) -> Vec<Action> {
        match self.role {
            Role::Initialize => {
                self.ready_at = now + self.plan.start_hold;
                if self.members.iter().all(|member| member.link_up) {
                    self.start_listening(Cause::Startup, now)
                } else {
                    self.role = Role::Fault;
                    vec![
                        Action::Heartbeat,
                        self.transition(StateName::Initialize, Cause::Startup, now, now),
                    ]
                }
            }
            Role::Backup(_) | Role::Active { .. } | Role::Fault => Vec::new(),
        }
    }

    /// From Initialize or Fault to Backup: one whole down interval of listening comes first.
    fn start_listening(&mut self, cause: Cause, now: Instant) -> Vec<Action> {
        let from = self.state_name();
        for member in &mut self.members {
            member.last = None;
            // No router of a group is the owner, so that none becomes Active here.
            member.drive(RouterEvent::Startup, now);
        }
        self.role = Role::Backup(Backup::holding_until(self.ready_at));
        vec![Action::Heartbeat, self.transition(from, cause, now, now)]
    }

    fn shutdown(&mut self, now: Instant) -> Vec<Action> {
        match self.role {
            Role::Initialize => Vec::new(),
            Role::Backup(_) | Role::Fault => {
                self.stop_members(Role::Initialize, Cause::Shutdown, now)
            }
            Role::Active { .. } => {
                let mut actions = vec![Action::CloseGate];
                actions.extend(self.stop_members(Role::Initialize, Cause::Shutdown, now));
                actions
            }
        }
    }

    fn tick(&mut self, now: Instant) -> Vec<Action> {
        match self.role {
            Role::Initialize | Role::Fault => Vec::new(),
            Role::Backup(_) => self.take_over_if_due(now),
            Role::Active { .. } => self.drive_all(RouterEvent::Tick, now),
        }
    }

    fn heard(&mut self, member: MemberId, advert: Advert, now: Instant) -> Vec<Action> {
        match self.role {
            Role::Initialize | Role::Fault => Vec::new(),
            Role::Backup(_) => self.heard_as_backup(member, advert, now),
            Role::Active { .. } => self.heard_as_active(member, advert, now),
        }
    }

    fn link_up(&mut self, member: MemberId, now: Instant) -> Vec<Action> {
        self.set_link(member, true);
        match self.role {
            Role::Fault if self.members.iter().all(|member| member.link_up) => {
                self.start_listening(Cause::LinkRestored, now)
            }
            Role::Initialize | Role::Backup(_) | Role::Active { .. } | Role::Fault => Vec::new(),
        }
    }

    fn link_down(&mut self, member: MemberId, now: Instant) -> Vec<Action> {
        self.set_link(member, false);
        match self.role {
            Role::Initialize | Role::Fault => Vec::new(),
            Role::Backup(_) => self.stop_members(Role::Fault, Cause::LinkDown(member), now),
            Role::Active { .. } => {
                let mut actions = vec![Action::CloseGate];
                actions.extend(self.stop_members(Role::Fault, Cause::LinkDown(member), now));
                actions
            }
        }
    }

    fn set_link(&mut self, id: MemberId, up: bool) {
        if let Some(member) = self.members.get_mut(usize::from(id.0)) {
            member.link_up = up;
        }
    }

    /// All virtual routers to Initialize; those that were Active and can still speak say so.
    fn stop_members(&mut self, next: Role, cause: Cause, now: Instant) -> Vec<Action> {
        let from = self.state_name();
        let mut actions = Vec::new();
        for member in &mut self.members {
            let resigns = member.drive(RouterEvent::Shutdown, now);
            if member.link_up {
                actions.extend(resigns);
            }
        }
        self.role = next;
        self.peer.in_conflict = false;
        actions.push(Action::Heartbeat);
        actions.push(self.transition(from, cause, now, now));
        actions
    }

    fn heartbeat(&mut self, claim: PeerClaim, now: Instant) -> Vec<Action> {
        if claim.node == self.plan.node {
            return Vec::new();
        }
        let was_active = self.peer.claimed_active();
        self.peer.hearing = Hearing::Audible(claim);
        if claim.state == PeerState::Active {
            self.active_heard_at = Some(now);
        }
        match self.role {
            Role::Initialize | Role::Fault => {
                self.highest = self.highest.max(claim.epoch);
                Vec::new()
            }
            Role::Backup(_) => {
                self.highest = self.highest.max(claim.epoch);
                self.heartbeat_as_backup(claim, was_active, now)
            }
            Role::Active { epoch } => self.heartbeat_as_active(claim, epoch, now),
        }
    }

    fn peer_silent(&mut self, now: Instant) -> Vec<Action> {
        let Some(claim) = self.peer.audible() else {
            return Vec::new();
        };
        self.peer.hearing = Hearing::Silent(claim);
        self.peer.in_conflict = false;
        match self.role {
            Role::Initialize | Role::Active { .. } | Role::Fault => Vec::new(),
            Role::Backup(_) => self.peer_silent_as_backup(claim, now),
        }
    }

    fn seen_epoch(&mut self, seen: Epoch, now: Instant) -> Vec<Action> {
        match self.role {
            Role::Active { epoch } if seen > epoch => {
                self.highest = self.highest.max(seen);
                if seen.owner() == Some(self.plan.node) {
                    self.raise_epoch(epoch)
                } else {
                    self.yield_all(Cause::HigherEpoch(seen), now)
                }
            }
            Role::Initialize | Role::Backup(_) | Role::Active { .. } | Role::Fault => {
                self.highest = self.highest.max(seen);
                Vec::new()
            }
        }
    }

    fn drive_all(&mut self, event: RouterEvent, now: Instant) -> Vec<Action> {
        self.members
            .iter_mut()
            .flat_map(|member| member.drive(event, now))
            .collect()
    }

    fn announce_all(&self) -> impl Iterator<Item = Action> {
        self.members
            .iter()
            .map(|member| Action::Announce { member: member.id })
    }

    fn down_members(&self) -> Vec<MemberId> {
        self.members
            .iter()
            .filter(|member| !member.link_up)
            .map(|member| member.id)
            .collect()
    }

    fn transition(
        &self,
        from: StateName,
        cause: Cause,
        detected_at: Instant,
        decided_at: Instant,
    ) -> Action {
        Action::Report(Report::Transition(Transition {
            from,
            to: self.state_name(),
            epoch: match from {
                StateName::Active => self.claimed,
                StateName::Initialize | StateName::Backup | StateName::Fault => self.highest,
            },
            cause,
            last_heard_at: self.active_heard_at,
            detected_at,
            decided_at,
        }))
    }
}
