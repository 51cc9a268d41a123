//! Faults that come together: what chance alone arranges too rarely to be relied on.
//!
//! Each is the way in which one promise of the agreement could be broken, short of breaking it.

use raft::MemberKind;
use types::NodeId;

use super::{Fault, NetworkFault};
use crate::clock::Millis;
use crate::random::Random;
use crate::topology::Topology;

/// For everybody to miss their leader and to want to follow it.
const LEADERLESS: Millis = Millis(1_300);
/// For a second leader to be elected and to agree on something with the voter.
const REIGN: Millis = Millis(3_500);
/// For a leader to meet its trap.
const AMBUSH: Millis = Millis(1_200);
/// A disk that takes so long leaves time to crash.
const SLOW: (u64, u64) = (250, 900);

/// Lost votes, in a thousand, that were for the candidate with the higher number. Votes of one term are ordered
/// by it: only after such a one was lost can a lower one be given.
const HARMFUL: u64 = 900;

/// Faults in the order of their times.
pub(super) type Sequence = Vec<(Millis, Fault)>;

/// Something that begins at `at`, if there is anything to try in `topology`.
pub(super) fn draw(topology: Topology, at: Millis, random: &mut Random) -> Sequence {
    let of_kind = |kind| {
        let members = topology.members().iter();
        let members = members.filter(move |(_, of)| *of == kind);
        members.map(|(id, _)| *id).collect::<Vec<NodeId>>()
    };
    let nodes = of_kind(MemberKind::Node);
    let down = Millis(random.between(20, 150));
    match of_kind(MemberKind::Witness).first() {
        Some(witness) if random.happens(500) => {
            let winner = if random.happens(HARMFUL) {
                nodes.iter().max()
            } else {
                nodes.iter().min()
            };
            let winner = *winner.unwrap_or(witness);
            let disk = Millis(random.between(SLOW.0, SLOW.1));
            lost_vote((*witness, disk), (&nodes, winner), at, down)
        }
        Some(_) => vec![lost_entries(random, at, down)],
        // Nobody goes on without the other there.
        None => Vec::new(),
    }
}

fn lost_vote(
    (voter, disk): (NodeId, Millis),
    (nodes, winner): (&[NodeId], NodeId),
    at: Millis,
    down: Millis,
) -> Sequence {
    let elected = at + LEADERLESS;
    let over = elected + REIGN;
    let mut faults = vec![
        (at, Fault::Network(NetworkFault::PartAll)),
        (elected, Fault::Network(NetworkFault::Mend)),
        (elected, Fault::SlowDisk(voter, disk)),
        (
            elected,
            Fault::LoseVote {
                voter,
                winner,
                down,
            },
        ),
        (over, Fault::Network(NetworkFault::Mend)),
        (over, Fault::MendDisk(voter)),
    ];
    if let [one, other] = nodes {
        faults.insert(
            2,
            (elected, Fault::Network(NetworkFault::Part(*one, *other))),
        );
    }
    faults
}

fn lost_entries(random: &mut Random, at: Millis, down: Millis) -> (Millis, Fault) {
    let after = Millis(random.between(60, 200));
    (at, Fault::LoseEntries { after, down })
}

/// Until when a trap of a leader is laid.
pub(crate) fn laid_until(now: Millis) -> Millis {
    now + AMBUSH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_are_laid_where_a_witness_is() {
        let drawn = |topology| {
            let drawn = |seed| draw(topology, Millis(100), &mut Random::new(seed));
            (0..50).map(drawn).collect::<Vec<_>>()
        };
        let with_witness = drawn(Topology::PairWitness);
        let has = |wanted: fn(&Fault) -> bool| {
            let mut all = with_witness.iter().flatten();
            all.any(|(_, fault)| wanted(fault))
        };
        assert!(has(|fault| matches!(fault, Fault::LoseVote { .. })));
        assert!(has(|fault| matches!(fault, Fault::LoseEntries { .. })));
        assert!(drawn(Topology::Pair).iter().all(Vec::is_empty));
    }
}
