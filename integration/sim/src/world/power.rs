//! Power goes and comes back, and with it perhaps another disk.

use proto::raft::HelloRequest;
use raft::MemberKind;
use raft::seam::PROTOCOL;
use raft_state::Incarnation;
use types::NodeId;

use super::{Violation, World};
use crate::clock::Millis;
use crate::disk::Disk;
use crate::fault::Fault;
use crate::invariant::Observation;
use crate::member::{CLUSTER, Heard, Member};

/// For those who lag to catch up.
const SOON: Millis = Millis(10);

impl World {
    /// Takes the power and the disk from a member, as soon as the others can do without: what only it has
    /// nobody could give back.
    pub(super) fn replace(&mut self, node: NodeId, down: Millis) {
        if self.everybody_votes() && self.has_more_copies(node) {
            self.crash(node, down);
            self.on_disk(node, Disk::replace);
        } else {
            self.later(SOON, Fault::Replace(node, down));
        }
    }

    /// Copies a member's disk, once everybody has had a vote. A copy of before knows of fewer members than
    /// node.toml lists, which no member is believed.
    pub(super) fn copy(&mut self, node: NodeId) {
        if self.has_formed {
            self.on_disk(node, Disk::copy);
        } else {
            self.later(SOON, Fault::Copy(node));
        }
    }

    /// Takes the power from a member and brings it back with an older copy of its disk, as soon as there is one
    /// and the others can do without what is newer. When it comes back another one may lose its power for a while.
    pub(super) fn put_back(
        &mut self,
        node: NodeId,
        down: Millis,
        then: Option<(NodeId, Millis)>,
    ) -> Result<(), Violation> {
        // Who decided alone could do it again, without anybody who would notice.
        let earlier = self.habits.topology.survives();
        let member = self.member(node);
        let is_copied = member.is_some_and(|member| member.disk.has_copy(earlier));
        if !is_copied || !self.everybody_votes() || !self.all_others_keep_all(node) {
            self.later(SOON, Fault::PutBack { node, down, then });
            return Ok(());
        }
        self.crash(node, down);
        self.on_disk(node, Disk::put_back);
        self.older.insert(node);
        self.aged.insert(node);
        if let Some((other, lasts)) = then {
            self.later(down, Fault::Crash(other, lasts));
        }
        self.observe(&Observation::Aged(node))
    }

    /// Takes the power from a member that has it.
    pub(super) fn crash(&mut self, node: NodeId, down: Millis) {
        self.take_down(node, down, "has crashed", Member::crash);
    }

    /// Shuts a member down that has power.
    pub(super) fn stop(&mut self, node: NodeId, down: Millis) {
        self.take_down(node, down, "was stopped", Member::stop);
    }

    fn take_down(&mut self, node: NodeId, down: Millis, what: &str, end: fn(&mut Member) -> usize) {
        self.ambush.remove(&node);
        let back_at = self.now + down;
        let outbox = std::sync::Arc::clone(&self.outbox);
        let said = outbox.lock().letters.len();
        let Some(member) = self.member(node).filter(|member| member.life.is_some()) else {
            return;
        };
        let lost = end(member);
        // Who is gone does not even say that its connections end.
        outbox.lock().letters.truncate(said);
        self.forget(node);
        self.power.insert(node, back_at);
        self.trace
            .note(|| format!("node {node} {what}, and lost {lost} writes"));
    }

    /// Starts members that have power again, and lets those go on that have stalled.
    pub(super) fn restore_power(&mut self) -> Result<(), Violation> {
        let now = self.now;
        let due: Vec<NodeId> = self
            .power
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(node, _)| *node)
            .collect();
        for node in due {
            self.power.remove(&node);
            let waits = self.habits.topology.survives() && self.older.contains(&node);
            if waits && self.hears_of_lives(node).silence {
                self.power.insert(node, now + SOON);
                continue;
            }
            self.older.remove(&node);
            self.start(node)?;
        }
        for member in &mut self.members {
            let Some(life) = &mut member.life else {
                continue;
            };
            if life.stalled_until.is_some_and(|until| until <= now) {
                life.wake(now);
                let id = member.id;
                self.trace.note(|| format!("node {id} goes on"));
            }
        }
        Ok(())
    }

    fn start(&mut self, node: NodeId) -> Result<(), Violation> {
        let (habits, now) = (self.habits.clone(), self.now);
        let heard = self.hears_of_lives(node);
        let outbox = std::sync::Arc::clone(&self.outbox);
        let Some(member) = self.member(node) else {
            return Ok(());
        };
        // Whoever starts a member makes room first.
        member.disk.repair();
        let (kind, started) = (member.kind, member.start(&habits, heard, now, &outbox));
        let lives = member.lives;
        self.trace
            .note(|| format!("node {node} begins its life {lives}"));
        started.map_err(|error| self.violation("keeps_running", error.to_string()))?;
        if kind == MemberKind::Node {
            let pause = self.workload.pause();
            self.next_request.insert(node, now + pause);
        }
        Ok(())
    }

    /// What the other nodes would answer a member that is about to start, and knows nobody's answer yet.
    fn hears_of_lives(&self, node: NodeId) -> Heard {
        let hears = |member: &&Member| {
            let is_open = |from, to| self.network.is_open(from, to);
            member.kind == MemberKind::Node && is_open(node, member.id) && is_open(member.id, node)
        };
        let others = self.members.iter().filter(|member| member.id != node);
        let answers = others.filter(hears).filter_map(|member| {
            let life = member.life.as_ref();
            let life = life.filter(|life| life.stalled_until.is_none())?;
            let question = HelloRequest {
                cluster_id: CLUSTER.to_owned(),
                node: u32::from(member.id.0),
                notice_seen: None,
                source: u32::from(node.0),
                protocol: PROTOCOL,
            };
            life.hello(&question)
        });
        let answers: Vec<_> = answers.collect();
        let newest = answers.iter().map(|answer| answer.life_in_force).max();
        Heard {
            in_force: newest.filter(|life| *life > 0).map(Incarnation),
            silence: !answers.iter().any(|answer| answer.control_formed),
        }
    }
}
