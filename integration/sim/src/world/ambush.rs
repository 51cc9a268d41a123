//! Crashes at the worst moment: when a disk has something to lose.

use raft::MemberKind;
use types::NodeId;

use super::World;
use crate::clock::Millis;
use crate::disk::Disk;
use crate::fault::{Fault, NetworkFault, laid_until};

/// How long a member with an ambush may still get away.
const PATIENCE: Millis = Millis(1_000);
/// For an answer to be on its way before whoever gets it is cut off.
const UNDER_WAY: Millis = Millis(25);
/// A disk on which entries stay away for long.
const SLOW: Millis = Millis(900);

/// What a member must have to lose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Loot {
    Anything,
    /// A vote; then this node is cut off.
    Vote(NodeId),
    /// Entries, for so long; then the network is mended.
    Entries(Millis),
}

/// A crash that waits for its moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ambush {
    until: Millis,
    down: Millis,
    loot: Loot,
    /// Since when there has been something to lose.
    since: Option<Millis>,
}

impl Ambush {
    pub(super) fn anything(now: Millis, down: Millis) -> Self {
        Self::new(now + PATIENCE, down, Loot::Anything)
    }

    pub(super) fn vote(now: Millis, down: Millis, winner: NodeId) -> Self {
        Self::new(now + PATIENCE, down, Loot::Vote(winner))
    }

    fn entries(now: Millis, after: Millis, down: Millis) -> Self {
        Self::new(laid_until(now), down, Loot::Entries(after))
    }

    const fn new(until: Millis, down: Millis, loot: Loot) -> Self {
        Self {
            until,
            down,
            loot,
            since: None,
        }
    }

    /// Whether its moment is now.
    fn is_due(&mut self, disk: &Disk, now: Millis) -> bool {
        let (there, after) = match self.loot {
            Loot::Anything => (disk.has_unsynced(), Millis(0)),
            Loot::Vote(_) => (disk.has_unsynced_vote(), Millis(0)),
            Loot::Entries(after) => (disk.has_unsynced_entry(), after),
        };
        if !there {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        now - since >= after
    }
}

impl World {
    /// Crashes those whose disk has something to lose, if that was planned.
    pub(super) fn spring_ambushes(&mut self) {
        let now = self.now;
        self.ambush.retain(|_, ambush| ambush.until >= now);
        let mut due = Vec::new();
        for (node, ambush) in &mut self.ambush {
            let mut members = self.members.iter();
            let member = members.find(|member| member.id == *node);
            if member.is_some_and(|member| ambush.is_due(&member.disk, now)) {
                due.push((*node, *ambush));
            }
        }
        for (node, ambush) in due {
            self.crash(node, ambush.down);
            match ambush.loot {
                Loot::Anything => {}
                Loot::Vote(winner) => {
                    self.later(UNDER_WAY, Fault::Network(NetworkFault::Isolate(winner)));
                }
                Loot::Entries(_) => self.later(Millis(1), Fault::Network(NetworkFault::Mend)),
            }
        }
    }

    /// Plans one more fault.
    pub(super) fn later(&mut self, pause: Millis, fault: Fault) {
        let at = self.now + pause;
        let place = self.plan.partition_point(|(planned, _)| *planned <= at);
        self.plan.insert(place, (at, fault));
    }

    /// The leader of the control group loses its way to the other node and its disk becomes slow, and it
    /// crashes when it has had entries for some time that are not on it.
    pub(super) fn trap_leader(&mut self, after: Millis, down: Millis) {
        let leads = |id: NodeId, life: &crate::member::Life| {
            life.look(|cluster| cluster.control.status().leader == Some(id))
        };
        let mut members = self.members.iter();
        let leader = members.find_map(|member| {
            let life = member.life.as_ref()?;
            leads(member.id, life).then_some(member.id)
        });
        let Some(leader) = leader else {
            return;
        };
        let nodes = self.members.iter();
        let nodes = nodes.filter(|member| member.kind == MemberKind::Node && member.id != leader);
        for other in nodes.map(|member| member.id).collect::<Vec<_>>() {
            self.strike_network(NetworkFault::Part(leader, other));
        }
        self.slow_disk(leader, SLOW);
        self.ambush
            .insert(leader, Ambush::entries(self.now, after, down));
        // Nobody keeps what does not crash.
        self.later(
            laid_until(self.now) - self.now,
            Fault::Network(NetworkFault::Mend),
        );
        self.later(laid_until(self.now) - self.now, Fault::MendDisk(leader));
    }
}
