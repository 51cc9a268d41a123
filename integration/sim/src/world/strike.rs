//! Faults strike, power goes and comes back.

use raft::MemberKind;
use raft_state::SurvivalReason;
use types::NodeId;

use super::{Ambush, Violation, World};
use crate::clock::Millis;
use crate::disk::Disk;
use crate::fault::{Fault, NetworkFault, SiteFault};
use crate::member::{Life, Member};
use crate::operator::Order;
use crate::policy::Site;

/// For those who lag to catch up.
const SOON: Millis = Millis(10);

impl World {
    pub(super) fn strike(&mut self, fault: &Fault) {
        self.trace.note(|| format!("fault: {fault}"));
        match fault {
            Fault::Network(fault) => self.strike_network(*fault),
            Fault::Crash(node, down) => self.crash(*node, *down),
            Fault::CrashUnsynced(node, down) => {
                self.ambush.insert(*node, Ambush::anything(self.now, *down));
            }
            Fault::Stop(node, down) => self.stop(*node, *down),
            Fault::Replace(node, down) => self.replace(*node, *down),
            Fault::LoseVote {
                voter,
                winner,
                down,
            } => {
                let ambush = Ambush::vote(self.now, *down, *winner);
                self.ambush.insert(*voter, ambush);
            }
            Fault::LoseEntries { after, down } => self.trap_leader(*after, *down),
            Fault::PowerCut(down) => {
                for (node, down) in down {
                    self.crash(*node, *down);
                }
            }
            Fault::Stall(node, time) => {
                let until = self.now + *time;
                if let Some(life) = self.awake(*node) {
                    life.stalled_until = Some(until);
                }
            }
            Fault::Jump(node, time) => {
                if let Some(life) = self.awake(*node) {
                    life.jump(*time);
                }
            }
            Fault::SlowDisk(node, most) => {
                self.on_disk(*node, |disk| disk.slow_down(Millis(most.0 / 4), *most));
            }
            Fault::FullDisk(node) => self.on_disk(*node, |disk| disk.set_full(true)),
            Fault::MendDisk(node) => self.on_disk(*node, Disk::repair),
            Fault::Site(fault) => self.strike_site(*fault),
            Fault::Order(node) => self.obey(Order::Obey(*node)),
        }
    }

    fn strike_network(&mut self, fault: NetworkFault) {
        match fault {
            NetworkFault::Isolate(node) => self.cut(|from, to| from == node || to == node),
            NetworkFault::Part(a, b) => self.cut(|from, to| [(a, b), (b, a)].contains(&(from, to))),
            NetworkFault::Deafen { from: a, to: b } => self.cut(|from, to| (from, to) == (a, b)),
            NetworkFault::PartAll => self.cut(|_, _| true),
            NetworkFault::Lose(permille) => {
                self.network
                    .change(|_, _| true, |link| link.loss = permille);
            }
            NetworkFault::LoseOneWay {
                from: a,
                to: b,
                permille,
            } => self
                .network
                .change(|from, to| (from, to) == (a, b), |link| link.loss = permille),
            NetworkFault::Delay(most) => {
                self.network.change(|_, _| true, |link| link.delay.1 = most);
            }
            NetworkFault::Duplicate(permille) => {
                self.network
                    .change(|_, _| true, |link| link.duplicates = permille);
            }
            NetworkFault::Mend => self.network.heal(),
        }
    }

    /// Takes the power and the disk from a member, as soon as the others can do without: what only it has
    /// nobody could give back.
    fn replace(&mut self, node: NodeId, down: Millis) {
        if self.everybody_votes() && self.has_more_copies(node) {
            self.crash(node, down);
            self.on_disk(node, Disk::replace);
        } else {
            self.later(SOON, Fault::Replace(node, down));
        }
    }

    fn strike_site(&mut self, fault: SiteFault) {
        match fault {
            SiteFault::Split => {
                self.site.lan_is_cut = true;
                self.cut(|_, _| true);
            }
            SiteFault::CutLan => self.site.lan_is_cut = true,
            SiteFault::Offside(node) => {
                self.site.offside.insert(node);
            }
            SiteFault::Mend => self.site = Site::default(),
        }
    }

    fn on_disk(&mut self, node: NodeId, change: impl FnOnce(&Disk)) {
        if let Some(member) = self.member(node) {
            change(&member.disk);
        }
    }

    fn cut(&mut self, which: impl Fn(NodeId, NodeId) -> bool) {
        self.network.change(which, |link| link.cut = true);
    }

    pub(super) fn member(&mut self, node: NodeId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == node)
    }

    fn awake(&mut self, node: NodeId) -> Option<&mut Life> {
        self.member(node).and_then(Member::awake)
    }

    /// Takes the power from a member that has it.
    pub(super) fn crash(&mut self, node: NodeId, down: Millis) {
        self.take_down(node, down, "has crashed", Member::crash);
    }

    /// Shuts a member down that has power.
    fn stop(&mut self, node: NodeId, down: Millis) {
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
        let outbox = std::sync::Arc::clone(&self.outbox);
        let Some(member) = self.member(node) else {
            return Ok(());
        };
        // Whoever starts a member makes room first.
        member.disk.repair();
        let (kind, started) = (member.kind, member.start(&habits, now, &outbox));
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

    pub(super) fn obey(&mut self, order: Order) {
        self.trace.note(|| format!("operator: {order:?}"));
        match order {
            Order::Restart(node) => self.crash(node, Millis(0)),
            Order::Survive(node) => self.go_on_alone(node, SurvivalReason::Evidence),
            Order::Obey(node) => self.go_on_alone(node, SurvivalReason::Operator),
        }
    }

    fn go_on_alone(&mut self, node: NodeId, reason: SurvivalReason) {
        let Some(life) = self.awake(node) else {
            return;
        };
        let control = life.look(|cluster| cluster.control.clone());
        life.spawn(async move {
            // Refused while there is a quorum; whoever wants it all the same asks again.
            let _refused = control.survive(reason, "simulation".to_owned()).await;
        });
    }
}
