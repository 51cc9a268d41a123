//! A whole run: a storm, then calm, and in the end everything must be well again.

use raft::{GroupStatus, Health, MemberKind, MemberRole};
use raft_state::ControlOutcome;
use types::NodeId;

use super::{Violation, World};
use crate::clock::Millis;
use crate::fault::Fault;
use crate::invariant::{End, Final, Observation};
use crate::member::Member;
use crate::policy::Site;
use crate::topology::Topology;
use crate::trace::Trace;
use crate::workload::{Opened, SECRET, Told};

/// For everything to be well after the last fault: a few elections, a returning node, a new generation
/// of the state group.
const RECOVERY: Millis = Millis(20_000);
/// Between two looks at whether it is.
const LOOK: Millis = Millis(50);
/// For an operator to see that nothing is agreed on.
const ORDER: Millis = Millis(6_000);
/// For a commit of each node when all is well.
const COMMIT: Millis = Millis(10_000);

/// What became of a run.
#[derive(Debug)]
pub struct Run {
    /// Whether everything held that must.
    pub outcome: Result<(), Violation>,
    /// How long it was, in the world's time.
    pub simulated: Millis,
    /// How long everything took to be well after the last fault.
    pub recovered_in: Millis,
    /// Requests that were answered.
    pub answers: u64,
    /// What happened, if that was to be kept.
    pub trace: Trace,
}

/// Runs the world of `seed` to its end.
pub fn run(topology: Topology, seed: u64, trace: Trace) -> Run {
    live(World::new(topology, seed, trace, false))
}

/// The same with faults of chance alone and entries one by one: how runs were when some of the bugs were
/// found that are known by their seeds.
pub fn run_plain(topology: Topology, seed: u64, trace: Trace) -> Run {
    live(World::new(topology, seed, trace, true))
}

fn live(mut world: World) -> Run {
    let outcome = world.live();
    // The thread's next run, or whatever else comes, draws its own.
    raft::seam::seed(None);
    Run {
        outcome,
        simulated: world.now,
        recovered_in: world.recovered_in,
        answers: world.answers,
        trace: std::mem::take(&mut world.trace),
    }
}

impl World {
    fn live(&mut self) -> Result<(), Violation> {
        while self.now < self.calm_at {
            self.step()?;
        }
        self.calm_down();
        self.recovered_in = self.wait("everybody is well", RECOVERY, Self::is_well)?;
        for node in self.nodes() {
            self.commit_on(node)?;
        }
        self.wait("everybody is well at the end", RECOVERY, Self::is_well)?;
        let end = self.end();
        self.observe(&Observation::Ended(&end))
    }

    fn nodes(&self) -> Vec<NodeId> {
        let nodes = self.members.iter();
        let nodes = nodes.filter(|member| member.kind == MemberKind::Node);
        nodes.map(|member| member.id).collect()
    }

    /// No fault lasts from here on.
    fn calm_down(&mut self) {
        let now = self.now;
        self.trace.note(|| "calm".to_owned());
        self.plan.clear();
        self.ambush.clear();
        self.network.heal();
        self.site = Site::default();
        for member in &mut self.members {
            member.disk.repair();
            if let Some(life) = &mut member.life
                && let Some(until) = &mut life.stalled_until
            {
                *until = now;
            }
        }
        for at in self.power.values_mut() {
            *at = now.min(*at);
        }
        // A disk of a time when its node decided alone decides nothing more: an operator says that the other one
        // goes on, which is refused where that one has a quorum.
        if self.habits.topology.survives() && !self.aged.is_empty() {
            let nodes = self.nodes().into_iter();
            for node in nodes
                .filter(|node| !self.older.contains(node))
                .collect::<Vec<_>>()
            {
                self.later(ORDER, Fault::Order(node));
            }
        }
    }

    fn wait(
        &mut self,
        what: &str,
        patience: Millis,
        holds: impl Fn(&Self) -> Result<(), String>,
    ) -> Result<Millis, Violation> {
        let begun = self.now;
        let mut next = self.now;
        loop {
            self.step()?;
            if self.now < next {
                continue;
            }
            next = self.now + LOOK;
            match holds(self) {
                Ok(()) => return Ok(self.now - begun),
                Err(_) if self.now - begun < patience => {}
                Err(lacking) => {
                    let reason = format!("waited {} ms until {what}: {lacking}", patience.0);
                    return Err(self.violation("heals_in_time", reason));
                }
            }
        }
    }

    /// Commits a configuration on `node`, which must work now.
    fn commit_on(&mut self, node: NodeId) -> Result<(), Violation> {
        let begun = self.now;
        loop {
            let now = self.now;
            let member = self.members.iter_mut().find(|member| member.id == node);
            let Some(life) = member.and_then(Member::awake) else {
                return Err(self.violation("heals_in_time", format!("node {node} is gone")));
            };
            let workload = &mut self.workload;
            let request = life.look(|cluster| workload.final_commit(node, now, cluster));
            let id = request.id;
            self.last_told.remove(&node);
            self.ask(node, request)?;
            while self.open.contains_key(&id) {
                self.step()?;
            }
            let told = self.last_told.get(&node);
            if let Some(Told::Outcome(ControlOutcome::ConfigSet { .. })) = told {
                return Ok(());
            }
            if self.now - begun >= COMMIT {
                let reason = format!("node {node} cannot commit: {told:?}");
                return Err(self.violation("heals_in_time", reason));
            }
        }
    }

    /// Whether all members vote in both groups, hold the same, and nothing is left to be done.
    fn is_well(&self) -> Result<(), String> {
        if let Some(request) = self.open.values().next() {
            return Err(format!("request {} is not answered", request.id));
        }
        let mut sums = Vec::new();
        let living = self.living();
        for member in &self.members {
            let Some(life) = &member.life else {
                return Err(format!("member {} has no power", member.id));
            };
            life.look(|cluster| {
                if cluster.state.pending() > 0 {
                    return Err(format!("node {} has changes to publish", member.id));
                }
                let lineage = cluster.control.lineage();
                if lineage.frozen || (lineage.aside > 0 && !lineage.no_room) {
                    return Err(format!("node {} is still giving way", member.id));
                }
                let groups = [cluster.control.status(), cluster.state.status()];
                groups
                    .iter()
                    .try_for_each(|group| complete(member.id, group))?;
                if member.kind == MemberKind::Node {
                    // What is on its way just now counts as little as what is still to be told.
                    let state = cluster.state.state();
                    let mut living = living.iter();
                    if let Some(opened) = living.find(|it| state.session(it.id).is_none()) {
                        return Err(format!("node {} lacks session {}", member.id, opened.id));
                    }
                    sums.push(groups.map(|group| (group.checksum, group.leader)));
                }
                Ok(())
            })?;
        }
        if sums.windows(2).any(|pair| pair.first() != pair.last()) {
            return Err("the nodes differ".to_owned());
        }
        Ok(())
    }

    /// Whether everybody is there and votes in both groups.
    pub(super) fn everybody_votes(&self) -> bool {
        let votes = |member: &Member| {
            member.life.as_ref().is_some_and(|life| {
                life.look(|cluster| {
                    let groups = [cluster.control.status(), cluster.state.status()];
                    groups
                        .iter()
                        .all(|group| complete(member.id, group).is_ok())
                })
            })
        };
        self.members.iter().all(votes)
    }

    /// Whether another node's disk holds everything of the control group that anybody holds beside `node`: what
    /// only its memory holds is lost with the next power.
    pub(super) fn has_more_copies(&self, node: NodeId) -> bool {
        let furthest = self.furthest();
        let mut others = self.members.iter().filter(|other| other.id != node);
        others.any(|other| other.kind == MemberKind::Node && keeps_all(other, furthest))
    }

    /// Whether the disks of all members beside `node` hold that, and it has nothing to hand over.
    pub(super) fn all_others_keep_all(&self, node: NodeId) -> bool {
        let furthest = self.furthest();
        self.members.iter().all(|member| {
            if member.id == node {
                keeps_nothing_aside(member)
            } else {
                keeps_all(member, furthest)
            }
        })
    }

    /// The last entry of the control group that anybody holds.
    fn furthest(&self) -> Option<u64> {
        self.members.iter().filter_map(last_entry).max()
    }

    /// Sessions whose opener lives still, in the same life.
    fn living(&self) -> Vec<Opened> {
        let opened = self.workload.opened.iter().copied();
        let lives = |opened: &Opened| {
            let mut members = self.members.iter();
            members.any(|member| (member.id, member.lives) == (opened.node, opened.life))
        };
        opened.filter(lives).collect()
    }

    fn end(&self) -> End {
        let finals = self.members.iter().filter_map(|member| {
            let life = member.life.as_ref()?;
            Some(life.look(|cluster| Final {
                id: member.id,
                kind: member.kind,
                lineage: cluster.control.lineage(),
                control: (*cluster.control.state()).clone(),
                state: cluster.state.state(),
                leaders: [
                    cluster.control.status().leader,
                    cluster.state.status().leader,
                ],
                disk_has_secret: member.disk.contains(SECRET.as_bytes()),
            }))
        });
        End {
            members: finals.collect(),
            living: self.living(),
        }
    }
}

fn last_entry(member: &Member) -> Option<u64> {
    let life = member.life.as_ref()?;
    Some(life.look(|cluster| cluster.control.status().last_log))
}

/// Whether everything up to `furthest` is agreed on, as this member knows, and is on its disk. Another entry of
/// that number, which nobody agrees on any more, is not it.
fn keeps_all(member: &Member, furthest: Option<u64>) -> bool {
    let applied = member.life.as_ref();
    let applied = applied.map(|life| life.look(|cluster| cluster.control.status().applied));
    applied == furthest && furthest.is_none_or(|index| member.disk.keeps(index))
}

fn keeps_nothing_aside(member: &Member) -> bool {
    let mut life = member.life.iter();
    life.all(|life| life.look(|cluster| cluster.control.lineage().aside == 0))
}

fn complete(me: NodeId, group: &GroupStatus) -> Result<(), String> {
    let name = group.group;
    if group.health != Health::Ok || group.leader.is_none() {
        return Err(format!("the {name} group of {me} is {:?}", group.health));
    }
    let missing = |member: &&raft::MemberStatus| member.role != MemberRole::Voter;
    match group.members.iter().find(missing) {
        Some(member) => Err(format!(
            "{} is {:?} in the {name} group of {me}",
            member.id, member.role
        )),
        None => Ok(()),
    }
}
