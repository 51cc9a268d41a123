//! The faults of a run, drawn from its seed.

use types::NodeId;

use super::{Fault, NetworkFault, SiteFault, trap};
use crate::clock::Millis;
use crate::random::Random;
use crate::topology::Topology;

/// Faults in the order of their times, and when they are over.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What happens when.
    pub faults: Vec<(Millis, Fault)>,
    /// From then on nothing goes wrong any more, and everybody has power.
    pub calm_at: Millis,
}

/// When faults begin: half of the runs are disturbed while they form.
const FIRST: (u64, u64) = (200, 4_000);
/// For how long faults go on.
const STORM: (u64, u64) = (4_000, 10_000);
/// How many there are.
const FAULTS: (u64, u64) = (3, 12);
/// How long one lasts that has an end.
const LASTS: (u64, u64) = (50, 2_500);

/// Runs with a trap, in a thousand.
const TRAPS: u64 = 300;
/// Runs in which a member is stopped in order, in a thousand.
const STOPS: u64 = 300;
/// Runs in which a member loses its disk, in a thousand: where the others have everything that it had.
const REPLACEMENTS: u64 = 150;

/// Runs in which a member comes back with an older disk, in a thousand.
const PUT_BACKS: u64 = 200;
/// Of these, those in which another member is off when it comes back, in a thousand.
const ALONE: u64 = 600;

const SPLIT: Fault = Fault::Site(SiteFault::Split);
const MENDED: Fault = Fault::Network(NetworkFault::Mend);

/// Where a node may go on alone: faults, in a thousand, that last long enough for it to do so.
const SURVIVORS: u64 = 550;
/// For how long those last: a lack of quorum is an election for two seconds, and silence has its hold
/// time.
const LONG: (u64, u64) = (2_500, 7_000);

impl Plan {
    /// Draws a plan, with traps and orderly faults beside those of chance.
    pub fn draw(topology: Topology, random: Random) -> Self {
        let (mut order, begun) = (random.fork(1), FIRST.0);
        let mut disks = random.fork(2);
        let mut plan = Self::draw_plain(topology, random);
        let mut at = || Millis(order.between(begun, plan.calm_at.0));
        let (stopped, replaced, trapped) = (at(), at(), at());
        let node = order.pick(topology.members()).map(|(id, _)| id);
        let down = Millis(order.between(LASTS.0, LASTS.1));
        if let Some(node) = node {
            if order.happens(STOPS) {
                plan.faults.push((stopped, Fault::Stop(node, down)));
            }
            if topology.refills() && order.happens(REPLACEMENTS) {
                plan.faults.push((replaced, Fault::Replace(node, down)));
            }
        }
        if order.happens(TRAPS) {
            let trap = trap::draw(topology, trapped, &mut order);
            let over = trap.iter().map(|(at, _)| *at).max();
            plan.calm_at = plan.calm_at.max(over.unwrap_or_default());
            plan.faults.extend(trap);
        }
        if disks.happens(PUT_BACKS) {
            let end = plan.calm_at;
            plan.faults.extend(put_back(topology, end, &mut disks));
        }
        plan.faults.sort_by_key(|(at, _)| *at);
        plan
    }

    /// Draws a plan of faults that come by chance, each for itself.
    pub fn draw_plain(topology: Topology, mut random: Random) -> Self {
        let begin = random.between(FIRST.0, FIRST.1);
        let end = begin + random.between(STORM.0, STORM.1);
        let mut faults = Vec::new();
        for _ in 0..random.between(FAULTS.0, FAULTS.1) {
            let at = Millis(random.between(begin, end));
            let lasts = Millis(random.between(LASTS.0, LASTS.1));
            let (fault, lasts) = if topology.survives() && random.happens(SURVIVORS) {
                let long = Millis(random.between(LONG.0, LONG.1));
                (draw_long(topology, &mut random, long), long)
            } else {
                (draw(topology, &mut random, lasts), lasts)
            };
            let mended = match &fault {
                Fault::Network(fault) if *fault != NetworkFault::Mend => Some(MENDED),
                Fault::SlowDisk(node, _) | Fault::FullDisk(node) => Some(Fault::MendDisk(*node)),
                Fault::Site(SiteFault::Split | SiteFault::CutLan | SiteFault::Offside(_)) => {
                    Some(Fault::Site(SiteFault::Mend))
                }
                Fault::Network(_)
                | Fault::Crash(..)
                | Fault::CrashUnsynced(..)
                | Fault::Stop(..)
                | Fault::Replace(..)
                | Fault::Copy(_)
                | Fault::PutBack { .. }
                | Fault::LoseVote { .. }
                | Fault::LoseEntries { .. }
                | Fault::PowerCut(_)
                | Fault::Stall(..)
                | Fault::Jump(..)
                | Fault::MendDisk(_)
                | Fault::Site(SiteFault::Mend)
                | Fault::Order(_) => None,
            };
            if fault == SPLIT {
                faults.push((at + lasts, MENDED));
            }
            faults.push((at, fault));
            faults.extend(mended.map(|mended| (at + lasts, mended)));
        }
        faults.sort_by_key(|(at, _)| *at);
        let longest = if topology.survives() { LONG.1 } else { LASTS.1 };
        let calm_at = Millis(end + longest);
        Self { faults, calm_at }
    }
}

fn draw(topology: Topology, random: &mut Random, lasts: Millis) -> Fault {
    let nodes: Vec<NodeId> = topology.members().iter().map(|(id, _)| *id).collect();
    let (node, other) = two(&nodes, random);
    match random.below(20) {
        0 => Fault::Network(NetworkFault::Isolate(node)),
        1 | 2 => Fault::Network(NetworkFault::Part(node, other)),
        3 => Fault::Network(NetworkFault::Deafen {
            from: node,
            to: other,
        }),
        4 => Fault::Network(NetworkFault::PartAll),
        5 => Fault::Network(NetworkFault::Lose(random.between(10, 400))),
        6 => Fault::Network(NetworkFault::LoseOneWay {
            from: node,
            to: other,
            permille: random.between(200, 900),
        }),
        7 => Fault::Network(NetworkFault::Delay(Millis(random.between(10, 400)))),
        8 => Fault::Network(NetworkFault::Duplicate(random.between(50, 500))),
        9 | 10 => Fault::Crash(node, lasts),
        11..=13 => Fault::CrashUnsynced(node, lasts),
        14 => Fault::PowerCut(
            nodes
                .iter()
                .map(|node| (*node, Millis(random.between(50, 2_000))))
                .collect(),
        ),
        15 => Fault::Stall(node, lasts),
        16 => Fault::Jump(node, lasts),
        17 | 18 => Fault::SlowDisk(node, Millis(random.between(20, 600))),
        _ => Fault::FullDisk(node),
    }
}

/// A member comes back with a disk of a while ago, before `end`.
fn put_back(topology: Topology, end: Millis, random: &mut Random) -> [(Millis, Fault); 2] {
    let members: Vec<NodeId> = topology.members().iter().map(|(id, _)| *id).collect();
    let (node, other) = two(&members, random);
    let copied_at = random.between(FIRST.0, end.0);
    let put_back_at = random.between(copied_at, end.0);
    let down = Millis(random.between(LASTS.0, LASTS.1));
    let lasts = Millis(random.between(LASTS.0, LASTS.1));
    // A disk of a time when its node decided alone is noticed by the other node alone.
    let is_alone = !topology.survives() && random.happens(ALONE);
    let then = is_alone.then_some((other, lasts));
    [
        (Millis(copied_at), Fault::Copy(node)),
        (Millis(put_back_at), Fault::PutBack { node, down, then }),
    ]
}

/// Something after which a node may go on alone.
fn draw_long(topology: Topology, random: &mut Random, lasts: Millis) -> Fault {
    let nodes: Vec<NodeId> = topology.members().iter().map(|(id, _)| *id).collect();
    let (node, other) = two(&nodes, random);
    match random.below(10) {
        0..=3 => SPLIT,
        4..=6 => Fault::Crash(node, lasts),
        7 => Fault::Site(SiteFault::CutLan),
        8 => Fault::Site(SiteFault::Offside(other)),
        _ => Fault::Order(node),
    }
}

/// Two different members.
fn two(nodes: &[NodeId], random: &mut Random) -> (NodeId, NodeId) {
    let one = random.pick(nodes).unwrap_or(NodeId(1));
    let others: Vec<NodeId> = nodes.iter().copied().filter(|node| *node != one).collect();
    (one, random.pick(&others).unwrap_or(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_tempted_to_go_on_alone_where_nobody_may() {
        let tempted = |topology| {
            (0..50).any(|seed| {
                let plan = Plan::draw(topology, Random::new(seed));
                plan.faults.iter().any(|(_, fault)| *fault == SPLIT)
            })
        };
        assert!(tempted(Topology::PairSurvivor));
        assert!(!tempted(Topology::Pair) && !tempted(Topology::PairWitness));
    }

    #[test]
    fn older_disks_come_back_unnoticed_only_where_nobody_decides_alone() {
        let comes_back = |topology, unnoticed: bool| {
            (0..50).any(|seed| {
                let plan = Plan::draw(topology, Random::new(seed));
                let mut faults = plan.faults.iter();
                faults.any(|(_, fault)| {
                    matches!(fault, Fault::PutBack { then, .. } if then.is_some() == unnoticed)
                })
            })
        };
        for topology in Topology::ALL {
            assert!(comes_back(topology, false));
            assert_eq!(comes_back(topology, true), !topology.survives());
        }
    }

    #[test]
    fn a_seed_gives_one_plan_and_another_seed_another() {
        let plan = |seed| Plan::draw(Topology::PairWitness, Random::new(seed));
        assert_eq!(plan(7).faults, plan(7).faults);
        assert_ne!(plan(7).faults, plan(8).faults);
        let last = plan(7).faults.last().map(|(at, _)| *at);
        assert!(last.is_some_and(|last| last <= plan(7).calm_at));
    }
}
