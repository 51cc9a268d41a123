//! The faults of a run, drawn from its seed.

use types::NodeId;

use super::Fault;
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

impl Plan {
    /// Draws a plan.
    pub fn draw(topology: Topology, mut random: Random) -> Self {
        let begin = random.between(FIRST.0, FIRST.1);
        let end = begin + random.between(STORM.0, STORM.1);
        let mut faults = Vec::new();
        for _ in 0..random.between(FAULTS.0, FAULTS.1) {
            let at = Millis(random.between(begin, end));
            let lasts = Millis(random.between(LASTS.0, LASTS.1));
            let fault = draw(topology, &mut random, lasts);
            let mended = match &fault {
                Fault::Isolate(_)
                | Fault::Part(..)
                | Fault::Deafen { .. }
                | Fault::PartAll
                | Fault::Lose(_)
                | Fault::LoseOneWay { .. }
                | Fault::Delay(_)
                | Fault::Duplicate(_) => Some(Fault::Mend),
                Fault::SlowDisk(node, _) | Fault::FullDisk(node) => Some(Fault::MendDisk(*node)),
                Fault::Mend
                | Fault::Crash(..)
                | Fault::CrashUnsynced(..)
                | Fault::PowerCut(_)
                | Fault::Stall(..)
                | Fault::Jump(..)
                | Fault::MendDisk(_) => None,
            };
            faults.push((at, fault));
            faults.extend(mended.map(|mended| (at + lasts, mended)));
        }
        faults.sort_by_key(|(at, _)| *at);
        let calm_at = Millis(end + LASTS.1);
        Self { faults, calm_at }
    }
}

fn draw(topology: Topology, random: &mut Random, lasts: Millis) -> Fault {
    let nodes: Vec<NodeId> = topology.members().iter().map(|(id, _)| *id).collect();
    let (node, other) = two(&nodes, random);
    match random.below(20) {
        0 => Fault::Isolate(node),
        1 | 2 => Fault::Part(node, other),
        3 => Fault::Deafen {
            from: node,
            to: other,
        },
        4 => Fault::PartAll,
        5 => Fault::Lose(random.between(10, 400)),
        6 => Fault::LoseOneWay {
            from: node,
            to: other,
            permille: random.between(200, 900),
        },
        7 => Fault::Delay(Millis(random.between(10, 400))),
        8 => Fault::Duplicate(random.between(50, 500)),
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
    fn a_seed_gives_one_plan_and_another_seed_another() {
        let plan = |seed| Plan::draw(Topology::PairWitness, Random::new(seed));
        assert_eq!(plan(7).faults, plan(7).faults);
        assert_ne!(plan(7).faults, plan(8).faults);
        let last = plan(7).faults.last().map(|(at, _)| *at);
        assert!(last.is_some_and(|last| last <= plan(7).calm_at));
    }
}
