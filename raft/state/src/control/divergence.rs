//! What a lineage that lost holds and the winner does not.

use types::{Name, NodeId, Revision};

use super::candidate::Candidate;
use super::command::ControlCommand;
use super::lineage::ControlLineage;
use super::state::ControlState;
use super::survival::{Survival, Survivals};

/// The commands that hand every configuration of `lost` over that `winner` may not have: those of its
/// history, and those that it kept itself for lineages that lost before.
///
/// `node` held `lost`, as a member of `lineage`. Configurations from before the lineages parted are in
/// both, even if the winner has forgotten some of them since, so they are not handed over; where nobody
/// remembers when that was, everything is, and the winner sorts out what it knows.
pub fn candidates_of(
    lost: &ControlState,
    (node, name, lineage): (NodeId, &Name, ControlLineage),
    winner: &ControlState,
) -> Vec<ControlCommand> {
    let parted = parted_at(lost, winner);
    let committed = lost
        .history()
        .iter()
        .filter(|record| match winner.history().get(record.revision) {
            // Another one under the same number: whoever lost went on from a disk that was older than it knew.
            Some(known) => known != *record,
            None => parted.is_none_or(|parted| record.revision > parted),
        })
        .map(|record| ControlCommand::KeepCandidate {
            name: Name::from(format!("{name}-r{}", record.revision)),
            candidate: Candidate {
                record: record.clone(),
                node,
                lineage,
            },
        });
    let is_new = |kept: &&Candidate| {
        let mut known = winner.candidates().iter();
        !known.any(|(_, known)| known == *kept)
    };
    let kept = lost.candidates().iter();
    let kept = kept.filter(|(_, candidate)| is_new(candidate));
    let kept = kept.map(|(name, candidate)| ControlCommand::KeepCandidate {
        name: name.clone(),
        candidate: candidate.clone(),
    });
    committed.chain(kept).collect()
}

/// The last revision that both are known to have had: the lowest with which one of them began a lineage
/// that the other does not know.
fn parted_at(lost: &ControlState, winner: &ControlState) -> Option<Revision> {
    let only_in = |here: &Survivals, there: &Survivals| {
        let unknown = |survival: &&Survival| {
            let mut known = there.iter();
            !known.any(|known| known.lineage == survival.lineage)
        };
        here.iter()
            .filter(unknown)
            .map(|survival| survival.revision)
            .min()
    };
    let (lost, winner) = (lost.survivals(), winner.survivals());
    let both = [only_in(lost, winner), only_in(winner, lost)];
    both.into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Incarnation;
    use crate::control::{ControlOutcome, SurvivalReason};

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    fn commit(state: &mut ControlState, text: &str) {
        let base = state.revision();
        let outcome = state.apply(&ControlCommand::SetConfig {
            base,
            text: text.to_owned(),
            author: "root".to_owned(),
            at_unix_ms: 1,
        });
        assert!(matches!(outcome, ControlOutcome::ConfigSet { .. }));
    }

    fn survive(state: &mut ControlState, generation: u64, founder: NodeId) {
        let survival = Survival {
            lineage: ControlLineage {
                generation,
                life: Incarnation(9),
                founder,
            },
            reason: SurvivalReason::Evidence,
            by: "policy".to_owned(),
            at_unix_ms: 1,
            revision: state.revision(),
        };
        state.apply(&ControlCommand::Survived(survival));
    }

    fn names(lost: &ControlState, winner: &ControlState) -> Vec<String> {
        let lineage = ControlLineage {
            generation: 2,
            life: Incarnation(9),
            founder: B,
        };
        let commands = candidates_of(lost, (B, &Name::from("b"), lineage), winner);
        let name = |command| {
            let ControlCommand::KeepCandidate { name, .. } = command else {
                panic!("{command}");
            };
            name.to_string()
        };
        commands.into_iter().map(name).collect()
    }

    #[test]
    fn what_was_committed_apart_is_handed_over_and_what_was_common_is_not() {
        let mut common = ControlState::default();
        (1..=3).for_each(|number| commit(&mut common, &format!("common {number}")));
        let (mut winner, mut lost) = (common.clone(), common);
        survive(&mut winner, 2, A);
        // So much that the common part is forgotten there.
        (0..80).for_each(|number| commit(&mut winner, &format!("winner {number}")));
        survive(&mut lost, 2, B);
        commit(&mut lost, "lost 4");
        commit(&mut lost, "lost 5");
        assert_eq!(names(&lost, &winner), ["b-r4", "b-r5"]);
    }

    #[test]
    fn another_commit_under_a_number_that_should_be_common_is_handed_over() {
        let mut common = ControlState::default();
        commit(&mut common, "common");
        let (mut winner, mut lost) = (common.clone(), common);
        commit(&mut winner, "forgotten by the one that lost");
        commit(&mut lost, "by one that had forgotten it");
        survive(&mut winner, 2, A);
        assert_eq!(names(&lost, &winner), ["b-r2"]);
    }

    #[test]
    fn what_the_survivor_never_got_of_the_old_lineage_is_handed_over() {
        let mut winner = ControlState::default();
        commit(&mut winner, "common");
        let mut lost = winner.clone();
        commit(&mut lost, "acknowledged by the one that died");
        survive(&mut winner, 2, A);
        commit(&mut winner, "another");
        assert_eq!(names(&lost, &winner), ["b-r2"]);
    }

    #[test]
    fn what_the_loser_kept_for_an_earlier_loser_is_handed_on() {
        let mut winner = ControlState::default();
        commit(&mut winner, "common");
        let (mut first, mut second) = (winner.clone(), winner.clone());
        survive(&mut first, 2, B);
        commit(&mut first, "of the first to lose");
        survive(&mut second, 2, A);
        let lineage = ControlLineage {
            generation: 2,
            life: Incarnation(9),
            founder: B,
        };
        for command in candidates_of(&first, (B, &Name::from("b"), lineage), &second) {
            second.apply(&command);
        }
        survive(&mut winner, 3, A);
        assert_eq!(names(&second, &winner), ["b-r2"]);
        // Once, however often it is asked.
        for command in candidates_of(&second, (B, &Name::from("b"), lineage), &winner) {
            winner.apply(&command);
        }
        assert_eq!(names(&second, &winner), [] as [&str; 0]);
    }

    #[test]
    fn a_loser_without_commits_of_its_own_hands_nothing_over() {
        let mut winner = ControlState::default();
        commit(&mut winner, "common");
        let mut lost = winner.clone();
        survive(&mut winner, 2, A);
        survive(&mut lost, 2, B);
        assert_eq!(names(&lost, &winner), [] as [&str; 0]);
    }
}
