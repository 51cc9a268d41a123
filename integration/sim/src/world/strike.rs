//! Faults strike.

use raft_state::SurvivalReason;
use types::NodeId;

use super::{Ambush, Violation, World};
use crate::clock::Millis;
use crate::disk::Disk;
use crate::fault::{Fault, NetworkFault, SiteFault};
use crate::member::{Life, Member};
use crate::operator::Order;
use crate::policy::Site;

impl World {
    pub(super) fn strike(&mut self, fault: &Fault) -> Result<(), Violation> {
        self.trace.note(|| format!("fault: {fault}"));
        match fault {
            Fault::Network(fault) => self.strike_network(*fault),
            Fault::Crash(node, down) => self.crash(*node, *down),
            Fault::CrashUnsynced(node, down) => {
                self.ambush.insert(*node, Ambush::anything(self.now, *down));
            }
            Fault::Stop(node, down) => self.stop(*node, *down),
            Fault::Replace(node, down) => self.replace(*node, *down),
            Fault::Copy(node) => self.copy(*node),
            Fault::PutBack { node, down, then } => return self.put_back(*node, *down, *then),
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
            Fault::SlowDisk(node, most) => self.slow_disk(*node, *most),
            Fault::FullDisk(node) => self.on_disk(*node, |disk| disk.set_full(true)),
            Fault::MendDisk(node) => self.on_disk(*node, Disk::repair),
            Fault::Site(fault) => self.strike_site(*fault),
            Fault::Order(node) => self.obey(Order::Obey(*node)),
        }
        Ok(())
    }

    pub(super) fn strike_network(&mut self, fault: NetworkFault) {
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

    pub(super) fn slow_disk(&mut self, node: NodeId, most: Millis) {
        self.on_disk(node, |disk| disk.slow_down(Millis(most.0 / 4), most));
    }

    pub(super) fn on_disk(&mut self, node: NodeId, change: impl FnOnce(&Disk)) {
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

    pub(super) fn awake(&mut self, node: NodeId) -> Option<&mut Life> {
        self.member(node).and_then(Member::awake)
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
