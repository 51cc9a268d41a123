//! Starting the heartbeat thread, and what the rest of the node may ask of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use nix::sys::eventfd::{EfdFlags, EventFd};
use runtime::{Clock, Outlet, Subsystem};
use types::{Epoch, EpochGate, NodeId};
use vrrp_machine::{AdvertInterval, Group, InvalidGroup, MemberId, Priority};

use crate::driver::{Driver, Outputs};
use crate::event::Event;
use crate::member::Member;
use crate::monitor::Monitor;
use crate::plan::{GroupPlan, StartError};
use crate::status::GroupStatus;

/// Beyond every node's number.
const NOBODY: u16 = u16::MAX;

/// Orders on their way to the thread. Each is a value and no queue: the highest epoch is all that
/// counts, a release that was ordered twice is one release, and only the newest peer is one.
#[derive(Debug)]
pub(crate) struct Orders {
    seen_epoch: AtomicU64,
    release: AtomicBool,
    peer: AtomicU16,
    pub(crate) wake: EventFd,
}

impl Orders {
    /// The highest epoch that was handed in.
    pub(crate) fn seen_epoch(&self) -> Epoch {
        Epoch(self.seen_epoch.load(Ordering::Acquire))
    }

    /// Whether a release was ordered since the last call.
    pub(crate) fn take_release(&self) -> bool {
        self.release.swap(false, Ordering::AcqRel)
    }

    /// The node that is expected on the HA links.
    pub(crate) fn peer(&self) -> Option<NodeId> {
        let number = self.peer.load(Ordering::Acquire);
        u8::try_from(number).ok().map(NodeId)
    }
}

/// The form in which the expected node travels.
fn number_of(peer: Option<NodeId>) -> u16 {
    peer.map_or(NOBODY, |peer| peer.0.into())
}

/// The rest of the node's end; cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    orders: Arc<Orders>,
    status: Arc<ArcSwap<GroupStatus>>,
}

impl Handle {
    /// The cluster knows of this epoch; an Active node with a lower one withdraws at once.
    pub fn seen_epoch(&self, epoch: Epoch) {
        self.orders.seen_epoch.fetch_max(epoch.0, Ordering::AcqRel);
        self.wake();
    }

    /// The pair's other node is `peer` from now on: what others say on the HA links does not count. Without
    /// one no heartbeats are sent; a node that forwards all the same, such as one that has not heard yet
    /// that it was removed, is still heard.
    pub fn expect_peer(&self, peer: Option<NodeId>) {
        let number = number_of(peer);
        if self.orders.peer.swap(number, Ordering::AcqRel) != number {
            self.wake();
        }
    }

    /// Hands the role over, for a reason that goes to the log. A node that is not Active does
    /// nothing. When nobody takes the role within a few down intervals it comes back.
    pub fn release(&self, reason: &str) {
        tracing::info!(reason, "redundancy group is asked to hand over");
        self.orders.release.store(true, Ordering::Release);
        self.wake();
    }

    /// The newest snapshot, at most a tenth of a second old.
    pub fn status(&self) -> Arc<GroupStatus> {
        self.status.load_full()
    }

    fn wake(&self) {
        // It fails only when the counter is at its limit, and then the thread wakes anyway.
        let _woken_already = self.orders.wake.write(1);
    }
}

/// Opens every socket and starts the thread named `heartbeat`. The gate is closed until the group
/// becomes Active, and closed again when the subsystem stops.
pub fn start(
    plan: GroupPlan,
    gate: EpochGate,
    clock: Clock,
    events: Outlet<Event>,
    subsystem: &mut Subsystem,
) -> Result<Handle, StartError> {
    gate.close();
    let members = open_members(&plan)?;
    let group = group(&plan, &members)?;
    let thread = |errno: nix::errno::Errno| StartError::Thread(errno.into());
    let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
    let orders = Arc::new(Orders {
        seen_epoch: AtomicU64::new(plan.initial_epoch.0),
        release: AtomicBool::new(false),
        peer: AtomicU16::new(number_of(plan.peer)),
        wake: EventFd::from_value_and_flags(0, flags).map_err(thread)?,
    });
    let monitor = Monitor::open().map_err(StartError::Thread)?;
    let outputs = Outputs {
        gate,
        clock,
        events,
    };
    let driver = Driver::new(plan, group, members, monitor, Arc::clone(&orders), outputs)?;
    let status = driver.status();
    subsystem
        .spawn_thread("heartbeat", move |shutdown| driver.run(&shutdown))
        .map_err(StartError::Thread)?;
    Ok(Handle { orders, status })
}

fn open_members(plan: &GroupPlan) -> Result<Vec<Member>, StartError> {
    let count = u8::try_from(plan.members.len())
        .map_err(|_| StartError::Group(InvalidGroup::TooManyMembers(plan.members.len())))?;
    plan.members
        .iter()
        .zip(0..count)
        .map(|(member, id)| {
            let count = member.addresses.len();
            if !(1..=254).contains(&count) {
                return Err(StartError::Addresses {
                    device: member.device.clone(),
                    vrid: member.vrid,
                    count,
                });
            }
            Member::open(MemberId(id), member.clone(), plan.checksum).map_err(|cause| {
                StartError::Device {
                    device: member.device.clone(),
                    cause,
                }
            })
        })
        .collect()
}

fn group(plan: &GroupPlan, members: &[Member]) -> Result<Group, StartError> {
    Group::new(vrrp_machine::GroupPlan {
        node: plan.node,
        priority: Priority::configured(plan.priority).map_err(StartError::Priority)?,
        preempt_mode: plan.preempt,
        interval: AdvertInterval::from_duration(plan.interval).map_err(StartError::Interval)?,
        members: members
            .iter()
            .zip(&plan.members)
            .map(|(member, plan)| vrrp_machine::MemberPlan {
                vrid: plan.vrid,
                family: plan.addresses.family(),
                source: member.source(),
            })
            .collect(),
        peer_sources: plan.peer_sources.clone(),
        initial_epoch: plan.initial_epoch,
        start_hold: plan.start_hold,
    })
    .map_err(StartError::Group)
}
